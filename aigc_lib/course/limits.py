"""What a container (Docker, Kubernetes) leaves to this process: psutil and os only know the whole machine."""

import math
import os
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
NO_LIMIT = 2**60  # bytes; version 1 says "no limit" with a number


def cores(root: Path = CGROUP) -> int:
    """CPU cores that this process may use."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    version_1 = root / "cpu/cpu.cfs_quota_us", root / "cpu/cpu.cfs_period_us"
    quota, period = _words(root / "cpu.max") or _words(*version_1) or (0, 1)
    return max(1, min(here, math.ceil(quota / period))) if quota > 0 else here


def memory(root: Path = CGROUP) -> tuple[float, float]:
    """Gigabytes: available, and in all."""
    machine = psutil.virtual_memory()
    available, total = machine.available, machine.total
    for limit, used, stat, cache in (("memory.max", "memory.current", "memory.stat", "inactive_file"),
                                     ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes",
                                      "memory/memory.stat", "total_inactive_file")):
        if numbers := _words(root / limit, root / used):
            most, taken = numbers
            if 0 < most < NO_LIMIT:
                available = min(available, max(0, most - taken + _stat(root / stat, cache)))
                total = min(total, most)
            break
    return available / 2**30, total / 2**30


def _words(*files: Path) -> tuple[int, int] | None:
    """Two numbers from the words of these files; "max" is 0, None where a file is not there."""
    try:
        words = " ".join(file.read_text(encoding="ascii") for file in files).split()
        first, second = (0 if word == "max" else int(word) for word in words)
    except (OSError, ValueError):
        return None
    return first, second


def _stat(file: Path, name: str) -> int:
    """A number of a ``memory.stat``: memory that is only a copy of files goes back on demand."""
    try:
        lines = dict(line.split() for line in file.read_text(encoding="ascii").splitlines())
        return int(lines.get(name, 0))
    except (OSError, ValueError):
        return 0
