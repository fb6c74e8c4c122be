"""The doctor's look at the machine: cores, memory, disk, folders, port, terminal, and npm for the site's demos."""

import contextlib
import errno
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.doctor import BAD, FINE, NOTE, WINDOWS, Finding, free_disk
from aigc_lib.course.limits import cores, memory
from aigc_lib.course.reports import WHOLE_COURSE

PORT = 8888  # JupyterLab's first choice
BIGGEST_MB = 2048  # of a chapter, where no time table says it
ROOM = 2.0  # GB for a whole run's results and the site
LEAST_ROOM = 0.3
SCRATCH = 0.2  # GB of temporary files: each chapter works in a temporary folder
WRITE_HERE = ("把课程文件夹放到你自己的目录里（如“文档”），再装一次" if WINDOWS else
              'sudo chown -R "$USER" . （在课程文件夹里运行），或者把课程放到你自己的目录里再装一次')


def processor() -> Iterator[Finding]:
    n = cores()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if n == 1:
        yield Finding(NOTE, "处理器", "1 核：一章接一章地跑，用时大约加倍", "aigc run --jobs 1 --timeout 1200，或者先用 --profile smoke")
    elif asked.isdecimal() and int(asked) < n:
        yield Finding(NOTE, "处理器", f"{n} 核，但环境变量 OMP_NUM_THREADS={asked} 只许每章用 {asked} 线程", "不是有意的，就去掉这个环境变量")
    else:
        yield Finding(FINE, "处理器", f"{n} 核")


def biggest_chapter() -> float:
    """Gigabytes of memory that the biggest chapter took when its time was measured."""
    try:
        timings = json.loads((paths.BOOK / "timings.json").read_text(encoding="utf-8"))
        timings.pop(WHOLE_COURSE, None)
        return max(row["full"]["peak_mb"] for row in timings.values() if "full" in row) / 1024
    except (OSError, ValueError, KeyError):
        return BIGGEST_MB / 1024


def memory_left() -> Iterator[Finding]:
    free, total = memory()
    need = biggest_chapter()
    found = f"{free:.1f} GB 可用，共 {total:.1f} GB"
    if free < need:
        more = "关掉浏览器等占内存的程序" if total > 1.5 * need else "内存就这么多：给虚拟机或容器多分一些"
        yield Finding(BAD, "内存", f"{found}；最大的一章要 {need:.1f} GB", f"{more}；小的章节能跑，aigc run 6.2 这样一节一节来")
    elif free < 2 * need:
        yield Finding(NOTE, "内存", f"{found}；两章同时跑要 {2 * need:.1f} GB", "aigc run --jobs 1（或 make course JOBS=1）")
    else:
        yield Finding(FINE, "内存", found)


def disk() -> Iterator[Finding]:
    free = free_disk(paths.RUNS)
    found = f"{free:.1f} GB 可用（{paths.ROOT}）"
    if free < ROOM:
        yield Finding(BAD if free < LEAST_ROOM else NOTE, "磁盘", f"{found}，结果和网站要 {ROOM:g} GB",
                      f"腾出空间：runs 和 book{os.sep}_build 两个文件夹可以删，pip cache purge 清掉安装包")
    else:
        yield Finding(FINE, "磁盘", found)


def scratch() -> Iterator[Finding]:
    name = "TEMP" if WINDOWS else "TMPDIR"
    mend = f"清一清它，或者用环境变量 {name} 指定别处的一个文件夹"
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        yield Finding(BAD, "临时文件夹", "没有一个能写", mend)
        return
    free = free_disk(folder)
    if trouble := _cannot_write(folder):
        yield Finding(BAD, "临时文件夹", f"{folder} {trouble}", mend)
    elif free < SCRATCH:
        yield Finding(BAD, "临时文件夹", f"{folder} 只剩 {free * 1024:.0f} MB，笔记本在里面运行", mend)
    else:
        yield Finding(FINE, "临时文件夹", f"{folder}，{free:.1f} GB 可用")


def writing() -> Iterator[Finding]:
    for folder, holds in ((paths.RUNS, "结果"), (paths.BOOK, "网站")):
        if trouble := _cannot_write(folder):
            yield Finding(BAD, "写权限", f"{folder} {trouble}，{holds}要写在那里", WRITE_HERE)
            return
    yield Finding(FINE, "写权限", f"{paths.RUNS} 和 {paths.BOOK} 都能写")


def _cannot_write(folder: Path) -> str:
    """Why no file can be made there, or "". What has to be made for the trial goes again."""
    made = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"0" * 4096)
            file.flush()
        return ""
    except OSError as error:
        return "满了" if error.errno in (errno.ENOSPC, errno.EDQUOT) else f"写不进去（{error.strerror}）"
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def port() -> Iterator[Finding]:
    with socket.socket() as trial:
        if not WINDOWS:  # else a server that has just ended would count
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", PORT))
        except OSError:
            yield Finding(NOTE, "端口", f"{PORT} 有人在用，JupyterLab 会换下一个：看它在终端里说的地址",
                          "jupyter server list 看开着的；jupyter server stop 关掉旧的")
            return
    yield Finding(FINE, "端口", f"{PORT} 空着，留给 JupyterLab")


def user() -> Iterator[Finding]:
    if getattr(os, "geteuid", lambda: 1)() == 0:
        yield Finding(NOTE, "用户", "你是 root，JupyterLab 不肯替 root 开", "换一个普通用户；在容器里，用 aigc lab --allow-root --ip 0.0.0.0")


def terminal() -> Iterator[Finding]:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "✓✗课".encode(encoding)
        yield Finding(FINE, "终端", encoding)
    except (UnicodeEncodeError, LookupError):
        how = "$env:PYTHONUTF8=1" if WINDOWS else "export PYTHONUTF8=1"
        yield Finding(NOTE, "终端", f"编码是 {encoding}，有些字会变成问号", f"先运行 {how}，再运行 aigc")


def demos() -> Iterator[Finding]:
    from aigc_lib.course.demos import cached

    if cached():
        yield Finding(FINE, "网站演示", "运行库已经取好")
    elif npm := shutil.which("npm"):
        yield Finding(FINE, "网站演示", f"建网站时由 {npm} 取运行库")
    else:
        yield Finding(NOTE, "网站演示", "没有 npm，网站不带现场演示和幻灯片，其余照常", "要它们，装 Node.js（自带 npm），再运行 aigc site")


CHECKS = (processor, memory_left, disk, scratch, writing, port, user, terminal, demos)
