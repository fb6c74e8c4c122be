"""Manufacturing: what a factory asks of a model. No model code."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_lib.checks import check_tensor
from aigc_lib.solar_cells import CELL_SIDE

# ---- 7.2 quality: cells of one module stay together, a cell in tiles, what mistakes cost ----

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


def split_modules(modules: np.ndarray, mono: np.ndarray, seed: int, shares: tuple[float, float] = (0.5, 0.2)) -> np.ndarray:
    """"train", "valid" or "test" for each cell (N,): whole modules, the same shares of each type."""
    rng, split = np.random.default_rng(seed), np.full(len(modules), "test ")
    for kind in (True, False):
        own = rng.permutation(np.unique(modules[mono == kind]))
        first, second = round(shares[0] * len(own)), round(sum(shares) * len(own))
        split[np.isin(modules, own[:first])] = "train"
        split[np.isin(modules, own[first:second])] = "valid"
    return np.char.strip(split)


def standardise_cells(pictures: Tensor) -> Tensor:
    """Each picture with mean 0 and spread 1/3, cut off at -1 and 1: (N, 1, 100, 100) in [-1, 1] -> same.

    Modules differ in exposure. ValueError for another size or range, and for a blank picture, which has no spread.
    """
    check_tensor(pictures, "pictures", (None, 1, CELL_SIDE, CELL_SIDE), -1, 1)
    spread = pictures.std((1, 2, 3), keepdim=True)
    blank = (spread.flatten() < LEAST_SPREAD).nonzero().flatten().tolist()
    if blank:
        raise ValueError(f"pictures {blank[:5]} are blank (spread of grey below {LEAST_SPREAD}): no cell was in front "
                         "of the camera, or no current flowed; take them again.")
    return ((pictures - pictures.mean((1, 2, 3), keepdim=True)) / (3 * spread)).clamp(-1, 1)


def cell_features(pictures: Tensor, bins: int = 8, grid: int = 5) -> np.ndarray:
    """What an engineer would measure, (N, grid * grid * (bins + 3) + 2): in each field of a grid the strength of
    edges by direction (Dalal & Triggs 2005), mean, spread and darkest point; then brightness and spread of the whole.
    """
    x = standardise_cells(pictures)
    down, right = x[..., 2:, 1:-1] - x[..., :-2, 1:-1], x[..., 1:-1, 2:] - x[..., 1:-1, :-2]
    direction = (torch.atan2(down, right) % torch.pi / torch.pi * bins).long().clamp(max=bins - 1)
    edges = torch.zeros(len(x), bins, *down.shape[2:]).scatter_(1, direction, down.hypot(right))
    mean = F.adaptive_avg_pool2d(x, grid)
    spread = (F.adaptive_avg_pool2d(x.square(), grid) - mean.square()).clamp(min=0).sqrt()
    darkest = -F.adaptive_max_pool2d(-x, grid)
    fields = [F.adaptive_avg_pool2d(edges, grid), mean, spread, darkest]
    whole = torch.stack([pictures.mean((1, 2, 3)), pictures.std((1, 2, 3))], dim=1)
    return torch.cat([*(field.flatten(1) for field in fields), whole], dim=1).numpy()


def tiles(x: Tensor, side: int = 20, stride: int = 10) -> Tensor:
    """Overlapping squares of pictures (N, 1, H, W), row by row: (N, T, 1, side, side)."""
    cut = x.unfold(2, side, stride).unfold(3, side, stride)  # (N, 1, rows, columns, side, side)
    return cut.flatten(2, 3).transpose(1, 2)


def random_tiles(x: Tensor, n: int, seed: int, side: int = 20) -> Tensor:
    """n squares from anywhere in pictures (N, 1, H, W): (n, 1, side, side)."""
    cut = x.unfold(2, side, 1).unfold(3, side, 1)[:, 0]  # a view (N, rows, columns, side, side)
    g = torch.Generator().manual_seed(seed)
    return cut[tuple(torch.randint(size, (n,), generator=g) for size in cut.shape[:3])][:, None]


def untile(parts: Tensor, whole: int = CELL_SIDE, stride: int = 10) -> Tensor:
    """Tiles (N, T, 1, side, side) back in place, (N, 1, whole, whole); where they overlap, their mean."""
    side = parts.shape[-1]
    columns = parts.flatten(2).transpose(1, 2)  # (N, side * side, T)
    place = {"output_size": (whole, whole), "kernel_size": side, "stride": stride}
    return F.fold(columns, **place) / F.fold(torch.ones_like(columns[:1]), **place)


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
