"""The parts of the workshop plans in ``book/workshops/`` that a program knows better: times, verdicts, numbers.

A plan says between two comments what it wants, and ``aigc readme`` fills it in:
``<!-- times:begin 2.1 ch04 -->`` ... ``<!-- times:end -->`` is a table of these notebooks, and
``<!-- ledger ID model -->0.66<!-- end -->`` a number of the ledger (``model``, ``baseline`` or ``diff``).
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.files import read_text
from aigc_lib.course.ledger import read_ledger
from aigc_lib.course.manifest import Chapter, CourseError, load_manifest, select
from aigc_lib.course.reports import load_timings
from aigc_lib.evidence import REFUTED, SUPPORTED, UNDECIDED

VERDICTS = (SUPPORTED, REFUTED, UNDECIDED)
TIMES = re.compile(r"(<!-- times:begin ([\w. ]+) -->\n).*?(<!-- times:end -->)", re.DOTALL)
NUMBER = re.compile(r"(<!-- ledger (\S+) (model|baseline|diff) -->)[^<]*(<!-- end -->)")
HEAD = ("部分", "笔记本", "完整（秒）", "快速检查（秒）", "内存（MB）", "断言：" + "/".join(VERDICTS))
KEYS = {"model": "model_mean", "baseline": "baseline_mean", "diff": "diff"}


def plans() -> list[Path]:
    """The workshop plans and their index."""
    return sorted((paths.BOOK / "workshops").glob("*.md"))


def updated_plan(path: Path) -> str:
    """A plan's text with its tables and numbers made anew; CourseError when it asks for what is not there."""
    text, rows = read_text(path), {row["id"]: row for row in read_ledger()}

    def number(found: re.Match) -> str:
        if found[2] not in rows:
            raise CourseError(f"{path.name} 里引用的断言 {found[2]} 不在账本里。")
        return f"{found[1]}{rows[found[2]][KEYS[found[3]]]:.3g}{found[4]}"

    text = TIMES.sub(lambda found: found[1] + times_table(select(load_manifest(), found[2].split())) + found[3], text)
    return NUMBER.sub(number, text)


def times_table(chapters: Sequence[Chapter]) -> str:
    """Measured times and counted verdicts of notebooks, as Markdown, with a line of sums."""
    timings, rows = load_timings(), read_ledger()
    lines, sums = [], Counter()
    for chapter in chapters:
        full, smoke = (timings.get(chapter.name, {}).get(profile, {}) for profile in ("full", "smoke"))
        counts = Counter(row["verdict"] for row in rows if row["notebook"] == chapter.name)
        sums.update({"full": full.get("seconds", 0), "smoke": smoke.get("seconds", 0), **counts})
        lines.append([chapter.part.split("：")[-1].split(" ")[-1],
                      f"[{chapter.section} {chapter.title}](../../notebooks/{chapter.name}.ipynb)",
                      _whole(full.get("seconds")), _whole(smoke.get("seconds")), _whole(full.get("peak_mb")),
                      _verdicts(counts)])
    if len(lines) > 1:
        lines.append(["合计", f"{len(lines)} 个", _whole(sums["full"]), _whole(sums["smoke"]), "", _verdicts(sums)])
    return "".join("| " + " | ".join(line) + " |\n" for line in [HEAD, ["---"] * len(HEAD), *lines])


def _verdicts(counts: Counter) -> str:
    return " / ".join(str(counts[verdict]) for verdict in VERDICTS)


def _whole(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}"
