"""The wheels that a machine without a network needs, for its Python and its system.

pip reads the conditions of a requirement (``; sys_platform == "win32"``) for the machine it runs on, whatever its
``--platform`` says. So the walk along the requirements is made here, and pip only fetches, one round after another.
"""

import platform
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from aigc_lib import paths
from aigc_lib.course.doctor import EXTRAS, OLDEST
from aigc_lib.course.manifest import CourseError

PLATFORMS = {"linux": "manylinux_2_28_x86_64", "macos": "macosx_14_0_arm64", "windows": "win_amd64"}  # PyTorch's oldest
SOURCE_ONLY = {"jieba", "rouge-score", "snownlp"}  # PyPI has no wheel of them; all Python, so one built here fits all
SYSTEMS = {"manylinux": ("posix", "linux", "Linux"), "macosx": ("posix", "darwin", "Darwin"),
           "win": ("nt", "win32", "Windows")}


@dataclass(frozen=True)
class Target:
    """The machines that the wheels are for: a platform tag of pip's, and a version of Python, "3.12"."""

    tag: str
    python: str

    @property
    def system(self) -> str:
        """As ``platform.system()`` says it there."""
        return SYSTEMS[re.match("[a-z]+", self.tag)[0]][2]

    @property
    def machine(self) -> str:
        """As ``platform.machine()`` says it there."""
        return re.search(r"(x86_64|aarch64|arm64|amd64)$", self.tag)[0].replace("amd64", "AMD64")

    @property
    def markers(self) -> dict[str, str]:
        """What requirements may ask about the machine. Of its Python the first release: that asks for most."""
        names = ("os_name", "sys_platform", "platform_system")
        return {**dict(zip(names, SYSTEMS[re.match("[a-z]+", self.tag)[0]], strict=True)),
                "platform_machine": self.machine, "python_version": self.python,
                "python_full_version": f"{self.python}.0", "implementation_name": "cpython",
                "implementation_version": f"{self.python}.0", "platform_python_implementation": "CPython",
                "platform_release": "", "platform_version": ""}

    @property
    def options(self) -> list[str]:
        """For ``pip download``. pip knows which older macOS will do, but not which older manylinux."""
        tags = [self.tag]
        if found := re.fullmatch(r"manylinux_2_(\d+)_(\w+)", self.tag):
            tags = [f"manylinux_2_{minor}_{found[2]}" for minor in range(int(found[1]), 16, -1)]
            tags.append(f"manylinux2014_{found[2]}")
        options = [word for tag in tags for word in ("--platform", tag)]
        return [*options, "--python-version", self.python, "--implementation", "cp"]


def target(name: str | None, python: str | None) -> Target:
    """The target that the reader names; ``None`` is this machine. Raises CourseError where no PyTorch can be."""
    tag = PLATFORMS.get(name or _here(), name or _here())
    if not re.fullmatch(r"manylinux_2_\d+_(x86_64|aarch64)|macosx_\d+_\d+_arm64|win_amd64", tag):
        raise CourseError(f"不认识平台 {tag}。可以写 {'、'.join(PLATFORMS)}，或 pip 的平台名，如 manylinux_2_28_aarch64。")
    python = python or "{}.{}".format(*sys.version_info)
    if not re.fullmatch(r"3\.\d+", python) or tuple(map(int, python.split("."))) < OLDEST:
        raise CourseError(f"Python 的版本写成 3.12 这样，要 3.11 以上；现在是 {python}。")
    return Target(tag, python)


def _here() -> str:
    system, machine = platform.system(), platform.machine()
    names = {("Linux", "x86_64"): "linux", ("Darwin", "arm64"): "macos", ("Windows", "AMD64"): "windows",
             ("Linux", "aarch64"): "manylinux_2_28_aarch64"}
    return names.get((system, machine), f"{system}_{machine}")


def course_requirements() -> list[Requirement]:
    """What ``make course`` installs, and what builds the course's own package."""
    text = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = text["project"]
    extras = [line for extra in EXTRAS.split(",") for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in (*text["build-system"]["requires"], *project["dependencies"], *extras)]


def pins(target: Target) -> dict[str, str]:
    """Package -> the version of ``constraints.txt`` for the target."""
    lines = (paths.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(line.name): str(line.specifier) for line in found if _applies(line, target, {""})}


def _applies(line: Requirement, target: Target, extras: Iterable[str]) -> bool:
    return line.marker is None or any(line.marker.evaluate({**target.markers, "extra": extra}) for extra in extras)


def gather(folder: Path, target: Target, torch_index: str, say: Callable[[str], None]) -> dict[str, Path]:
    """Fetch the course's packages and all that they need into ``folder``; returns package -> wheel.

    Raises:
        CourseError: a package has no wheel for the target, or two packages cannot agree on a version.
    """
    pinned, wheels, done = pins(target), {}, set()
    todo = [line for line in course_requirements() if _applies(line, target, {""})]
    while todo:
        names = {canonicalize_name(line.name): str(line.specifier) for line in todo}
        missing = {name: pinned.get(name, asked) for name, asked in names.items() if name not in wheels}
        if missing:
            say(f"取 {len(missing)} 个包……")
            fetch(missing, folder, target, torch_index)
            wheels = {parse_wheel_filename(path.name)[0]: path for path in folder.glob("*.whl")}
        needed = []
        for line in todo:
            name = canonicalize_name(line.name)
            _check_version(line, wheels[name])
            extras = {"", *line.extras} - {extra for known, extra in done if known == name}
            done |= {(name, extra) for extra in extras}
            needed += [need for need in requirements(wheels[name]) if _applies(need, target, extras)] if extras else []
        todo = needed
    return wheels


def _check_version(line: Requirement, wheel: Path) -> None:
    version: Version = parse_wheel_filename(wheel.name)[1]
    if not line.specifier.contains(version, prereleases=True):
        raise CourseError(f"有包要 {line}，取来的是 {version}。请在 constraints.txt 里写一个两边都行的版本。")


def requirements(wheel: Path) -> list[Requirement]:
    """What a wheel says it needs."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        text = archive.read(name).decode("utf-8")
    return [Requirement(line) for line in HeaderParser().parsestr(text).get_all("Requires-Dist", [])]


def fetch(wanted: dict[str, str], folder: Path, target: Target, torch_index: str) -> None:
    """Fetch wheels, package -> version condition, and build those that PyPI does not have."""
    built = [name + version for name, version in wanted.items() if name in SOURCE_ONLY]
    apart = ["torch" + wanted["torch"]] if torch_index and "torch" in wanted else []
    ready = [name + version for name, version in wanted.items() if name + version not in (*built, *apart)]
    download = ["download", "--no-deps", "--only-binary=:all:", "--dest", str(folder), *target.options]
    if apart:
        _pip([*download, "--index-url", torch_index, *apart], target)
    if ready:
        _pip([*download, *ready], target)
    if built:
        _pip(["wheel", "--no-deps", "--wheel-dir", str(folder), *built], target)


def _pip(words: list[str], target: Target) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, encoding="utf-8",
                          errors="replace", check=False)
    if not done.returncode:
        return
    if lacking := re.findall(r"No matching distribution found for (\S+)", done.stderr):
        raise CourseError(f"{lacking[0]} 没有给 {target.tag}、Python {target.python} 的 wheel，或者软件源里没有它。"
                          "换一个 --python-version 试试；课程测过的是 3.11。")
    raise CourseError("pip 没有取到包：" + "\n".join(done.stderr.strip().splitlines()[-3:]))
