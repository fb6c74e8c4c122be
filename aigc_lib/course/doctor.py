"""A short report on this machine: will the course run here, and how fast?"""

import platform
import shutil
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil

import aigc_lib
from aigc_lib import paths
from aigc_lib.course.process import cores

NEEDED_GB = 3  # memory for one chapter, and disk for its runs


def examine() -> Iterator[tuple[bool, str, str]]:
    """Yield (fine, what, finding) lines, in Chinese."""
    yield sys.version_info >= (3, 11), "Python", f"{platform.python_version()}（{sys.prefix}）"
    yield from _torch()
    yield True, "处理器", f"{cores()} 核，{platform.machine()}"
    memory = psutil.virtual_memory()
    yield memory.available > NEEDED_GB * 2**30, "内存", f"{memory.available / 2**30:.1f} GB 可用，共 {memory.total / 2**30:.1f} GB"
    free = shutil.disk_usage(paths.ROOT).free
    yield free > NEEDED_GB * 2**30, "磁盘", f"{free / 2**30:.1f} GB 可用（{paths.ROOT}）"
    package = Path(aigc_lib.__file__).parent
    font = next((path for path in sorted(package.rglob("*")) if path.suffix in (".otf", ".ttf")), None)
    yield font is not None, "中文字体", font.name if font else "没有找到随包的字体，图里的汉字会变成方框"
    yield (paths.NOTEBOOKS / "course.toml").exists(), "课程", str(paths.ROOT)


def _torch() -> Iterator[tuple[bool, str, str]]:
    try:
        import torch
    except ImportError:
        yield False, "PyTorch", "没有安装：运行 make course"
        return
    cuda = f"，GPU：{torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else "，没有 GPU（课程不需要）"
    yield True, "PyTorch", f"{metadata.version('torch')}，{torch.get_num_threads()} 线程{cuda}"
    ratio = _seconds(torch.float32) / _seconds(torch.bfloat16)
    yield True, "bf16", f"矩阵乘法是 float32 的 {ratio:.1f} 倍快" + ("" if ratio > 1 else "，这台机器用 float32 更好")


def _seconds(dtype) -> float:
    """The fastest of a few products of 512 x 512 matrices."""
    import torch

    a = torch.ones(512, 512, dtype=dtype)
    times = []
    for _ in range(6):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return min(times)
