"""Make data/plumes/ with the fluid solver PhiFlow 3.4.0 (MIT): simulated smoke under random controls.

    pip install phiflow==3.4.0 scipy pillow
    PYTHONPATH=. python data/prepare/plumes.py [FIRST LAST]      (about half an hour on one core)

Each simulation has its own controls and its own eddies, both drawn from its number. The scene is that of
aigc_lib/industries/plumes.py, which also gives the eddies and the source; the solver is PhiFlow's. With FIRST
and LAST only those batches of 25 are simulated; without, all missing ones, and then the sheets are written.
"""

import csv
import sys
import tempfile
from pathlib import Path

import numpy as np
from phi.flow import (
    Box,
    CenteredGrid,
    Solve,
    StaggeredGrid,
    Tensor,
    advect,
    batch,
    dual,
    extrapolation,
    fluid,
    math,
    spatial,
    tensor,
    vec,
)
from sheets import COLUMNS, write_sheet

from aigc_lib.industries.plumes import CELLS, CONTROLS, FRAMES, SECONDS, STEPS, picture, restless_air, source_mask

TARGET = Path(__file__).resolve().parents[1] / "plumes"
PARTS = Path(tempfile.gettempdir()) / "plumes"
SIMULATIONS = 300
BOX = Box(x=1, y=1)


def controls(number: int) -> list[float]:
    """Source, wind and buoyancy of a simulation, uniform in their ranges, to four decimals."""
    rng = np.random.default_rng([2026, number])
    return [round(rng.uniform(c.low, c.high), 4) for c in CONTROLS[:3]]


def on_grid(values: np.ndarray) -> Tensor:
    """(simulations, rows, columns) as PhiFlow wants it: x before y."""
    return tensor(values.swapaxes(1, 2), batch("sim"), spatial("x,y"))


def initial_air(numbers: range, winds: list[float]) -> StaggeredGrid:
    airs = [restless_air(number, CELLS) for number in numbers]
    u = np.stack([u + wind for (u, _), wind in zip(airs, winds)])
    v = np.stack([v[1:-1] for _, v in airs])  # walls are not stored
    values = math.stack({"x": on_grid(u), "y": on_grid(v)}, dual("vector"))
    return StaggeredGrid(values, {"x": extrapolation.PERIODIC, "y": 0}, bounds=BOX, x=CELLS, y=CELLS)


def simulate(numbers: range) -> np.ndarray:
    """Smoke of several simulations at once: uint8 (simulations, FRAMES, 28, 28)."""
    sources, winds, buoyancies = zip(*map(controls, numbers))
    mask = on_grid(np.stack([source_mask(x, CELLS) for x in sources]))
    lift = tensor(list(buoyancies), batch("sim")) * vec(x=0, y=1)
    air = initial_air(numbers, winds)
    smoke = CenteredGrid(0, {"x": 0, "y": extrapolation.ZERO_GRADIENT}, bounds=BOX, x=CELLS, y=CELLS)
    pressure, frames, dt = None, [], SECONDS / STEPS
    for step in range(1, STEPS + 1):
        smoke = advect.mac_cormack(smoke, air, dt)
        smoke = smoke.with_values(math.maximum(smoke.values, mask))
        air = advect.mac_cormack(air, air, dt) + (smoke * lift * dt).at(air)
        air, pressure = fluid.make_incompressible(air, (), Solve("CG", 1e-4, rank_deficiency=0, x0=pressure))
        if step % (STEPS // FRAMES) == 0:
            frames.append([picture(s) for s in smoke.values.numpy("sim,y,x")])
            print(numbers, step, flush=True)
    return (255 * np.array(frames).swapaxes(0, 1).clip(0, 1)).round().astype(np.uint8)


def main() -> None:
    PARTS.mkdir(exist_ok=True)
    first, last = map(int, sys.argv[1:3]) if sys.argv[1:] else (0, SIMULATIONS // COLUMNS)
    for part in range(first, last):
        if not (path := PARTS / f"{part}.npy").exists():
            np.save(path, simulate(range(part * COLUMNS, (part + 1) * COLUMNS)))
    parts = sorted(PARTS.glob("*.npy"), key=lambda path: int(path.stem))
    smoke = np.concatenate([np.load(path) for path in parts])
    TARGET.mkdir(exist_ok=True)
    for frame in range(FRAMES):
        write_sheet(TARGET / f"frame_{frame + 1}.webp", smoke[:, frame])
    with (TARGET / "controls.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["source", "wind", "buoyancy"])
        table.writerows(controls(number) for number in range(len(smoke)))


if __name__ == "__main__":
    main()
