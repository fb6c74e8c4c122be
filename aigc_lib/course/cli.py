"""The ``aigc`` command. Its words to the reader are Chinese; heavy imports wait inside each command."""

import os
import subprocess
import sys
from pathlib import Path

import click

from aigc_lib import paths
from aigc_lib.course.cli_data import data
from aigc_lib.course.cli_editions import instructor, progress, slides, student
from aigc_lib.course.cli_offline import offline_pack
from aigc_lib.course.files import CouldNotSave
from aigc_lib.course.manifest import CourseError, check_profile, load_manifest, select


class Course(click.Group):
    """Turns errors that the reader can put right into one sentence and exit code 1."""

    def main(self, *args, **kwargs):
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal that has no ✓ shows a question mark
                stream.reconfigure(errors="replace")
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (CourseError, CouldNotSave) as error:
            raise click.ClickException(str(error)) from None


def _profile(ctx: click.Context, param: click.Parameter, value: str) -> str:
    return check_profile(value)


PROFILE = click.option("--profile", default="full", envvar="AIGC_PROFILE", callback=_profile,
                       help="full（完整，默认）或 smoke（快速检查）。也可用环境变量 AIGC_PROFILE。")
JOBS = click.option("--jobs", type=int, help="同时跑几章；默认按核数。")
TIMEOUT = click.option("--timeout", type=float, help="每章最多多少秒；默认是清单里预算的 3 倍。")
RESUME = click.option("--resume", is_flag=True, help="跳过代码没变、已经跑完的章节。")
DASK = click.option("--dask", metavar="地址", help="把章节交给一个 Dask 集群，如 tcp://10.0.0.1:8786。")
CHAPTERS = click.argument("chapters", nargs=-1, metavar="[章节]...")


@click.group(cls=Course, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """《AIGC在各行业的应用前景》课程：运行 notebook、核查断言、管理数据、生成网站。

    章节可以写全名（ch02_2_gan）、节号（2.2）或开头（ch02）。
    """


for command in (data, student, instructor, slides, progress, offline_pack):
    main.add_command(command)


@main.command("list")
@CHAPTERS
def list_chapters(chapters: tuple[str, ...]) -> None:
    """列出章节、预算和实测用时。"""
    from tabulate import tabulate

    from aigc_lib.course.reports import load_timings

    timings = load_timings()

    def measured(name: str, profile: str) -> str:
        seconds = timings.get(name, {}).get(profile, {}).get("seconds")
        return "—" if seconds is None else f"{seconds:.0f}"

    rows = [[c.section, c.title, c.name, f"{c.full_seconds:g}", measured(c.name, "full"),
             f"{c.smoke_seconds:g}", measured(c.name, "smoke")] for c in select(load_manifest(), chapters)]
    head = ["节", "标题", "名称", "完整：预算（秒）", "实测", "快速：预算（秒）", "实测"]
    click.echo(tabulate(rows, head, disable_numparse=True))


@main.command()
@CHAPTERS
@PROFILE
@JOBS
@TIMEOUT
@RESUME
@DASK
@click.option("--seed", type=int, default=0, show_default=True, help="随机种子。")
@click.option("--save", is_flag=True, help="把完整运行的输出写回 notebooks/，用时写进 book/timings.json。")
@click.option("--dry-run", is_flag=True, help="只核对命令和章节，说会跑什么，不跑。")
def run(chapters: tuple[str, ...], seed: int, dry_run: bool, **options) -> None:
    """运行章节，默认是全部；结果在 runs/ 里，环境变量 AIGC_RUNS 可以换个地方。"""
    manifest = load_manifest()
    chosen = select(manifest, chapters)
    if dry_run:
        for chapter in chosen:
            click.echo(f"会跑 {chapter.name}，种子 {seed}，预算 {chapter.budget(options['profile']):g} 秒。")
        return
    from aigc_lib.course.ledger import agreement
    from aigc_lib.course.reports import record_course
    from aigc_lib.course.runner import Options, run_course

    report = run_course(chosen, Options(seeds=(seed,), **options), click.echo)
    if options["save"] and chosen == manifest:
        record_course(report)
    for found in agreement(report):
        mark = {True: "✓", False: "✗", None: "·"}[found["agrees"]]
        click.echo(f"{mark} {found['id']} {found['text']}")
    _finish(report, paths.RUNS / report["profile"])


def _finish(report: dict, folder: Path) -> None:
    """Say how it went and leave with the exit code."""
    from aigc_lib.course.runner import exit_code

    done = sum(row["status"] == "ok" for row in report["notebooks"])
    click.echo(f"{done}/{len(report['notebooks'])} 通过，用时 {report['seconds']:.0f} 秒。报告：{folder / 'report.json'}")
    if report["signal"]:
        click.echo("已中断。跑完的章节都在，加 --resume 可以接着跑。", err=True)
    elif done < len(report["notebooks"]):
        click.echo("只补跑没通过的：aigc run 加 --resume；是超时，再加 --timeout 1800。", err=True)
    sys.exit(exit_code(report))


@main.group()
def evidence() -> None:
    """账本：用多个种子重跑，给每条断言一个判定。"""


@evidence.command("run")
@CHAPTERS
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="用种子 1 到 N；至少 5 个才有判定。")
@JOBS
@TIMEOUT
@RESUME
@DASK
def evidence_run(chapters: tuple[str, ...], seeds: int, **options) -> None:
    """完整运行章节的多个种子，更新账本。"""
    manifest = load_manifest()
    chosen = select(manifest, chapters)
    from aigc_lib.course.ledger import read_ledger, run_evidence, scoreboard
    from aigc_lib.course.runner import Options

    report = run_evidence(chosen, manifest, Options(seeds=tuple(range(1, seeds + 1)), **options), click.echo)
    names = {chapter.name for chapter in chosen}
    click.echo(scoreboard([row for row in read_ledger() if row["notebook"] in names]))
    _finish(report, paths.RUNS / "evidence")


@evidence.command("check")
def evidence_check() -> None:
    """核对账本和 notebook 是否对得上。"""
    from aigc_lib.course.ledger import check_ledger, read_ledger

    problems = check_ledger(load_manifest())
    for problem in problems:
        click.echo(problem)
    if problems:
        raise click.ClickException(f"账本有 {len(problems)} 处问题。")
    click.echo(f"账本没有问题：{len(read_ledger())} 条断言。")


@evidence.command("show")
def evidence_show() -> None:
    """显示断言的记分板。"""
    from aigc_lib.course.ledger import read_ledger, scoreboard

    click.echo(scoreboard(read_ledger()))


@main.command()
def site() -> None:
    """生成网站。"""
    from aigc_lib.course.site import build

    click.echo(f"网站在 {build(say=click.echo)}")


@main.command()
@click.argument("names", nargs=-1, metavar="[模型]...")
def demos(names: tuple[str, ...]) -> None:
    """训练网站演示用的小模型，写进 book/demos/；默认三个都做。"""
    from aigc_lib.course.demo_models import RECIPES, make

    for name in names or RECIPES:
        if name not in RECIPES:
            raise CourseError(f"没有叫 {name} 的演示，只有 {'、'.join(RECIPES)}。")
        make(name, click.echo)


@main.command()
def readme() -> None:
    """更新两份 README 和三份教案里由程序写的表。"""
    from aigc_lib.course.readme import update

    update()


@main.command()
@click.argument("chapter", metavar="章节")
@click.option("--section", required=True, help="节号，如 4.1。")
@click.option("--title", required=True, help="标题，如 内容创作。")
@click.option("--part", default="", help="属于哪一部分；默认与前一章相同。")
def new(chapter: str, section: str, title: str, part: str) -> None:
    """按模板新建一章，登记到清单，并运行一次。"""
    from aigc_lib.course.runner import Options, run_course
    from aigc_lib.course.template import create

    created = create(chapter, section, title, part)
    click.echo(f"已写好 {created.path}，现在运行一次。")
    report = run_course([created], Options(save=True), click.echo)
    click.echo(f"接下来：aigc lab 里改写它，aigc run {chapter} --save 保存输出，aigc evidence run {chapter} 记入账本。")
    _finish(report, paths.RUNS / "full")


@main.command()
def doctor() -> None:
    """看看这台机器能不能跑课程，哪里不对，怎么补。"""
    from aigc_lib.course.doctor import report

    sys.exit(report(click.echo))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[JupyterLab 的选项]...")
def lab(options: tuple[str, ...]) -> None:
    """打开 JupyterLab；后面的话传给它，如 --port 9999。"""
    from importlib.util import find_spec

    from aigc_lib.course.doctor import WINDOWS, install_command

    if not find_spec("jupyterlab"):
        raise CourseError(f"没有装 JupyterLab：运行 {install_command()}。")
    command = [sys.executable, "-m", "jupyterlab", str(paths.NOTEBOOKS), *options]
    if WINDOWS:  # its execv gives the terminal back while JupyterLab still runs
        sys.exit(subprocess.call(command))
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main(prog_name="aigc")
