"""The tables of both READMEs, made from the manifest, the measured times and the ledger."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.files import read_text, write_atomic
from aigc_lib.course.ledger import read_ledger
from aigc_lib.course.manifest import Chapter, CourseError, load_manifest
from aigc_lib.course.reports import load_timings

HEADS = {
    "README.md": (["节", "笔记本", "完整（秒）", "快速检查（秒）", "内存（MB）"],
                  ["节", "断言", "指标", "模型", "基线", "差", "至少", "判定"]),
    "README.en.md": (["section", "notebook", "full (s)", "smoke (s)", "memory (MB)"],
                     ["section", "claim", "metric", "model", "baseline", "difference", "at least", "verdict"]),
}


def readmes() -> list[Path]:
    return [paths.ROOT / name for name in HEADS]


def updated(readme: Path) -> str:
    """The README's text with both tables made anew; CourseError when a marker is missing."""
    chapters, claims = HEADS[readme.name]
    text = _replace(readme, read_text(readme), "chapters", _table(chapters, _chapter_rows(load_manifest())))
    return _replace(readme, text, "scoreboard", _table(claims, map(_claim_row, read_ledger())))


def update() -> None:
    for readme in readmes():
        write_atomic(readme, updated(readme))


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
        full, smoke = (timings.get(chapter.name, {}).get(profile, {}) for profile in ("full", "smoke"))
        yield [chapter.section, f"[{chapter.title}](notebooks/{chapter.name}.ipynb)", _whole(full.get("seconds")),
               _whole(smoke.get("seconds")), _whole(full.get("peak_mb"))]


def _claim_row(row: Mapping) -> list[str]:
    unit = f"（{row['unit']}）" if row["unit"] else ""
    arrow = "↑" if row["higher_is_better"] else "↓"
    interval = "" if row["ci_low"] is None else f" [{row['ci_low']:+.3g}, {row['ci_high']:+.3g}]"
    return [row["section"], row["claim"], f"{row['metric']}{unit} {arrow}", f"{row['model']} {row['model_mean']:.3g}",
            f"{row['baseline']} {row['baseline_mean']:.3g}", f"{row['diff']:+.3g}{interval}",
            f"{row['smallest_difference']:.3g}", row["verdict"]]


def _whole(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}"
