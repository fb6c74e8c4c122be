"""``aigc offline-pack``."""

import time
from pathlib import Path

import click

from aigc_lib import paths


@click.command("offline-pack")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="文件",
              help="写到哪里；默认 build/ 里，名字带平台和 Python 版本。")
@click.option("--platform", metavar="平台",
              help="教室的机器：linux、macos、windows，或 pip 的平台名，如 manylinux_2_28_aarch64；默认和这台一样。")
@click.option("--python-version", metavar="版本", help="教室里的 Python，如 3.12；默认和这里一样。")
@click.option("--torch-index", default="", envvar="TORCH_INDEX", metavar="地址",
              help="CPU 版 PyTorch 的索引地址，给没有显卡的 Linux。也可用环境变量 TORCH_INDEX。")
def offline_pack(out: Path | None, platform: str | None, python_version: str | None, torch_index: str) -> None:
    """做一个压缩包，没有网络的机器用它就能装好课程。"""
    from aigc_lib.course.offline import megabytes, pack
    from aigc_lib.course.wheelhouse import target

    begin = time.time()
    chosen = target(platform, python_version)
    click.echo(f"给 {chosen.system} {chosen.machine}、Python {chosen.python} 做一包。")
    out = pack(out or paths.ROOT / "build" / f"aigc-offline-{chosen.tag}-py{chosen.python}.zip", chosen, torch_index,
               click.echo)
    click.echo(f"做好了：{out}，{megabytes(out.stat().st_size)}，用了 {time.time() - begin:.0f} 秒。"
               "拷到教室的机器上，解压，照里面的 安装说明.md 做。")
