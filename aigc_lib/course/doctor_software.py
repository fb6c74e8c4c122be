"""The doctor's look at what is installed: packages and their versions, PyTorch, the font, the kernel, the course."""

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.doctor import (
    BAD,
    EXTRAS,
    FINE,
    NOTE,
    WINDOWS,
    Finding,
    folder_size,
    free_disk,
    install_command,
    python_here,
)

SHOWN = 4  # names in a line
TORCH_INDEX = "<CPU 版 PyTorch 的索引地址>"
INSTALLED = 7.0 if sys.platform == "linux" else 2.5  # GB; PyTorch for Linux brings CUDA along


def course() -> Iterator[Finding]:
    if not (paths.NOTEBOOKS / "course.toml").is_file():
        yield Finding(BAD, "课程", f"{paths.ROOT} 里没有 notebooks{os.sep}course.toml",
                      "进到课程的文件夹里重新安装，或用环境变量 AIGC_ROOT 指出它在哪里")
    elif (Path.cwd() / "notebooks" / "course.toml").is_file() and Path.cwd().resolve() != paths.ROOT.resolve():
        yield Finding(NOTE, "课程", f"你在 {Path.cwd()}，这个 aigc 用的却是 {paths.ROOT}", "在你要用的那一份里再装一次，用它自己的 aigc")
    else:
        yield Finding(FINE, "课程", str(paths.ROOT))


def project() -> dict:
    return tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def missing_packages() -> list[str]:
    """What the course cannot do without, and is not installed."""
    return [name for name in map(_name, project()["dependencies"]) if _version(name) is None]


def packages() -> Iterator[Finding]:
    """Is what the project asks for installed, and as it was tested?"""
    if missing := missing_packages():
        yield Finding(BAD, "Python 包", f"缺 {len(missing)} 个：{_some(missing)}", install_command())
        if (free := free_disk(paths.ROOT)) < INSTALLED:
            yield Finding(BAD, "磁盘", f"{free:.1f} GB 可用（{paths.ROOT}），装下来要 {INSTALLED:g} GB",
                          f"腾出空间，或者只装 CPU 版：make course TORCH_INDEX={TORCH_INDEX}，2.5 GB 就够" if sys.platform == "linux"
                          else "腾出空间")
        return
    asked = project()
    needed = [_name(line) for line in asked["dependencies"]]
    optional = [line for extra in EXTRAS.split(",") for line in asked["optional-dependencies"][extra]]
    wanted = [_name(line) for line in optional if _applies(line)]
    if missing := [name for name in wanted if _version(name) is None]:
        yield Finding(NOTE, "Python 包", f"缺 {_some(missing)}：用到它们的章节或网站会停下", install_command())
    tested = dict(_pins())
    found = {name: _version(name) for name in (*needed, *wanted)}
    others = [f"{name} {version}（测过 {tested[name]}）" for name, version in found.items()
              if version and name in tested and version.partition("+")[0] != tested[name].partition("+")[0]]
    if others:
        yield Finding(NOTE, "版本", f"{len(others)} 个包不是测过的版本：{_some(others)}；结果可能略有不同", install_command())
    elif not missing:
        yield Finding(FINE, "Python 包", f"{len(found)} 个都在，版本都测过")


def _pins() -> Iterator[tuple[str, str]]:
    for line in (paths.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if (pin := re.match(r"([\w.-]+)==([^\s;]+)", line)) and _applies(line):
            yield pin.groups()


def _name(line: str) -> str:
    return re.match(r"[\w.-]+", line)[0].lower()


def _applies(line: str) -> bool:
    """Whether a requirement is meant for this machine."""
    from packaging.requirements import Requirement

    marker = Requirement(line).marker
    return marker is None or marker.evaluate()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _some(names: list[str]) -> str:
    return "、".join(names[:SHOWN]) + ("…" if len(names) > SHOWN else "")


def torch() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # a library that it needs is not there or is of another make
        mend = f"{python_here()} -m pip install --force-reinstall --no-deps torch=={_version('torch')}"
        if WINDOWS:
            mend = f"装 Microsoft Visual C++ 可再发行组件（x64），重开终端；还不行：{mend}"
        yield Finding(BAD, "PyTorch", f"装了，但载入不了（{str(error).strip().splitlines()[-1]}）", mend)
        return
    version, gpu = metadata.version("torch"), torch.cuda.is_available()
    if torch.version.cuda and not gpu:
        size = folder_size(Path(torch.__file__).parents[1] / "nvidia")
        why = "显卡的驱动太旧或没装好" if shutil.which("nvidia-smi") else "这台机器没有 NVIDIA 显卡"
        yield Finding(NOTE, "PyTorch", f"{version} 是 CUDA 版，{why}，{size:.1f} GB 的 CUDA 库白占地方；课程在 CPU 上照跑",
                      f"想腾出来：删掉 .venv，再 make course TORCH_INDEX={TORCH_INDEX}，地址在 PyTorch 官网的安装页上")
    else:
        card = f"GPU：{torch.cuda.get_device_name(0)}" if gpu else "没有 GPU（课程不需要）"
        yield Finding(FINE, "PyTorch", f"{version}，{torch.get_num_threads()} 线程，{card}")
    from aigc_lib.training import bfloat16_is_faster

    faster = bfloat16_is_faster(torch.device("cuda" if gpu else "cpu"))
    yield Finding(FINE, "bf16", "这台机器上更快，训练会用它" if faster else "不会更快，训练用 float32")


def font() -> Iterator[Finding]:
    from aigc_lib.style import FONT_FILE, missing_glyphs

    mend = "git checkout -- aigc_lib/fonts"
    try:
        absent = missing_glyphs("课程断言")
    except FileNotFoundError:
        yield Finding(BAD, "中文字体", f"没有 {FONT_FILE}，图画不出来", mend)
    except (OSError, RuntimeError, ValueError) as error:
        yield Finding(BAD, "中文字体", f"{FONT_FILE.name} 读不了（{error}）", mend)
    else:
        if absent:
            yield Finding(BAD, "中文字体", f"{FONT_FILE.name} 里没有汉字，图里会是方框", mend)
        else:
            yield Finding(FINE, "中文字体", FONT_FILE.name)


def kernel() -> Iterator[Finding]:
    """Does a notebook's kernel, python3, run in this environment?"""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    mend = f"{python_here()} -m ipykernel install --sys-prefix"
    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        yield Finding(BAD, "内核", "没有叫 python3 的内核", mend)
        return
    version = sys.version_info
    if program in {"python", f"python{version.major}", f"python{version.major}.{version.minor}"} or _beside(program):
        yield Finding(FINE, "内核", "python3，就在这个环境里")  # Jupyter takes a bare name for the Python it runs in
    elif shutil.which(program):
        yield Finding(NOTE, "内核", f"JupyterLab 会用另一个 Python：{program}（aigc run 不受影响）", mend)
    else:
        yield Finding(BAD, "内核", f"python3 内核指向 {program}，那里没有 Python", mend)


def _beside(program: str) -> bool:
    """Whether a program lies in the folder of this Python. Links are not followed: they may all lead to one Python."""
    return os.path.abspath(os.path.dirname(program)) == os.path.abspath(os.path.dirname(sys.executable))


CHECKS = (course, torch, font, kernel)
