"""``aigc student``, ``aigc instructor``, ``aigc slides`` and ``aigc progress``."""

from pathlib import Path

import click

from aigc_lib import paths
from aigc_lib.course.manifest import CourseError, load_manifest, select

FOLDER = click.argument("folder", metavar="文件夹", type=click.Path(file_okay=False, path_type=Path))
CHAPTERS = click.argument("chapters", nargs=-1, metavar="[章节]...")


@click.command()
@FOLDER
@CHAPTERS
def student(folder: Path, chapters: tuple[str, ...]) -> None:
    """写出学生版：没有参考答案，练习等着填写。默认全部章节。"""
    _write("student", folder, chapters)
    click.echo(f"打开：jupyter lab {folder}。做完几题，看进度：aigc progress {folder}")


@click.command()
@FOLDER
@CHAPTERS
def instructor(folder: Path, chapters: tuple[str, ...]) -> None:
    """写出教师版：答案展开，附用时、判定和教学提示。默认全部章节。"""
    _write("instructor", folder, chapters)


def _write(edition: str, folder: Path, chapters: tuple[str, ...]) -> None:
    from aigc_lib.course.editions import write_edition

    written, kept = write_edition(edition, select(load_manifest(), chapters), folder)
    click.echo(f"写好 {len(written)} 个笔记本，在 {folder}。")
    if kept:
        click.echo(f"{len(kept)} 个本来就在，里面可能有你写的东西，没有动：{'、'.join(path.name for path in kept)}。"
                   "要新的，换一个空文件夹。")


@click.command()
@CHAPTERS
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="写到哪个文件夹。")
def slides(chapters: tuple[str, ...], out: Path) -> None:
    """由笔记本写出幻灯片（reveal.js），不联网也能放；默认全部章节。"""
    from aigc_lib.course.decks import write_decks
    from aigc_lib.course.site import check_packages

    check_packages()
    written = write_decks(select(load_manifest(), chapters), out, click.echo)
    click.echo(f"用浏览器打开，如 {written[0]}。方向键翻页，S 打开讲稿，F 全屏，Esc 看全部。")


@click.command()
@click.argument("folder", required=False, metavar="[文件夹]",
                type=click.Path(exists=True, file_okay=False, path_type=Path))
def progress(folder: Path | None) -> None:
    """看练习做了多少，下一步做什么；默认看当前文件夹，没有笔记本就看课程的。"""
    from aigc_lib.course.progress import look, next_step, table

    folder = folder or (Path.cwd() if any(Path.cwd().glob("*.ipynb")) else paths.NOTEBOOKS)
    found = look(folder, load_manifest())
    if not found:
        raise CourseError(f"{folder} 里没有带练习的笔记本。先运行 aigc student {folder}。")
    click.echo(table(found))
    passed, total = sum(p.passed for p in found), sum(p.total for p in found)
    click.echo(f"\n共 {total} 题，通过 {passed} 题。{next_step(found)}")
