"""Film smoke, section 4.1: a small fluid solver, the controls that it and a generator share, and the picture.

The scene is one bay of a studio corridor, one unit wide and high: floor and ceiling are walls, air that leaves
on the right comes back on the left, smoke that leaves is gone. Lengths are in corridor heights, times in seconds.
Arrays are (rows, columns) with row 0 at the floor; pictures have row 0 on top.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.fft import dct, idct, irfft, rfft
from scipy.ndimage import map_coordinates, zoom

SECONDS, FRAMES, SIDE = 4.0, 10, 28  # of a recorded simulation: how long, how many pictures, and their size
CELLS, STEPS = 56, 60  # cells a side, and time steps; a pixel is the mean of 2 x 2 cells
SOURCE_HEIGHT, SOURCE_RADIUS = 0.12, 0.08
LONGEST = 30  # seconds that the solver may be asked for
MARGIN = 10  # cells that a particle may cross in one step
EDGES = {"smoke": ("edge", "constant"), "air": ("constant", "wrap")}  # what lies beyond the rows, the columns


class Control(NamedTuple):
    """One slider: its Chinese name, its unit, and the range that was simulated for training."""

    name: str
    unit: str
    low: float
    high: float


CONTROLS = (Control("烟源位置", "走廊宽", 0.3, 0.7), Control("风速", "走廊宽/秒", -0.1, 0.1),
            Control("浮力", "走廊高/秒²", 0.3, 1.0), Control("时刻", "秒", SECONDS / FRAMES, SECONDS))


def check_controls(values: np.ndarray) -> None:
    """Raise ValueError with a Chinese sentence unless values (..., 4) lie in the ranges of ``CONTROLS``."""
    values = np.asarray(values, float)
    if values.shape[-1:] != (len(CONTROLS),):
        raise ValueError(f"要给{len(CONTROLS)}个数：{'、'.join(c.name for c in CONTROLS)}；这里的形状是 {values.shape}。")
    wrong = []
    for control, column in zip(CONTROLS, values.reshape(-1, len(CONTROLS)).T):
        bad = column[~((column >= control.low - 1e-6) & (column <= control.high + 1e-6))]  # also what is not a number
        if len(bad):
            wrong.append(f"{control.name} {bad[0]:g} 不在 [{control.low:g}, {control.high:g}] {control.unit}之内")
    if wrong:
        raise ValueError("；".join(wrong) + "。训练时没见过，生成器画的不能信。")


def scaled(values: np.ndarray) -> np.ndarray:
    """Controls (..., 4) in their units -> [-1, 1], float32: what the models are given."""
    low, high = (np.array([getattr(c, end) for c in CONTROLS]) for end in ("low", "high"))
    return (2 * (np.asarray(values, float) - low) / (high - low) - 1).astype(np.float32)


def restless_air(seed: int, cells: int, speed: float = 0.04, modes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Air that is never quite still: random eddies of every size down to 1/modes, the same on any grid.

    u (cells, cells) on the left faces and v (cells + 1, cells) on the lower faces, without divergence, as they
    are the curl of a stream function that is zero at floor and ceiling. speed: root mean square.
    """
    rng = np.random.default_rng(seed)
    k, l = np.arange(1, modes + 1), np.arange(1, modes + 1)
    wave = rng.normal(size=(2, modes, modes)) / np.hypot(2 * k, l[:, None]) ** 1.5  # (2, l, k)
    x, y = np.arange(cells) / cells, np.arange(cells + 1) / cells
    across = np.stack([np.cos(2 * np.pi * np.outer(k, x)), np.sin(2 * np.pi * np.outer(k, x))])  # (2, k, columns)
    psi = np.einsum("ly,plk,pkx->yx", np.sin(np.pi * np.outer(l, y)), wave, across)
    u, v = np.diff(psi, axis=0) * cells, (psi - np.roll(psi, -1, 1)) * cells
    scale = speed / np.sqrt((wave**2 * np.hypot(2 * k, l[:, None]) ** 2).sum() * np.pi**2 / 4)
    return u * scale, v * scale


def source_mask(x: float, cells: int) -> np.ndarray:
    """1 inside the round source, 0 outside, soft over one cell: (cells, cells)."""
    centre = (np.arange(cells) + 0.5) / cells
    distance = np.hypot(centre - x, centre[:, None] - SOURCE_HEIGHT)
    return np.clip((SOURCE_RADIUS - distance) * cells + 0.5, 0, 1)


def _surround(field: np.ndarray, kind: str) -> np.ndarray:
    """The field with a margin of what lies beyond its edges."""
    rows, columns = EDGES[kind]
    return np.pad(np.pad(field, ((MARGIN, MARGIN), (0, 0)), rows), ((0, 0), (MARGIN, MARGIN)), columns)


def _advect(field: np.ndarray, kind: str, du: np.ndarray, dv: np.ndarray, aside: tuple[float, float] = (0, 0)
            ) -> np.ndarray:
    """Carry a field along (du, dv), in cells, given where its values sit. MacCormack: Selle et al. 2008.

    aside: how many cells (down the rows, along the columns) from there the values are read that bound the result.
    """
    grid = _surround(field, kind)
    last = np.array(grid.shape)[:, None, None] - 1.001
    here, way = np.mgrid[:field.shape[0], :field.shape[1]] + MARGIN, np.stack([dv, du])
    there = np.clip(here - way, 0, last)
    once = map_coordinates(grid, there, order=1)
    back = map_coordinates(_surround(once, kind), np.clip(here + way, 0, last), order=1)
    if np.abs(way).max() > MARGIN:
        raise ValueError(f"空气一步走了 {np.abs(way).max():.0f} 格，求解器算不准：风或浮力太大了。")
    y, x = np.clip(there + np.reshape(aside, (2, 1, 1)), 0, last).astype(int)
    corners = np.stack([grid[y, x], grid[y + 1, x], grid[y, x + 1], grid[y + 1, x + 1]])
    return np.clip(once + (field - back) / 2, corners.min(0), corners.max(0))  # no new highs and lows


def _project(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take out what compresses the air: solve Poisson's equation for the pressure, subtract its gradient."""
    n = len(u)
    divergence = np.roll(u, -1, 1) - u + np.diff(v, axis=0)
    waves = rfft(dct(divergence, axis=0), axis=1)
    symbol = 2 * np.cos(np.pi * np.arange(n)[:, None] / n) + 2 * np.cos(2 * np.pi * np.arange(n // 2 + 1) / n) - 4
    symbol[0, 0] = 1  # a constant pressure pushes nothing; its wave is zero anyway
    pressure = idct(irfft(waves / symbol, n, axis=1), axis=0)
    v = v.copy()
    v[1:-1] -= np.diff(pressure, axis=0)
    return u - (pressure - np.roll(pressure, 1, 1)), v


def _step(smoke: np.ndarray, u: np.ndarray, v: np.ndarray, buoyancy: float, source: np.ndarray, dt: float
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One time step of smoke and air, on a staggered grid. Stam 1999."""
    c = len(u) * dt  # cells a step for a speed of 1
    u_mid, v_mid = (u + np.roll(u, -1, 1)) / 2, (v[1:] + v[:-1]) / 2  # at cell centres
    v_at_u = (v_mid + np.roll(v_mid, 1, 1)) / 2
    u_at_v = np.pad((u_mid[1:] + u_mid[:-1]) / 2, ((1, 1), (0, 0)))
    new = np.maximum(_advect(smoke, "smoke", c * u_mid, c * v_mid), source)
    # PhiFlow 3.4.0 reads the bounds of the air half a cell aside; without it our plumes rise a tenth faster than the data
    u_new, v_new = _advect(u, "air", c * u, c * v_at_u, (0, -0.5)), _advect(v, "air", c * u_at_v, c * v, (0.5, 0))
    v_new[[0, -1]] = 0
    v_new[1:-1] += dt * buoyancy * (new[1:] + new[:-1]) / 2
    return new, *_project(u_new, v_new)


def simulate(source: float, wind: float, buoyancy: float, seed: int, cells: int = CELLS, frames: int = FRAMES,
             seconds: float = SECONDS) -> np.ndarray:
    """The solver: pictures (frames, 28, 28) of smoke density in [0, 1], evenly spaced up to ``seconds``.

    seed: of the eddies that were in the air before. cells: a multiple of 28, the grid's side; the time step
    shrinks with the cells. Controls outside the trained ranges will do, as physics needs no training; ValueError
    with a Chinese sentence for those that make no sense.
    """
    if cells % SIDE or frames < 1:
        raise ValueError(f"cells must be a multiple of {SIDE} and frames at least 1, got {cells} and {frames}.")
    if not (0 <= source <= 1 and 0 < seconds <= LONGEST and math.isfinite(wind) and math.isfinite(buoyancy)):
        raise ValueError(f"求解器要烟源在 0 到 1 之间、时刻在 0 到 {LONGEST} 秒之间、风和浮力是有限的数；"
                         f"现在是 {source:g}、{seconds:g}、{wind:g}、{buoyancy:g}。")
    every = math.ceil(round(seconds / SECONDS * STEPS * cells / CELLS) / frames)  # steps a picture
    dt = seconds / frames / every
    u, v = restless_air(seed, cells)
    u, smoke, mask, pictures = u + wind, np.zeros((cells, cells)), source_mask(source, cells), []
    for step in range(1, frames * every + 1):
        smoke, u, v = _step(smoke, u, v, buoyancy, mask, dt)
        if step % every == 0:
            pictures.append(picture(smoke))
    return np.stack(pictures)


def picture(smoke: np.ndarray) -> np.ndarray:
    """Density (cells, cells) -> the picture (28, 28): means over blocks, floor at the bottom."""
    block = len(smoke) // SIDE
    return smoke.reshape(SIDE, block, SIDE, block).mean((1, 3))[::-1]


def answer(source: float, wind: float, buoyancy: float, seconds: float, seed: int,
           generate: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, str]:
    """What a slider gets: pictures (N, 28, 28) in [0, 1] and a Chinese sentence on how far to trust them.

    Within the trained ranges the generator draws several times, ``generate(controls (4,)) -> (N, 28, 28)``, and
    the sentence says how far they differ; outside it is not asked, and the solver computes one picture.
    """
    try:
        check_controls(np.array([source, wind, buoyancy, seconds]))
    except ValueError as refusal:
        start = time.perf_counter()
        solved = simulate(source, wind, buoyancy, seed, frames=1, seconds=seconds)
        return solved, f"{refusal}改用求解器，算了 {time.perf_counter() - start:.2f} 秒。"
    drawn = generate(np.array([source, wind, buoyancy, seconds]))
    return drawn, f"同样的控制，生成器画了 {len(drawn)} 次，每个像素平均晃动 {drawn.std(0).mean():.1%}（满量程）。"


FIRE = np.array([[8, 8, 16], [60, 14, 20], [150, 30, 16], [220, 84, 16], [250, 160, 40], [255, 232, 150], [255, 255, 240]])


def render(frames: np.ndarray, palette: np.ndarray = FIRE, scale: int = 5, levels: int = 24) -> np.ndarray:
    """Densities (T, 28, 28) in [0, 1] as a film (T, H, W, 3) of uint8, enlarged smoothly, in few colours for GIF."""
    large = zoom(np.asarray(frames, float), (1, scale, scale), order=1, grid_mode=True, mode="nearest").clip(0, 1)
    stops = np.linspace(0, 1, len(palette))
    shades = np.linspace(0, 1, levels)
    colours = np.stack([np.interp(shades, stops, channel) for channel in palette.T], axis=1).astype(np.uint8)
    return colours[(large * (levels - 1)).round().astype(int)]


def side_by_side(films: list[np.ndarray], gap: int = 6) -> list[np.ndarray]:
    """Films (T, H, W, 3) of one size as the frames of one film, with white between them."""
    between = np.full((*films[0].shape[:2], gap, 3), 255, np.uint8)
    row = [part for film in films for part in (between, film)][1:]
    return list(np.concatenate(row, axis=2))
