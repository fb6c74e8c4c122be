"""What a generator gives away about the people it learnt from, and how to bound it.

Membership inference asks: was this record in the training set? (Shokri et al. 2017.) Differential privacy bounds
every such attack in advance (Dwork et al. 2006); DP-SGD trains under it (Abadi et al. 2016). Records are counted by
adding or removing one. DP-SGD needs the package opacus, which is imported only where it is used.
"""

import math
import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve
from torch import Tensor, nn

from aigc_lib.checks import check_tensor
from aigc_lib.diffusion import Diffusion
from aigc_lib.training import MovingAverage, Step

FEWEST_EXPECTED = 32  # records a batch; an empty draw has then a chance below 1e-13


class Attack(NamedTuple):
    """auc: 0.5 is guessing; tpr: share of the members found where ``fpr`` of the others are accused."""

    auc: float
    tpr: float


def judge_attack(members: np.ndarray, others: np.ndarray, fpr: float = 0.01) -> Attack:
    """How well scores, higher for "was in the training set", tell members (N,) from others (M,). Carlini et al. 2022."""
    for name, scores in (("members", members), ("others", others)):
        if np.ndim(scores) != 1 or not len(scores) or not np.isfinite(scores).all():
            raise ValueError(f"{name} must be finite scores (N,), found shape {np.shape(scores)}.")
    score, truth = np.concatenate([members, others]), np.repeat([1, 0], [len(members), len(others)])
    false, true, _ = roc_curve(truth, score)
    return Attack(float(roc_auc_score(truth, score)), float(true[false <= fpr].max()))


@torch.no_grad()
def record_losses(model: Diffusion, x: Tensor, time: float, draws: int = 20, seed: int = 0) -> Tensor:
    """How badly a diffusion model tells noise from record at ``time`` in (0, 1), for each record (N,).

    The mean squared error of its noise - x_0 over ``draws`` noises (Matsumoto, Miura & Yanai 2023). Two models asked
    with one seed see the same noises, so that their losses may be compared record by record.
    """
    check_tensor(x, "x", (None, *model.shape))
    if not 0 < time < 1:
        raise ValueError(f"time must lie between 0 and 1, found {time}.")
    generator = torch.Generator().manual_seed(seed)
    t, total = torch.full((len(x),), time), torch.zeros(len(x))
    for _ in range(draws):
        noise = torch.randn(x.shape, generator=generator)
        x0, guess = model.denoise(model.diffuse(x, t, noise), t)
        total += ((guess - x0) - (noise - x)).square().flatten(1).mean(1)
    return total / draws


def most_true_positives(fpr: np.ndarray, epsilon: float, delta: float) -> np.ndarray:
    """The share of members that any attack on an (epsilon, delta)-private model can find. Kairouz, Oh & Viswanath 2015."""
    fpr = np.asarray(fpr, float)
    return np.minimum(np.exp(epsilon) * fpr + delta, 1 - np.exp(-epsilon) * (1 - delta - fpr)).clip(0, 1)


# DP-SGD

def noise_for(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """The noise, in units of the clipped gradient, with which ``steps`` of DP-SGD spend at most epsilon.

    rate: the chance of each record to be in a batch. Rényi accounting (Mironov, Talwar & Zhang 2019), by opacus.
    """
    from opacus.accountants.utils import get_noise_multiplier

    if not (epsilon > 0 and 0 < delta < 1 and 0 < rate <= 1 and steps >= 1):
        raise ValueError(f"expected epsilon > 0, 0 < delta < 1, 0 < rate <= 1 and steps >= 1, found epsilon = {epsilon}, "
                         f"delta = {delta}, rate = {rate}, steps = {steps}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at the ends of its search the best order is at an end of opacus' list
        return float(get_noise_multiplier(target_epsilon=epsilon, target_delta=delta, sample_rate=rate, steps=steps,
                                          accountant="rdp"))


def epsilon_spent(noise: float, delta: float, rate: float, steps: int) -> float:
    """The epsilon that ``steps`` of DP-SGD have spent at this delta, after opacus' Rényi accountant."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(noise, rate, steps)]
    return float(accountant.get_epsilon(delta))


def train_private(model: nn.Module, x: Tensor, steps: int, noise: float, *, batch_size: int = 256, clip: float = 1.0,
                  lr: float = 2e-3, ema: float | None = 0.99, seed: int = 0) -> Iterator[Step]:
    """As ``training.train``, by DP-SGD: each record's gradient is cut to length ``clip``, then noise is added.

    Every record joins a batch by its own toss of a coin, with chance ``batch_size / N`` (Poisson sampling), which is
    what the accounting assumes. ``model.loss`` must be a mean over records of which each stands alone. Adam adds no
    privacy cost, nor does the moving average: both see only noisy gradients. The noise is PyTorch's, good for a
    lesson; a real release needs a cryptographic source. Raises ValueError for a model whose layers mix records.
    """
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    check_tensor(x, "x")
    _check_layers(model)
    if not FEWEST_EXPECTED <= batch_size <= len(x):
        raise ValueError(f"batch_size must lie between {FEWEST_EXPECTED} and the {len(x)} records, found {batch_size}.")
    generator = torch.Generator().manual_seed(seed)
    hooked = GradSampleModule(model.train())
    optimizer = DPOptimizer(torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.99)), noise_multiplier=noise,
                            max_grad_norm=clip, expected_batch_size=batch_size, generator=generator)
    average = MovingAverage(model, ema) if ema else None
    spent, resumed = 0.0, time.perf_counter()
    try:
        for step in range(1, steps + 1):
            batch = x[torch.rand(len(x), generator=generator) < batch_size / len(x)]
            optimizer.zero_grad()
            loss = model.loss(batch, generator=generator)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Full backward hook")  # of the first layer: its input is data
                loss.backward()
            optimizer.step()
            if average:
                average.update(step)
            spent += time.perf_counter() - resumed
            yield Step(step, spent, {"loss": loss.item()})
            resumed = time.perf_counter()
    finally:
        hooked.to_standard_module()
        if average:
            average.copy_to_model()
        model.eval()


def _check_layers(model: nn.Module) -> None:
    from opacus.validators import ModuleValidator

    if errors := ModuleValidator.validate(model.train(), strict=False):
        raise ValueError(f"{len(errors)} layer(s) mix the records of a batch, so no record's own gradient exists "
                         f"({str(errors[0]).split('.')[0]}); use GroupNorm in place of BatchNorm.")


# a private baseline without a network

def gaussian_noise(epsilon: float, delta: float) -> float:
    """The least noise that makes one release of sensitivity 1 private, exactly. Balle & Wang 2018, theorem 8."""
    if not (epsilon > 0 and 0 < delta < 1):
        raise ValueError(f"expected epsilon > 0 and 0 < delta < 1, found epsilon = {epsilon}, delta = {delta}.")

    def excess(log_sigma: float) -> float:
        half, tilt = 1 / (2 * math.exp(log_sigma)), epsilon * math.exp(log_sigma)
        return norm.cdf(half - tilt) - math.exp(epsilon + norm.logcdf(-half - tilt)) - delta

    return math.exp(brentq(excess, math.log(1e-3), math.log(1e4), xtol=1e-10))


class PrivateGaussian:
    """A Gaussian with the rows' mean and covariance, released once with noise (Analyze Gauss: Dwork et al. 2014).

    bound: rows longer than this are cut to it. It must not be chosen by looking at the rows.
    """

    def __init__(self, epsilon: float, delta: float, bound: float):
        self.noise, self.bound = gaussian_noise(epsilon, delta), bound

    def fit(self, x: Tensor, seed: int = 0) -> "PrivateGaussian":
        """x (N, D). What is kept of x is the noisy matrix of second moments, with a 1 for the mean and the count."""
        check_tensor(x, "x", (None, None))
        rows = x.double() * (self.bound / x.double().norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(max=1)
        rows = torch.cat([rows, torch.ones(len(rows), 1, dtype=torch.double)], dim=1)
        generator = torch.Generator().manual_seed(seed)
        size = rows.shape[1]
        upper = torch.randn(size, size, generator=generator, dtype=torch.double).triu() * self.noise * (self.bound**2 + 1)
        moments = rows.T @ rows + upper + upper.triu(1).T
        moments = moments / moments[-1, -1].clamp(min=1)
        self.mean = moments[-1, :-1]
        values, vectors = torch.linalg.eigh(moments[:-1, :-1] - torch.outer(self.mean, self.mean))
        self.root = vectors * values.clamp(min=0).sqrt()
        return self

    def generate(self, n: int, seed: int = 0) -> Tensor:
        noise = torch.randn(n, len(self.mean), generator=torch.Generator().manual_seed(seed), dtype=torch.double)
        return (self.mean + noise @ self.root.T).float()
