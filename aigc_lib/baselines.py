"""What a good practitioner tries first. The models must beat these, not each other.

They speak the models' verbs, so a notebook can swap one for the other.
"""

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from torch import Tensor, nn

MOST_PIXELS = 4096  # larger examples than this are not taken apart exactly: it would take minutes


class LinearCode:
    """Principal component analysis as an autoencoder: the best linear code of a given width."""

    def __init__(self, width: int):
        self.width = width

    def fit(self, x: Tensor) -> "LinearCode":
        self.shape, flat = x.shape[1:], x.flatten(1).double().numpy()
        quickest = "covariance_eigh" if 1 < self.width and flat.shape[1] <= len(flat) else "full"
        if flat.shape[1] > max(len(flat), MOST_PIXELS):
            quickest = "randomized"
        self.pca = PCA(self.width, svd_solver=quickest, random_state=0).fit(flat)
        return self

    def encode(self, x: Tensor) -> Tensor:  # (B, ...) -> (B, width)
        return torch.from_numpy(self.pca.transform(x.flatten(1).double().numpy())).float()

    def decode(self, z: Tensor) -> Tensor:  # (B, width) -> (B, ...)
        return torch.from_numpy(self.pca.inverse_transform(z.double().numpy())).float().view(-1, *self.shape)

    def score(self, x: Tensor) -> Tensor:
        """Reconstruction error of each example, (B,)."""
        return (self.decode(self.encode(x)) - x).square().flatten(1).mean(1)


class GaussianPictures:
    """One Gaussian a class in the space of the leading principal components; draws new pictures from it.

    code: another space in their place; has ``fit``, ``encode`` and ``decode`` as LinearCode has.
    """

    def __init__(self, width: int = 64, code: LinearCode | None = None):
        self.code = code or LinearCode(width)

    def fit(self, x: Tensor, labels: Tensor) -> "GaussianPictures":
        z = self.code.fit(x).encode(x).double().numpy()
        self.gaussians = {}  # of each label: mean and a root of the covariance
        for k in labels.unique():
            u, s, _ = np.linalg.svd(np.cov(z[labels == k], rowvar=False))
            self.gaussians[int(k)] = z[labels == k].mean(0), u * np.sqrt(s)
        return self

    def generate(self, cond: Tensor, seed: int = 0) -> Tensor:
        """Pictures for the labels cond (n,): (n, ...) in [-1, 1]."""
        rng = np.random.default_rng(seed)
        z = np.stack([mean + root @ rng.standard_normal(len(mean))
                      for mean, root in (self.gaussians[int(k)] for k in cond)])
        return self.code.decode(torch.from_numpy(z)).clamp(-1, 1)


class GaussianControls:
    """Pictures steered by numbers: a polynomial of the controls gives the mean of the leading principal
    components, and what it misses in the most similar examples gives a Gaussian around it.

    width: components; degree: of the polynomial; neighbours: examples that the spread is taken from.
    """

    def __init__(self, width: int, degree: int, neighbours: int):
        self.code, self.neighbours = LinearCode(width), neighbours
        self.mean = make_pipeline(PolynomialFeatures(degree), LinearRegression())

    def fit(self, x: Tensor, controls: Tensor) -> "GaussianControls":
        """x (N, ...); controls (N, K), scaled alike."""
        z, controls = self.code.fit(x).encode(x).numpy(), controls.numpy()
        self.missed = z - self.mean.fit(controls, z).predict(controls)
        self.similar = NearestNeighbors(n_neighbors=min(self.neighbours, len(z))).fit(controls)
        return self

    def generate(self, z: Tensor, controls: Tensor) -> Tensor:
        """z (n, width) of standard normal numbers, controls (n, K) -> pictures (n, ...) in [-1, 1]."""
        missed = self.missed[self.similar.kneighbors(controls.numpy())[1]]  # (n, neighbours, width)
        missed = missed - missed.mean(1, keepdims=True)
        values, vectors = np.linalg.eigh(missed.swapaxes(1, 2) @ missed / (missed.shape[1] - 1))
        root = (vectors * np.sqrt(values.clip(0))[:, None]) @ vectors.swapaxes(1, 2)  # turns slowly with the controls
        codes = self.mean.predict(controls.numpy()) + (root @ z.numpy()[..., None])[..., 0]
        return self.code.decode(torch.from_numpy(codes)).clamp(-1, 1)


class Regression(nn.Module):
    """One answer a question, trained on the mean squared error: it learns the average of all good answers.

    network: ``f(z, cond)`` as a GAN's generator; z is always 0. latent_dim: how many zeros it wants.
    """

    def __init__(self, network: nn.Module, latent_dim: int):
        super().__init__()
        self.network, self.latent_dim = network, latent_dim

    def predict(self, cond: Tensor) -> Tensor:
        """Given pictures (B, C, H, W), or other conditions (B, ...) -> answers, the same ones each time."""
        return self.network(cond.new_zeros(len(cond), self.latent_dim), cond)

    def loss(self, x: Tensor, cond: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return (self.predict(cond).float() - x).square().mean()


class KneserNey:
    """Interpolated Kneser-Ney: the chance of a character given up to ``order - 1`` tokens before it.

    A longer context is mixed with the next shorter one; below them come the character's place in its
    line, the character alone, and the uniform distribution. Form is a gift: the tokens ``free``, such as
    punctuation, cost nothing. Kneser & Ney 1995; Chen & Goodman 1999.
    """

    def __init__(self, n_tokens: int, order: int, discount: float, free: Sequence[int] = ()):
        if order < 1 or not 0 < discount < 1:
            raise ValueError(f"order must be at least 1 and discount between 0 and 1, got {order} and {discount}.")
        self.order, self.discount, self.free = order, discount, set(free)
        self.wanted = [token for token in range(n_tokens) if token not in self.free]

    def fit(self, tokens: Tensor) -> "KneserNey":
        """tokens: (N, T) int64."""
        events = [event for text in tokens.tolist() for event in self._events(text)]
        self.counts: list[dict] = []
        for level in range(self.order + 1):
            longer = max(2, level + 1)
            if level == 1 or longer > self.order:
                uses = [(contexts[level], new) for contexts, new in events]
            else:  # how many longer contexts a character has followed says more than how often it occurs
                kinds = {(contexts[longer], contexts[level], new) for contexts, new in events}
                uses = [(context, new) for _, context, new in kinds]
            table: dict[tuple, Counter] = defaultdict(Counter)
            for context, new in uses:
                table[context][new] += 1
            self.counts.append({context: (count, count.total()) for context, count in table.items()})
        return self

    def nats(self, tokens: Tensor) -> Tensor:
        """-log p(text): (N, T) -> (N,) float64."""
        return torch.tensor([sum(-math.log(self._chance(*event)) for event in self._events(text))
                             for text in tokens.tolist()], dtype=torch.float64)

    def generate(self, n: int, form: Sequence[int | None], never: Sequence[int] = (), seed: int = 0) -> Tensor:
        """n texts (n, T). form: the tokens that are given, and None where a character is wanted; never: not these."""
        rng = random.Random(seed)
        texts = []
        for _ in range(n):
            text: list[int] = []
            place = 0
            for given in form:
                place = place + 1 if given is None else 0
                contexts = self._contexts(text, place)
                new = self._draw(contexts, rng) if given is None else given
                while given is None and new in never:
                    new = self._draw(contexts, rng)
                text.append(new)
            texts.append(text)
        return torch.tensor(texts)

    def _draw(self, contexts: list[tuple], rng: random.Random) -> int:
        """The mixture as it is written: seen after the longest context, or else drawn from the next shorter one."""
        for table, context in zip(self.counts[::-1], contexts[::-1]):
            if context in table:
                count, total = table[context]
                left = rng.random() * total
                for new, times in count.items():
                    left -= max(times - self.discount, 0)
                    if left < 0:
                        return new
        return rng.choice(self.wanted)

    def _events(self, text: list[int]) -> Iterator[tuple[list[tuple], int]]:
        """Each character that costs something, with its contexts from none to the longest."""
        place = 0
        for i, new in enumerate(text):
            place = 0 if new in self.free else place + 1
            if place:
                yield self._contexts(text[:i], place), new

    def _contexts(self, before: list[int], place: int) -> list[tuple]:
        padded = [-1] * (self.order - 1) + before
        return [(), (place,), *(tuple(padded[len(padded) - k:]) for k in range(1, self.order))]

    def _chance(self, contexts: list[tuple], new: int) -> float:
        chance = 1 / len(self.wanted)
        for table, context in zip(self.counts, contexts):
            if context in table:
                count, total = table[context]
                chance = (max(count[new] - self.discount, 0) + self.discount * len(count) * chance) / total
        return chance


def sentences(text: str) -> list[str]:
    """The sentences of a Chinese text, each with its closing mark; a new line also ends one."""
    return [part.strip() for part in re.findall("[^。！？；\n]+[。！？；]?[”』」）]*", text) if part.strip()]


def lead(text: str, length: int) -> str:
    """The first ``length`` characters of the first sentence: what a newspaper puts first. Without closing mark."""
    first = sentences(text)[:1] or [""]
    return first[0].rstrip("。！？；")[:length].rstrip("，、：")


class TextRank:
    """The sentence that the other sentences vote for: PageRank over their likeness. Mihalcea & Tarau 2004.

    Likeness is the cosine of tf-idf vectors of characters and pairs of characters, as Erkan & Radev (2004)
    have it for words; their rarity is counted on the texts given to ``fit``.
    """

    def __init__(self, most: int = 12):
        self.most = most  # sentences of a text that are looked at
        self.vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)

    def fit(self, texts: Iterable[str]) -> "TextRank":
        self.vectors.fit(sentence for text in texts for sentence in sentences(text))
        return self

    def pick(self, text: str) -> str:
        """The sentence with the most votes; the earlier one of two equals."""
        import networkx  # here, because only this baseline needs it

        parts = sentences(text)[:self.most]
        rows = self.vectors.transform(parts)
        likeness = (rows @ rows.T).toarray()
        np.fill_diagonal(likeness, 0)
        votes = networkx.pagerank(networkx.from_numpy_array(likeness))
        return parts[max(votes, key=lambda i: (round(votes[i], 9), -i))]
