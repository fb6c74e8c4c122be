"""What a run leaves for people and machines: report.json, junit.xml and the measured times."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.files import write_atomic
from aigc_lib.course.manifest import CourseError
from aigc_lib.course.process import Outcome, Status

WHOLE_COURSE = "course"  # the name under which the time of a run of all chapters is kept
LABELS = {Status.OK: "通过", Status.CODE: "代码出错", Status.TIMEOUT: "超时", Status.KERNEL: "内核死亡",
          Status.DATA: "缺数据", Status.SAVE: "存盘出错", Status.INTERRUPTED: "中断"}


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def write_reports(report: Mapping, folder: Path) -> None:
    """``report.json`` and ``junit.xml`` under ``folder``; raises CouldNotSave."""
    write_atomic(folder / "report.json", as_json(report))
    write_atomic(folder / "junit.xml", junit(report))


def junit(report: Mapping) -> str:
    """The report as JUnit XML, one test case a notebook, for a CI server."""
    rows = report["notebooks"]
    bad = [row for row in rows if row["status"] not in (Status.OK, Status.INTERRUPTED)]
    skipped = [row for row in rows if row["status"] == Status.INTERRUPTED]
    suite = ET.Element("testsuite", name=f"aigc.{report['profile']}", tests=str(len(rows)), failures=str(len(bad)),
                       errors="0", skipped=str(len(skipped)), time=f"{report['seconds']:.2f}",
                       timestamp=report["started"])
    for row in rows:
        case = ET.SubElement(suite, "testcase", classname=f"aigc.{report['profile']}",
                             name=f"{row['name']}[{row['seed']}]", time=f"{row['seconds']:.2f}")
        if row in bad:
            ET.SubElement(case, "failure", type=row["status"], message=_printable(row["message"]))
        elif row in skipped:
            ET.SubElement(case, "skipped", message="interrupted")
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    """XML has no place for control characters, not even escaped; a traceback's colours are some."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")


def timings_path() -> Path:
    return paths.BOOK / "timings.json"


def load_timings() -> dict[str, dict[str, dict]]:
    """notebook, or WHOLE_COURSE -> profile -> ``{seconds, peak_mb, cells}``; empty when nothing was measured yet."""
    try:
        return json.loads(timings_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CourseError(f"{timings_path()} 不是合法的 JSON：{error}。请从版本库恢复它。") from None


def record_timing(outcome: Outcome, profile: str) -> None:
    """Add one measurement to ``book/timings.json``; raises CouldNotSave."""
    _record(outcome.name, profile, outcome.seconds, outcome.peak_mb, outcome.cells)


def record_course(report: Mapping) -> None:
    """Add a run of every chapter, unless one failed or was done before: seconds by the wall clock.

    Memory is what the hungriest chapters would take if they met, so the true peak is no higher.
    """
    rows = report["notebooks"]
    if all(row["status"] == Status.OK and not row["resumed"] for row in rows):
        peaks = sorted(row["peak_mb"] for row in rows)
        _record(WHOLE_COURSE, report["profile"], report["seconds"], sum(peaks[-report["jobs"]:]),
                sum(row["cells"] for row in rows))


def _record(name: str, profile: str, seconds: float, peak_mb: int, cells: int) -> None:
    timings = load_timings()
    timings.setdefault(name, {})[profile] = {"seconds": seconds, "peak_mb": peak_mb, "cells": cells}
    write_atomic(timings_path(), as_json(dict(sorted(timings.items()))))


def line(row: Mapping, done: int, total: int) -> str:
    """One line of progress for a finished notebook."""
    mark = {Status.OK: "✓", Status.INTERRUPTED: "·"}.get(row["status"], "✗")
    seed = f" 种子 {row['seed']}" if row["seed"] else ""
    head = f"[{done}/{total}] {mark} {row['section']} {row['title']}（{row['name']}{seed}）"
    if row["status"] != Status.OK:
        return f"{head} {LABELS[Status(row['status'])]}：{row['message']}".rstrip("：")
    return f"{head} {row['seconds']:.1f} 秒，{row['peak_mb']} MB" + ("，上次已跑完" if row["resumed"] else "")
