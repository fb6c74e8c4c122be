"""Medical imaging (chapter 8.2): simulated heads with lesions whose place is known, maps of what looks odd.

The heads are made of ellipses as the phantom of Shepp & Logan (1974) is, in the contrasts of Toft (1996). No
person is in them, and nothing here is a diagnosis.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_lib.checks import check_tensor

SIDE = 32  # pixels of a picture
WINDOW = 0.5  # grey values from here on are white: bone saturates, as in a radiologist's brain window
NOTICE = "不是诊断，不能用于看病"
# grey (adds up), half axes across and down, centre across and down, angle (rad); the picture reaches from -1 to 1
SHEPP_LOGAN = np.array([
    (1.0, 0.69, 0.92, 0, 0, 0), (-0.8, 0.6624, 0.874, 0, -0.0184, 0),  # skull, brain
    (-0.2, 0.11, 0.31, 0.22, 0, -np.pi / 10), (-0.2, 0.16, 0.41, -0.22, 0, np.pi / 10),  # two dark chambers
    (0.1, 0.21, 0.25, 0, 0.35, 0), (0.1, 0.046, 0.046, 0, 0.1, 0), (0.1, 0.046, 0.046, 0, -0.1, 0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0), (0.1, 0.023, 0.023, 0, -0.605, 0), (0.1, 0.023, 0.046, 0.06, -0.605, 0)])


class Scans(NamedTuple):
    """Pictures (N, 1, 32, 32) in [-1, 1]; where the lesion is, bool like them; whose they are (N,); ill or not (N,)."""

    pictures: Tensor
    masks: Tensor
    patients: np.ndarray
    ill: np.ndarray

    def take(self, rows: np.ndarray) -> "Scans":
        return Scans(self.pictures[rows], self.masks[rows], self.patients[rows], self.ill[rows])


def inside_ellipse(table: np.ndarray, side: int) -> np.ndarray:
    """Which points of a side x side grid over [-1, 1] lie in one ellipse a picture: (N, 6) -> bool (N, side, side)."""
    _, across, down, x, y, angle = table.T
    u = np.stack([np.cos(angle) / across, np.sin(angle) / across], axis=1)
    v = np.stack([np.sin(angle) / down, -np.cos(angle) / down], axis=1)
    u0, v0 = u[:, 0] * x + u[:, 1] * y, v[:, 0] * x + v[:, 1] * y
    # (u.p - u0)^2 + (v.p - v0)^2 <= 1, multiplied out: one matrix product in place of many passes over the pictures
    terms = np.stack([u[:, 0] ** 2 + v[:, 0] ** 2, 2 * (u[:, 0] * u[:, 1] + v[:, 0] * v[:, 1]),
                      u[:, 1] ** 2 + v[:, 1] ** 2, -2 * (u[:, 0] * u0 + v[:, 0] * v0),
                      -2 * (u[:, 1] * u0 + v[:, 1] * v0), u0**2 + v0**2 - 1], axis=1)
    below, right = np.meshgrid(*[np.linspace(-1, 1, side)] * 2, indexing="ij")
    powers = np.stack([right**2, right * below, below**2, right, below, np.ones_like(right)])
    return (terms @ powers.reshape(6, -1) <= 1e-12).reshape(-1, side, side)


def draw_ellipses(tables: np.ndarray, side: int) -> np.ndarray:
    """Grey values that add up where ellipses overlap: (N, E, 6) -> float32 (N, side, side)."""
    grey = np.zeros((len(tables), side, side), np.float32)
    for e in range(tables.shape[1]):
        grey += tables[:, e, 0, None, None].astype(np.float32) * inside_ellipse(tables[:, e], side)
    return grey


def simulate_patients(healthy: int, ill: int, seed: int, slices: int = 2, noise: float = 0.03) -> Scans:
    """Simulated (模拟) heads in random order, ``slices`` pictures a patient, which show the same anatomy.

    Patients differ in size, shape and posture of the head, in the sizes and places of what is inside, and in texture.
    An ill one has one lesion, brighter or darker than what is around it by 0.1 to 0.2 of the bone's grey value.
    """
    if min(healthy, ill) < 0 or healthy + ill < 1 or slices < 1:
        raise ValueError(f"expected at least one patient and one slice, got {healthy} healthy, {ill} ill, {slices} slices.")
    rng, n = np.random.default_rng(seed), healthy + ill
    sick = rng.permutation(np.arange(n) < ill)
    heads, lesions, pose = _anatomy(rng, n), _lesions(rng, n), _poses(rng, n)
    owner = np.repeat(np.arange(n), slices)
    heads, lesions, pose = heads[owner], lesions[owner], pose[owner]
    level = rng.uniform(0.8, 1.15, (len(owner), 1))  # another slice of the same patient cuts things larger or smaller
    heads[:, 2:, 1:3] *= level[..., None]
    brain = inside_ellipse(_posed(heads[:, 1:2], pose)[:, 0], 2 * SIDE)
    where = inside_ellipse(_posed(lesions, pose)[:, 0], 2 * SIDE) & brain & sick[owner, None, None]
    grey = draw_ellipses(_posed(heads, pose), 2 * SIDE) + lesions[:, 0, 0, None, None] * where
    grey = torch.from_numpy(grey + brain * _texture(rng, len(owner))).float()[:, None]
    grey = F.avg_pool2d(grey, 2) + noise * torch.from_numpy(rng.standard_normal((len(owner), 1, SIDE, SIDE), np.float32))
    masks = F.avg_pool2d(torch.from_numpy(where).float()[:, None], 2) >= 0.5
    return Scans((2 * grey / WINDOW - 1).clamp(-1, 1), masks, owner, sick[owner])


def _anatomy(rng: np.random.Generator, n: int) -> np.ndarray:
    """Shepp & Logan's table with every inner part moved, resized and made brighter or darker: (n, 10, 6)."""
    heads = np.repeat(SHEPP_LOGAN[None], n, axis=0)
    heads[:, 2:, 0] *= rng.uniform(0.6, 1.3, (n, 8))
    heads[:, 2:, 1:3] *= rng.uniform(0.75, 1.3, (n, 8, 1))
    heads[:, 2:, 3:5] += rng.normal(0, 0.03, (n, 8, 2))
    heads[:, 2:, 5] += rng.normal(0, 0.1, (n, 8))
    return heads


def _lesions(rng: np.random.Generator, n: int) -> np.ndarray:
    """One ellipse a patient, anywhere in the brain: (n, 1, 6)."""
    grey = rng.uniform(0.1, 0.2, n) * rng.choice([-1, 1], n)
    axes = rng.uniform(0.1, 0.22, (n, 2))
    far, way = np.sqrt(rng.uniform(0, 0.8**2, n)), rng.uniform(0, 2 * np.pi, n)
    place = np.stack([0.6624 * far * np.cos(way), 0.874 * far * np.sin(way) - 0.0184], axis=1)
    return np.column_stack([grey, axes, place, rng.uniform(0, np.pi, n)])[:, None]


def _poses(rng: np.random.Generator, n: int) -> np.ndarray:
    """Size across, size down, shift across, shift down and turn of each head: (n, 5)."""
    return np.column_stack([rng.uniform(0.84, 1.0, (n, 2)), rng.normal(0, 0.02, (n, 2)), rng.normal(0, 0.05, n)])


def _posed(tables: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Ellipses (N, E, 6) in heads that are resized, turned and shifted as pose (N, 5) says."""
    tables, (wide, high, right, below, turn) = tables.copy(), pose.T[..., None]
    x, y = tables[..., 3] * wide, tables[..., 4] * high
    tables[..., 1], tables[..., 2] = tables[..., 1] * wide, tables[..., 2] * high
    tables[..., 3] = x * np.cos(turn) - y * np.sin(turn) + right
    tables[..., 4] = x * np.sin(turn) + y * np.cos(turn) + below
    tables[..., 5] += turn
    return tables


def _texture(rng: np.random.Generator, n: int, strength: float = 0.02) -> np.ndarray:
    """Soft clouds of grey, (n, 64, 64), with standard deviation near ``strength``."""
    coarse = torch.from_numpy(rng.standard_normal((n, 1, 8, 8), np.float32))
    fine = F.interpolate(coarse, size=2 * SIDE, mode="bicubic", align_corners=False)[:, 0]
    return (strength * fine / fine.std()).numpy()


def split_patients(scans: Scans, parts: Mapping[str, tuple[int, int]], seed: int) -> dict[str, Scans]:
    """Parts by patient: name -> (healthy, ill) patients. All pictures of a patient lie in one part.

    ValueError when there are not enough patients of a kind.
    """
    rng = np.random.default_rng(seed)
    queues = [rng.permutation(np.unique(scans.patients[scans.ill == kind])).tolist() for kind in (False, True)]
    wanted = np.array(list(parts.values())).sum(0)
    if any(wanted > [len(queue) for queue in queues]):
        raise ValueError(f"the parts want {wanted[0]} healthy and {wanted[1]} ill patients, found "
                         f"{len(queues[0])} and {len(queues[1])}.")
    chosen = {}
    for name, counts in parts.items():
        own = [queue.pop() for queue, count in zip(queues, counts) for _ in range(count)]
        chosen[name] = scans.take(np.isin(scans.patients, own))
    return chosen


def some_patients(scans: Scans, n: int, seed: int) -> Scans:
    """All pictures of n random patients, half of them ill. ValueError when there are not enough."""
    return split_patients(scans, {"some": (n - n // 2, n // 2)}, seed)["some"]


def check_scans(pictures: Tensor) -> Tensor:
    """The pictures, if a model of these heads may look at them at all: (N, 1, 32, 32) in [-1, 1], with something on them."""
    check_tensor(pictures, "pictures", (None, 1, SIDE, SIDE), -1, 1)
    blank = (pictures.flatten(1).std(1) < 0.02).nonzero().flatten().tolist()
    if blank:
        raise ValueError(f"pictures {blank[:5]} are blank: nobody was in the scanner, or the window is wrong; scan again.")
    return pictures


def odd_maps(error: Tensor, usual: Tensor) -> dict[str, Tensor]:
    """Four readings of squared errors (N, 1, H, W), each like it: as they are or relative to what is usual at that
    place in healthy heads, ``usual`` (1, H, W), and sharp or as means of 3x3.
    """
    relative = error / (usual + usual.mean())  # the mean: else air, where nothing ever differs, would shine
    smooth = {name: F.avg_pool2d(m, 3, stride=1, padding=1, count_include_pad=False)
              for name, m in (("平滑", error), ("除以平常再平滑", relative))}
    return {"原样": error, "除以平常": relative, **smooth}


def reading_note(score: float, limit: float, odd: Tensor) -> str:
    """What a reader is told of one picture: look soon or not, and where. odd: its map (1, H, W)."""
    row, column = divmod(int(odd.argmax()), odd.shape[-1])
    height, side = "上中下"[3 * row // odd.shape[-2]], "左中右"[3 * column // odd.shape[-1]]
    first = "请先看这张" if score >= limit else "可以按顺序看"
    return (f"{first}：分数 {score:.3g}，门槛 {limit:.3g}；最不寻常的一处在图的{height}部{side}侧"
            f"（第 {row + 1} 行第 {column + 1} 列）。{NOTICE}。")
