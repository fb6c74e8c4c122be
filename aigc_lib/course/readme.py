"""The tables of both READMEs and of the workshop plans, made from the manifest, the measured times and the ledger."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.files import read_text, write_atomic
from aigc_lib.course.ledger import read_ledger
from aigc_lib.course.manifest import Chapter, CourseError, load_manifest
from aigc_lib.course.reports import WHOLE_COURSE, load_timings
from aigc_lib.course.workshops import plans, updated_plan

HEADS = {
    "README.md": (["节", "笔记本", "完整（秒）", "快速检查（秒）", "内存（MB）"],
                  ["节", "断言", "指标", "模型", "基线", "差", "至少", "种子", "判定"], "全部，两章同时跑"),
    "README.en.md": (["section", "notebook", "full (s)", "smoke (s)", "memory (MB)"],
                     ["section", "claim", "metric", "model", "baseline", "difference", "at least", "seeds", "verdict"],
                     "all, two at a time"),
}


def readmes() -> list[Path]:
    return [paths.ROOT / name for name in HEADS]


def updated(readme: Path) -> str:
    """The README's text with both tables made anew; CourseError when a marker is missing."""
    chapters, claims, everything = HEADS[readme.name]
    rows = [*_chapter_rows(load_manifest()), ["", everything, *_measured(load_timings().get(WHOLE_COURSE, {}))]]
    text = _replace(readme, read_text(readme), "chapters", _table(chapters, rows))
    return _replace(readme, text, "scoreboard", _table(claims, map(_claim_row, read_ledger())))


def update() -> None:
    for readme in readmes():
        write_atomic(readme, updated(readme))
    for plan in plans():
        write_atomic(plan, updated_plan(plan))


def _replace(readme: Path, text: str, name: str, table: str) -> str:
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    if not re.search(pattern, text, re.DOTALL):
        raise CourseError(f"{readme.name} 里找不到 {name}:begin 和 {name}:end 这一对标记，表没处放。")
    return re.sub(pattern, lambda found: found[1] + table + found[2], text, flags=re.DOTALL)


def _table(head: Sequence[str], rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _chapter_rows(manifest: Sequence[Chapter]):
    timings = load_timings()
    for chapter in manifest:
        yield [chapter.section, f"[{chapter.title}](notebooks/{chapter.name}.ipynb)",
               *_measured(timings.get(chapter.name, {}))]


def _measured(timing: Mapping[str, Mapping]) -> list[str]:
    full, smoke = timing.get("full", {}), timing.get("smoke", {})
    return [_whole(full.get("seconds")), _whole(smoke.get("seconds")), _whole(full.get("peak_mb"))]


def _claim_row(row: Mapping) -> list[str]:
    unit = f"（{row['unit']}）" if row["unit"] else ""
    arrow = "↑" if row["higher_is_better"] else "↓"
    interval = "" if row["ci_low"] is None else f" [{row['ci_low']:+.3g}, {row['ci_high']:+.3g}]"
    seeds = sorted(run["seed"] for run in row["runs"])
    cell = f"[{row['section']}](notebooks/{row['notebook']}.ipynb#断言核查)"
    return [cell, row["claim"], f"{row['metric']}{unit} {arrow}", f"{row['model']} {row['model_mean']:.3g}",
            f"{row['baseline']} {row['baseline_mean']:.3g}", f"{row['diff']:+.3g}{interval}",
            f"{row['smallest_difference']:.3g}", " ".join(map(str, seeds)), row["verdict"]]


def _whole(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}"
