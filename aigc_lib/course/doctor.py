"""A short report on this machine: will the course run here, and how fast?"""

import platform
import shutil
import sys
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
    free, total = (n / 2**30 for n in (psutil.virtual_memory().available, psutil.virtual_memory().total))
    yield free > NEEDED_GB, "内存", f"{free:.1f} GB 可用，共 {total:.1f} GB"
    free = shutil.disk_usage(paths.ROOT).free / 2**30
    yield free > NEEDED_GB, "磁盘", f"{free:.1f} GB 可用（{paths.ROOT}）"
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
    from aigc_lib.training import bfloat16_is_faster

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    yield True, "bf16", "这台机器上更快，训练会用它" if bfloat16_is_faster(device) else "不会更快，训练用 float32"
