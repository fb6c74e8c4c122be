"""How long a piece of work takes, and how much electricity: counted where the machine counts, else estimated."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")
POWERCAP = Path("/sys/class/powercap")  # Linux: the processor's own counters (RAPL)
WATTS_A_CORE = 10.0  # assumed where nothing counts; desktop and server cores under load lie around it


class Cost(NamedTuple):
    """wall and CPU seconds, joules, and whether the joules were counted (else: CPU seconds times an assumed power)."""

    seconds: float
    cpu_seconds: float
    joules: float
    counted: bool


def measured(work: Callable[[], T], watts_a_core: float = WATTS_A_CORE, powercap: Path = POWERCAP) -> tuple[T, Cost]:
    """Do the work; its result and its cost.

    A counter counts the whole processor, other programs and idling included. The estimate knows only this process,
    and neither memory nor power supply.
    """
    before, wall, cpu = _counters(powercap), time.perf_counter(), time.process_time()
    result = work()
    seconds, spent, after = time.perf_counter() - wall, time.process_time() - cpu, _counters(powercap)
    if before and before.keys() == after.keys():
        return result, Cost(seconds, spent, sum(_used(before[p], after[p], p) for p in before), True)
    return result, Cost(seconds, spent, spent * watts_a_core, False)


def _counters(powercap: Path) -> dict[Path, int]:
    """Microjoules of each processor package; empty where there is no counter or no right to read it."""
    try:
        return {path: int((path / "energy_uj").read_text(encoding="ascii"))
                for path in sorted(powercap.glob("intel-rapl:?"))}
    except (OSError, ValueError):
        return {}


def _used(before: int, after: int, path: Path) -> float:
    """Joules between two readings; a counter that is full starts again at 0."""
    full = int((path / "max_energy_range_uj").read_text(encoding="ascii")) if after < before else 0
    return (after - before + full) / 1e6
