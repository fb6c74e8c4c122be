"""The ledger ``book/evidence.json``: filled from notebooks run with other seeds, and checked."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.files import write_atomic
from aigc_lib.course.manifest import Chapter, CourseError
from aigc_lib.course.notebook import evidence_hash, evidence_of, read_notebook
from aigc_lib.course.process import Status
from aigc_lib.course.reports import as_json
from aigc_lib.course.runner import Options, run_course
from aigc_lib.evidence import CLAIM_FIELDS, agreement_text, agrees, load_ledger, summarise

ROW_KEYS = (*CLAIM_FIELDS, "n", "model_mean", "baseline_mean", "diff", "ci_low", "ci_high", "verdict", "runs")
RUN_KEYS = ("seed", "model", "baseline", "code_sha256")


def ledger_path() -> Path:
    return paths.BOOK / "evidence.json"


def read_ledger() -> list[dict]:
    """The ledger's rows; CourseError when the file is damaged."""
    try:
        return load_ledger(ledger_path())
    except ValueError as error:
        raise CourseError(f"账本 {ledger_path()} 坏了：{error}") from None


def run_evidence(chapters: Sequence[Chapter], manifest: Sequence[Chapter], options: Options, say=print) -> dict:
    """Run chapters in full with ``options.seeds`` and replace their rows; the run's report.

    A chapter with a failed seed keeps its old rows: a ledger of only those seeds that worked would
    be a selection.
    """
    options = replace(options, profile="full", folder=paths.RUNS / "evidence")
    report = run_course(chapters, options, say)
    failed = {row["name"] for row in report["notebooks"] if row["status"] != Status.OK}
    done = [chapter.name for chapter in chapters if chapter.name not in failed]
    new = [row for name in done for row in rows_of(name, report["claims"], options.seeds)]
    kept = [row for row in read_ledger() if row.get("notebook") not in done]
    order = {chapter.name: place for place, chapter in enumerate(manifest)}
    rows = sorted(kept + new, key=lambda row: order.get(row["notebook"], len(order)))
    if done:
        write_atomic(ledger_path(), as_json(rows))
    return report


def rows_of(notebook: str, claims: Iterable[Mapping], seeds: Sequence[int]) -> list[dict]:
    """The ledger's rows for one notebook, from what its runs measured; CourseError when runs differ."""
    by_id: dict[str, list[Mapping]] = {}
    for claim in claims:
        if claim["notebook"] == notebook and claim["profile"] == "full":
            by_id.setdefault(claim["id"], []).append(claim)
    rows = []
    for name, measured in by_id.items():
        fields = [{key: claim[key] for key in CLAIM_FIELDS} for claim in measured]
        if sorted(claim["seed"] for claim in measured) != sorted(seeds) or any(f != fields[0] for f in fields):
            raise CourseError(f"断言 {name} 在各个种子下不一样：每次运行都要声明同样的断言，并且只测量一次。")
        rows.append(summarise(fields[0], [_run(claim) for claim in measured]))
    return rows


def _run(claim: Mapping) -> dict:
    return {"seed": claim["seed"], "model": claim["model_value"], "baseline": claim["baseline_value"],
            "code_sha256": claim["code_sha256"]}


def check_ledger(manifest: Sequence[Chapter], rows: Sequence[Mapping] | None = None) -> list[str]:
    """What is wrong between notebooks and ledger, one Chinese sentence each; empty when all is well."""
    rows = read_ledger() if rows is None else rows
    problems = [f"断言 {name} 在账本里出现了 {n} 次。" for name, n in Counter(row["id"] for row in rows).items() if n > 1]
    whole = []
    for row in rows:
        (whole.append(row) if not (wrong := _malformed(row)) else problems.append(wrong))
    names = {chapter.name for chapter in manifest}
    problems += [f"断言 {row['id']} 的 notebook {row['notebook']} 不在课程清单里。"
                 for row in whole if row["notebook"] not in names]
    for chapter in manifest:
        problems += _check_chapter(chapter, [row for row in whole if row["notebook"] == chapter.name])
    return problems + [problem for row in whole for problem in _check_row(row)]


def _malformed(row: Mapping) -> str | None:
    missing = [key for key in ROW_KEYS if key not in row]
    if not missing and isinstance(row["runs"], list) and row["runs"]:
        missing = sorted({f"runs.{key}" for run in row["runs"] for key in RUN_KEYS if key not in run})
    elif not missing:
        return f"断言 {row['id']} 没有任何运行记录。"
    return f"断言 {row['id']} 缺少：{'、'.join(missing)}。" if missing else None


def _check_chapter(chapter: Chapter, rows: Sequence[Mapping]) -> list[str]:
    try:
        nb = read_notebook(chapter.path)
    except CourseError as error:
        return [str(error)]
    declared, recorded = {claim["id"] for claim in evidence_of(nb)}, {row["id"] for row in rows}
    rerun = f"运行 aigc evidence run {chapter.name}。"
    problems = [] if declared else [f"{chapter.name} 没有测量任何断言。"]
    problems += [f"断言 {name} 在 {chapter.name} 里测了，账本里却没有。{rerun}" for name in sorted(declared - recorded)]
    problems += [f"断言 {name} 在账本里，{chapter.name} 却没有测它。{rerun}" for name in sorted(recorded - declared)]
    sha = evidence_hash(nb)
    for row in rows:
        if any(run["code_sha256"] != sha for run in row["runs"]):
            problems.append(f"断言 {row['id']} 的记录来自 {chapter.name} 的另一版代码。{rerun}")
    return problems


def _check_row(row: Mapping) -> list[str]:
    try:
        again = summarise(row, row["runs"])
    except (ValueError, TypeError) as error:
        return [f"断言 {row['id']} 的记录不能用：{error}"]
    wrong = [key for key in ("n", "verdict") if again[key] != row[key]]
    wrong += [key for key in ("model_mean", "baseline_mean", "diff", "ci_low", "ci_high")
              if not _close(again[key], row[key])]
    return [f"断言 {row['id']} 的 {'、'.join(wrong)} 和它的运行记录算出来的不一样。"] if wrong else []


def _close(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return isinstance(b, (int, float)) and abs(a - b) <= 1e-9 * max(1.0, abs(a))


def agreement(report: Mapping, rows: Sequence[Mapping] | None = None) -> list[dict]:
    """Claim by claim, does a run agree with the ledger: ``{"id", "claim", "agrees", "text"}``.

    ``agrees`` is None where there is nothing to compare with. Smoke runs give an empty list.
    """
    by_id = {row["id"]: row for row in (read_ledger() if rows is None else rows)}
    found = []
    for claim in report["claims"]:
        if claim["profile"] == "full":
            row = by_id.get(claim["id"])
            same = row and agrees(row, claim["model_value"] - claim["baseline_value"])
            found.append({"id": claim["id"], "claim": claim["claim"], "agrees": same,
                          "text": agreement_text(claim, row)})
    return found


def scoreboard(rows: Sequence[Mapping]) -> str:
    """The ledger as a table for the terminal, and a count of the verdicts."""
    from tabulate import tabulate

    def number(value: float | None, form: str) -> str:
        return "—" if value is None else format(value, form)

    table = [[row["section"], row["id"], row["metric"], number(row["model_mean"], ".4g"),
              number(row["baseline_mean"], ".4g"), number(row["diff"], "+.3g"),
              f"[{number(row['ci_low'], '+.3g')}, {number(row['ci_high'], '+.3g')}]", row["n"], row["verdict"]]
             for row in rows]
    head = ["节", "断言", "指标", "模型", "基线", "差", "95% 区间", "次数", "判定"]
    counts = Counter(row["verdict"] for row in rows)
    total = "，".join(f"{verdict} {n}" for verdict, n in counts.items())
    return tabulate(table, head, disable_numparse=True) + f"\n\n共 {len(rows)} 条断言：{total}。"
