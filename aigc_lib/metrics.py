"""How good are generated examples, and how true are stated chances?

Features are float arrays (N, D). For pictures they come from ``PictureFeatures``, a small classifier
that belongs to the course (recipe: data/prepare/fashion_classifier.py), so a distance means the
same thing on every machine. It is not comparable with published FID values.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from aigc_lib.catalog import data_file
from aigc_lib.checks import check_tensor
from aigc_lib.networks import Classifier


class ClassifierFeatures:
    """What a trained ``Classifier`` makes of pictures (N, *shape) in [-1, 1]: features to compare, and what it reads."""

    def __init__(self, classifier: Classifier, shape: tuple[int, int, int] = (1, 28, 28)):
        self.classifier, self.shape = classifier.eval(), (None, *shape)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> np.ndarray:
        """Pictures -> features (N, D)."""
        check_tensor(x, "pictures", self.shape)
        return torch.cat([self.classifier.features(part) for part in x.cpu().split(500)]).double().numpy()

    @torch.no_grad()
    def classify(self, x: Tensor) -> Tensor:
        """The likeliest label of each picture, (N,)."""
        check_tensor(x, "pictures", self.shape)
        return torch.cat([self.classifier(part).argmax(1) for part in x.cpu().split(500)])

    def accuracy(self, x: Tensor, labels: Tensor) -> float:
        """Share of pictures that are read as the label they were made for."""
        return (self.classify(x) == labels.cpu()).float().mean().item()

    def shares(self, x: Tensor) -> np.ndarray:
        """How the pictures spread over the classes, summing to 1; a collapsed generator misses some."""
        return torch.bincount(self.classify(x), minlength=self.classifier.head.out_features).numpy() / len(x)


class PictureFeatures(ClassifierFeatures):
    """The course's Fashion-MNIST classifier, with weights from ``data/weights``."""

    def __init__(self) -> None:
        classifier = Classifier()
        classifier.load_state_dict(load_file(data_file("weights", "fashion_classifier.safetensors")))
        super().__init__(classifier)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance between Gaussians fitted to two sets of features. Heusel et al. 2017.

    Raises ValueError when either set is too small for its covariance (needs more than D examples).
    """
    for name, features in (("a", a), ("b", b)):
        if features.ndim != 2 or len(features) <= features.shape[1] or not np.isfinite(features).all():
            raise ValueError(f"{name} must be finite features (N, D) with N > D, found shape {features.shape}.")
    cov_a, cov_b = np.cov(a, rowvar=False).reshape(a.shape[1], -1), np.cov(b, rowvar=False).reshape(b.shape[1], -1)
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T  # also where a feature never fires
    middle = np.linalg.eigvalsh(root @ cov_b @ root).clip(0)  # eigenvalues of a symmetric twin of cov_a cov_b
    shift = a.mean(0) - b.mean(0)
    return float(shift @ shift + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(middle).sum())


def peak_signal_to_noise(a: Tensor, b: Tensor, peak: float = 2.0) -> float:
    """Mean over pictures of 10 log10(peak^2 / mean squared error), in dB. a, b (N, ...), with a range of ``peak``."""
    error = (a - b).square().flatten(1).mean(1).clamp(min=1e-12)  # at most 120 dB above the peak
    return (10 * torch.log10(peak**2 / error)).mean().item()


def power_spectrum(x: Tensor) -> np.ndarray:
    """Mean power of pictures (N, C, H, W) at 1, 2, ... H // 2 waves a picture, whatever their direction.

    A Hann window keeps the jump from one edge to the other out of it. Square pictures only.
    """
    check_tensor(x, "pictures", (None, None, None, x.shape[-2]))
    side = x.shape[-1]
    window = torch.hann_window(side, periodic=False)
    x = (x.float() - x.float().mean((2, 3), keepdim=True)) * window * window[:, None]
    power = torch.fft.fft2(x).abs().square().mean((0, 1)).numpy()
    waves = np.fft.fftfreq(side, 1 / side)
    ring = np.hypot(waves, waves[:, None]).round().astype(int)
    return np.bincount(ring.ravel(), power.ravel())[1:side // 2 + 1] / np.bincount(ring.ravel())[1:side // 2 + 1]


def spectrum_gap(a: Tensor, b: Tensor) -> float:
    """How far two sets of pictures lie apart in power, in dB, as a mean over wavelengths; 3 dB is a factor of 2."""
    return float(np.abs(10 * np.log10(power_spectrum(a) / power_spectrum(b))).mean())


class Fidelity(NamedTuple):
    """precision, density: are generated examples near real ones; recall, coverage: are real ones reached."""

    precision: float
    recall: float
    density: float
    coverage: float


def fidelity(real: np.ndarray, fake: np.ndarray, k: int = 5) -> Fidelity:
    """Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    Each set's manifold is the union of balls that reach an example's k-th neighbour in its own set.
    """
    def radii(features: np.ndarray) -> np.ndarray:
        return NearestNeighbors(n_neighbors=k + 1).fit(features).kneighbors(features)[0][:, -1]

    distance = torch.cdist(torch.from_numpy(real), torch.from_numpy(fake)).numpy()  # (real, fake)
    in_real, in_fake = distance < radii(real)[:, None], distance < radii(fake)[None]
    return Fidelity(precision=float(in_real.any(0).mean()), recall=float(in_fake.any(1).mean()),
                    density=float(in_real.sum(0).mean() / k), coverage=float(in_real.any(1).mean()))


def nearest(x: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Euclidean distance of each x (N, ...) to its nearest training example, and that one's index: (N,), (N,)."""
    flat = training.flatten(1)
    distance, index = zip(*(torch.cdist(part, flat).min(1) for part in x.flatten(1).split(500)))
    return torch.cat(distance), torch.cat(index)


def copying(fake: Tensor, training: Tensor, held_out: Tensor, quantile: float = 0.01) -> float:
    """Share of generated examples that sit closer to the training set than honest new examples do.

    The yardstick is the distance below which only ``quantile`` of held-out real examples lie, so an
    honest generator scores about ``quantile`` and one that memorises scores up to 1.
    """
    yardstick = nearest(held_out, training)[0].quantile(quantile)
    return (nearest(fake, training)[0] <= yardstick).float().mean().item()


def modes_reached(points: Tensor, centres: Tensor, radius: float, least: int = 10) -> tuple[int, float]:
    """For mixtures: centres (K, D) with at least ``least`` points within radius, and the share of points there."""
    distance, index = torch.cdist(points, centres).min(1)
    good = distance <= radius
    hits = torch.bincount(index[good], minlength=len(centres))
    return int((hits >= least).sum()), good.float().mean().item()


class Rouge(NamedTuple):
    """Mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L, each in 0..1."""

    one: float
    two: float
    longest: float


class _Characters:
    """A tokenizer as rouge_score wants it; its own would throw Chinese away."""

    def tokenize(self, text: str) -> list[str]:
        return [character for character in text if character.isalnum()]


def rouge(texts: Sequence[str], references: Sequence[str]) -> Rouge:
    """How much of each reference a text holds, on characters, punctuation left out. Lin 2004.

    Raises ValueError unless there is one reference a text, and at least one.
    """
    from rouge_score.rouge_scorer import RougeScorer  # here, because it takes a second to import

    if len(texts) != len(references) or not texts:
        raise ValueError(f"rouge needs one reference a text, got {len(texts)} texts and {len(references)} references.")
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_Characters())
    scores = [scorer.score(reference, text) for text, reference in zip(texts, references)]
    return Rouge(*(sum(s[name].fmeasure for s in scores) / len(scores) for name in ("rouge1", "rouge2", "rougeL")))


def crps(samples: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score of equally likely samples (N, S, ...) for what came, y (N, ...): -> like y.

    E|X - y| - E|X - X'| / 2 with X, X' two different samples (Gneiting & Raftery 2007, equation 21; the fair
    version of Ferro 2014), in the unit of y; smaller is better. Needs S >= 2.
    """
    samples, y = np.asarray(samples, float), np.asarray(y, float)
    n = samples.shape[1] if samples.ndim > 1 else 0
    if n < 2 or samples.shape[:1] + samples.shape[2:] != y.shape:
        raise ValueError(f"crps needs samples (N, S >= 2, ...) and y (N, ...), got {samples.shape} and {y.shape}.")
    weight = (2 * np.arange(n) - n + 1).reshape(1, n, *[1] * (y.ndim - 1))  # of the sorted samples, in sum |X - X'|
    spread = (weight * np.sort(samples, axis=1)).sum(1) / (n * (n - 1))
    return np.abs(samples - y[:, None]).mean(1) - spread


def band_holds(samples: np.ndarray, y: np.ndarray, share: float = 0.8) -> np.ndarray:
    """Does the central band with ``share`` of the samples (N, S, ...) hold y (N, ...)? Booleans like y."""
    low, high = np.quantile(samples, [(1 - share) / 2, (1 + share) / 2], axis=1)
    return (low <= y) & (y <= high)


def kolmogorov_smirnov(score: np.ndarray, event: np.ndarray) -> float:
    """KS: the largest gap between the shares of events and of others with at most a given score, 0 to 1.

    score (N,); event (N,) of bool. Credit scoring uses it beside the area under the curve.
    """
    from scipy.stats import ks_2samp  # here, because scipy.stats takes half a second to import

    _check_events(score, event)
    return float(ks_2samp(score[event], score[~event]).statistic)


class Reliability(NamedTuple):
    """What was said and what happened, one entry a bin: counts, mean chance said, share that happened, 95 % interval."""

    count: np.ndarray
    said: np.ndarray
    happened: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap between said and happened. Naeini, Cooper & Hauskrecht 2015."""
        return float(np.average(np.abs(self.said - self.happened), weights=self.count))


def reliability(chance: np.ndarray, event: np.ndarray, bins: int = 10) -> Reliability:
    """Bins of equal count, from the least chance to the largest; the intervals are Wilson's (1927)."""
    _check_events(chance, event)
    if not (0 <= chance.min() and chance.max() <= 1 and 1 <= bins <= len(chance)):
        raise ValueError(f"chances must lie in [0, 1] and bins in 1..{len(chance)}, got up to {chance.max():.3g} and {bins}.")
    parts = np.array_split(np.argsort(chance, kind="stable"), bins)
    count = np.array([len(part) for part in parts])
    hits = np.array([event[part].sum() for part in parts])
    low, high = wilson(hits, count)
    return Reliability(count, np.array([chance[part].mean() for part in parts]), hits / count, low, high)


def wilson(hits: np.ndarray, count: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share of ``hits`` in ``count``. Wilson 1927."""
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low, high = np.where(hits == 0, 0.0, middle - half), np.where(hits == count, 1.0, middle + half)  # no rounding there
    return low[()], high[()]


def _check_events(score: np.ndarray, event: np.ndarray) -> None:
    if score.shape != event.shape or score.ndim != 1 or event.dtype != bool or not np.isfinite(score).all():
        raise ValueError(f"expected finite scores (N,) and bool events (N,), got {score.shape} and {event.dtype} {event.shape}.")
    if event.all() or not event.any():
        raise ValueError("events must hold both outcomes; with only one there is nothing to tell apart.")
