"""A report on this machine: will the course run here, what is wrong, and how to mend it.

``aigc doctor`` runs it. Before anything is installed ``python -m aigc_lib.course.doctor`` does, in the course's
folder: at the top only the standard library is imported, in words that Python 3.8 understands.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aigc_lib import paths

FINE, NOTE, BAD = "✓", "!", "✗"
WINDOWS = os.name == "nt"
OLDEST = (3, 11)
OLDEST_MACOS, OLDEST_GLIBC = (14,), (2, 28)  # of PyTorch's wheels
EXTRAS = "site,entertainment,finance,manufacturing,compliance,frameworks,appendix"  # what `make course` installs


@dataclass(frozen=True)
class Finding:
    """One line of the report: the course cannot run (BAD), runs with a drawback (NOTE), or all is well (FINE)."""

    mark: str
    what: str
    text: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.mark} {self.what}：{self.text}" + (f"。怎么办：{self.mend}" if self.mend else "")


def examine() -> Iterator[Finding]:
    """The findings, one at a time; nothing after one that makes the rest meaningless."""
    libc = platform.libc_ver() if sys.platform == "linux" else ("", "")
    machine = platform.system(), platform.machine(), sys.maxsize > 2**32, libc, platform.mac_ver()[0]
    for finding in (check_python(sys.version_info[:2]), check_platform(*machine)):
        yield finding
        if finding.mark == BAD:
            return
    from aigc_lib.course import doctor_software

    yield from look(doctor_software.packages)
    if not doctor_software.missing_packages():
        from aigc_lib.course import doctor_machine

        for check in (*doctor_software.CHECKS, *doctor_machine.CHECKS):
            yield from look(check)


def look(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds; a check that fails itself is a finding too, and stops no other."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001  (a strange machine is what this command is for)
        yield Finding(NOTE, check.__name__, f"没能检查：{type(error).__name__}: {error}")


def check_python(version: tuple[int, int]) -> Finding:
    """Python itself; no other check makes sense where it is too old."""
    found = f"{platform.python_version()}（{sys.prefix}）"
    if version >= OLDEST:
        return Finding(FINE, "Python", found)
    again = ("py -3.11 -m venv --clear .venv" if WINDOWS else
             "make clean，再 make course PYTHON=python3.11；没有 make，就用 python3.11 -m venv --clear .venv 重建环境")
    return Finding(BAD, "Python", f"{found}太旧，要 3.11 以上", f"从 Python 官网或系统的软件源装 3.11，然后 {again}")


def check_platform(system: str, machine: str, wide: bool, libc: tuple[str, str], macos: str) -> Finding:
    """What PyTorch is not made for; ``libc`` (name, version) and ``macos`` (version) are "" on other systems."""
    found = f"{system} {machine}"
    if not wide:
        return Finding(BAD, "系统", f"{found}，Python 是 32 位的，PyTorch 只有 64 位", "装 64 位的 Python 3.11，重建环境")
    if system == "Darwin" and machine == "x86_64":
        return Finding(BAD, "系统", f"{found}：PyTorch 不再出 Intel 芯片的 macOS 版",
                       "在这台机器上用 Linux 容器或虚拟机；如果它是 Apple 芯片，装 arm64 的 Python")
    if macos and _numbers(macos) < OLDEST_MACOS:
        return Finding(BAD, "系统", f"macOS {macos} 太旧，PyTorch 要 {OLDEST_MACOS[0]} 以上", "升级 macOS")
    name, version = libc
    if name not in ("glibc", "") or version and _numbers(version) < OLDEST_GLIBC:
        return Finding(BAD, "系统", f"{found}，C 库是 {name} {version}，PyTorch 要 glibc 2.28 以上",
                       "换用新一些的 Debian、Ubuntu 或它们的镜像")
    return Finding(FINE, "系统", found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(word) for word in version.split(".") if word.isdecimal())


def python_here() -> str:
    """This Python as one types it in the course's folder."""
    program = Path(sys.executable)
    if program.is_relative_to(paths.ROOT):
        return str(program.relative_to(paths.ROOT))
    return f'"{program}"' if " " in str(program) else str(program)


def install_command() -> str:
    """What installs all that the course needs, typed in the course's folder."""
    if sys.prefix == sys.base_prefix:  # nothing of ours goes into the system's own Python
        return "在课程的文件夹里运行 make course；没有 make，照 README 的“没有 make”一节做"
    return f'{python_here()} -m pip install -c constraints.txt -e ".[{EXTRAS}]"'


def folder_size(folder: Path) -> float:
    """Gigabytes of the files below a folder; 0 where there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**30


def free_disk(folder: Path) -> float:
    """Gigabytes free where ``folder`` lies or will lie."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / 2**30


def report(say: Callable[[str], None]) -> int:
    """Say every finding and a last word; 1 when the course cannot run on this machine."""
    marks = []
    for finding in examine():
        say(str(finding))
        marks.append(finding.mark)
    if BAD in marks:
        say(f"\n{marks.count(BAD)} 处（✗）不补好，课程跑不起来。")
    else:
        say("\n课程能跑。" + (f"{marks.count(NOTE)} 处（!）不碍事，补好更顺。" if NOTE in marks else ""))
    return int(BAD in marks)


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    sys.exit(report(print))
