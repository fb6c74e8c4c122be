"""``aigc data``: what data there is, whether it is whole, and how to get more."""

import sys
from pathlib import Path

import click

from aigc_lib.course.manifest import CourseError


@click.group()
def data() -> None:
    """数据：清单、校验、下载。"""


@data.command("list")
def data_list() -> None:
    """列出数据集、来源和许可。"""
    from tabulate import tabulate

    kinds = {"embedded": "随仓库", "fetch": "需下载", "package": "随依赖包"}
    rows = [[d.name, d.title, kinds[d.kind], f"{sum(file.bytes for file in d.files) / 1e6:.1f}", d.licence, d.source]
            for d in _catalog().values()]
    click.echo(tabulate(rows, ["名称", "内容", "在哪里", "MB", "许可", "来源"], disable_numparse=True))


@data.command("verify")
@click.argument("names", nargs=-1, metavar="[名称]...")
def data_verify(names: tuple[str, ...]) -> None:
    """核对数据文件的校验和，默认核对不需要下载的全部。"""
    from aigc_lib.catalog import DamagedData, MissingData, verify

    known, bad = _catalog(*names), 0
    for name in names or [name for name, dataset in known.items() if dataset.kind != "fetch"]:
        try:
            verify(name)
            click.echo(f"✓ {name}")
        except (DamagedData, MissingData) as error:
            bad += 1
            click.echo(f"✗ {name} {'损坏' if isinstance(error, DamagedData) else '缺失'}：{error}")
    if bad:
        raise click.ClickException(f"{bad} 个数据集有问题。")


@data.command("fetch")
@click.argument("name", metavar="名称")
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="放到哪个文件夹。")
def data_fetch(name: str, to: Path | None) -> None:
    """下载一个较大的数据集，并核对校验和。"""
    from tqdm import tqdm

    from aigc_lib.catalog import fetch

    _catalog(name)
    with tqdm(unit="B", unit_scale=True, file=sys.stderr, disable=None, leave=False) as bar:
        def show(file: str, done: int, total: int | None) -> None:
            bar.set_description(file, refresh=False)
            bar.total, bar.n = total, done
            bar.refresh()

        try:
            folder = fetch(name, to, show)
        except (OSError, ValueError) as error:
            raise click.ClickException(f"没能取得 {name}：{error}") from None
    click.echo(f"已就绪：{folder}")


def _catalog(*names: str) -> dict:
    """The data catalog; CourseError when it is missing or has no data set of one of these names."""
    from aigc_lib.catalog import MissingData, catalog

    try:
        known = catalog()
    except MissingData as error:
        raise CourseError(f"找不到数据目录：{error}") from None
    for name in names:
        if name not in known:
            raise CourseError(f"没有叫“{name}”的数据集。现有：{'、'.join(known)}。")
    return known
