"""Inspection (chapter 7.2): cells of one module stay together, what an engineer measures, what mistakes cost."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_lib.checks import check_tensor
from aigc_lib.solar_cells import CELL_SIDE

LEAST_SPREAD = 0.02  # of grey values in [-1, 1]; the faintest real cell has several times as much


def infer_modules(mono: np.ndarray, size: int = 60) -> np.ndarray:
    """A guess at which solar module each cell was cut from: numbers 0, 1, ... (N,).

    mono: the type of each cell (N,), in the order of the files. The data do not say it, but neighbours in the
    files look alike: each run of one type is cut into blocks of about ``size`` cells, the usual module.
    """
    starts = np.flatnonzero(np.r_[True, mono[1:] != mono[:-1]])
    blocks, first = [], 0
    for n in np.diff(np.r_[starts, len(mono)]):
        parts = max(1, round(n / size))
        blocks.append(first + np.arange(n) * parts // n)
        first += parts
    return np.concatenate(blocks)


def split_modules(modules: np.ndarray, mono: np.ndarray, seed: int, test: float = 0.3, folds: int = 3) -> np.ndarray:
    """-1 for the cells of test modules, else the number of a fold to learn and choose with, (N,).

    A module is on one side only; each type gives the same share of its modules to the test and to each fold.
    """
    rng, side = np.random.default_rng(seed), np.full(len(modules), -1)
    for kind in (True, False):
        own = rng.permutation(np.unique(modules[mono == kind]))
        for i, module in enumerate(own[round(test * len(own)):]):
            side[modules == module] = i % folds
    return side


def standardise_cells(pictures: Tensor) -> Tensor:
    """Light relative to the picture's own bright level, its 90th percentile: (N, 1, 100, 100) in [-1, 1] -> same.

    No light is -1, the bright level 0.6, 1.25 times as much and more 1. A current or an exposure twice as high
    leaves the result as it is. ValueError for another size or range, and for a blank picture.
    """
    check_tensor(pictures, "pictures", (None, 1, CELL_SIDE, CELL_SIDE), -1, 1)
    blank = (pictures.flatten(1).std(1) < LEAST_SPREAD).nonzero().flatten().tolist()
    if blank:
        raise ValueError(f"pictures {blank[:5]} are blank (spread of grey below {LEAST_SPREAD}): no cell was in front "
                         "of the camera, or no current flowed; take them again.")
    light = (pictures + 1) / 2
    bright = torch.from_numpy(np.quantile(light.flatten(1).numpy(), 0.9, axis=1)).float()
    return (1.6 * light / bright[:, None, None, None] - 1).clamp(-1, 1)


def cell_features(pictures: Tensor, grid: int = 5) -> np.ndarray:
    """What an engineer would measure and where, (N, 11 grid^2 + 2): the ``_fields`` one by one, then ``_whole``."""
    return np.concatenate([_fields(pictures, grid).flatten(1).numpy(), _whole(pictures)], axis=1)


def cell_statistics(pictures: Tensor, grid: int = 10) -> np.ndarray:
    """The same, but not where, (N, 101): nine quantiles over the fields of each measurement, then ``_whole``.

    A crack is a crack in whichever corner it lies: with few cells, a classifier learns more without the places.
    """
    ranks = [0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1]
    spread = np.quantile(_fields(pictures, grid).flatten(2).numpy(), ranks, axis=2)  # (9, N, 11)
    return np.concatenate([spread.transpose(1, 2, 0).reshape(len(pictures), -1), _whole(pictures)], axis=1)


def _fields(pictures: Tensor, grid: int, bins: int = 8) -> Tensor:
    """(N, bins + 3, grid, grid): strength of edges by direction (Dalal & Triggs 2005), mean, spread, darkest point."""
    x = standardise_cells(pictures)
    down, right = x[..., 2:, 1:-1] - x[..., :-2, 1:-1], x[..., 1:-1, 2:] - x[..., 1:-1, :-2]
    direction = (torch.atan2(down, right) % torch.pi / torch.pi * bins).long().clamp(max=bins - 1)
    edges = torch.zeros(len(x), bins, *down.shape[2:]).scatter_(1, direction, down.hypot(right))
    mean = F.adaptive_avg_pool2d(x, grid)
    spread = (F.adaptive_avg_pool2d(x.square(), grid) - mean.square()).clamp(min=0).sqrt()
    return torch.cat([F.adaptive_avg_pool2d(edges, grid), mean, spread, -F.adaptive_max_pool2d(-x, grid)], dim=1)


def _whole(pictures: Tensor) -> np.ndarray:
    """Brightness and spread of the whole picture as it was taken, (N, 2): a cell that is cut off is dark all over."""
    return torch.stack([pictures.mean((1, 2, 3)), pictures.std((1, 2, 3))], dim=1).numpy()


def pool_errors(error: Tensor) -> dict[str, np.ndarray]:
    """One number a picture from its error map (N, 1, H, W), three ways: mean, worst hundredth, worst spot of 5x5."""
    smooth = F.avg_pool2d(error, 5, stride=1, padding=2).flatten(1)
    worst = smooth.topk(max(1, smooth.shape[1] // 100), dim=1).values
    return {"平均": error.flatten(1).mean(1).numpy(), "最坏的百分之一": worst.mean(1).numpy(),
            "最坏的一处": worst[:, 0].numpy()}


def inspection_cost(rejected: np.ndarray, defective: np.ndarray, share: float, miss: float, alarm: float = 1.0) -> float:
    """What the mistakes on 100 cells cost, on a line where ``share`` of the cells are defective.

    rejected, defective: (N,) bool, of cells that were collected with another share. ValueError unless both
    good and defective cells are there.
    """
    if defective.all() or not defective.any():
        raise ValueError("the cost needs good and defective cells, found only one of the two.")
    missed, alarmed = (~rejected[defective]).mean(), rejected[~defective].mean()
    return float(100 * (share * miss * missed + (1 - share) * alarm * alarmed))


def cheapest_threshold(score: np.ndarray, defective: np.ndarray, share: float, miss: float, alarm: float = 1.0) -> float:
    """Reject from this score on; the highest of the cheapest. inf: reject none."""
    thresholds = np.r_[np.unique(score), np.inf]
    costs = [inspection_cost(score >= t, defective, share, miss, alarm) for t in thresholds]
    return float(thresholds[len(costs) - 1 - int(np.argmin(costs[::-1]))])
