"""The ledger file: filled from runs, checked against notebooks, compared with this machine's run."""

import json

import nbformat
import pytest

from aigc_lib.course import runner
from aigc_lib.course.ledger import agreement, check_ledger, read_ledger, rows_of, run_evidence, scoreboard
from aigc_lib.course.manifest import CourseError
from aigc_lib.course.notebook import code_hash
from aigc_lib.course.runner import Options, exit_code, run_course

from .mini import notebook
from .test_runner import stand_in

FIVE = Options(seeds=(1, 2, 3, 4, 5), jobs=1)


@pytest.fixture
def ledger(course, monkeypatch):
    """A course with one chapter, saved and with five seeds in the ledger."""
    monkeypatch.setattr(runner, "run_job", stand_in)
    course.add("a", "'claim'")
    run_course(course.chapters, Options(save=True))
    run_evidence(course.chapters, course.chapters, FIVE)
    return course


def test_a_run_fills_the_ledger(ledger):
    row, = read_ledger()
    sha = code_hash(nbformat.read(ledger.notebooks / "a.ipynb", as_version=4))
    assert row["n"] == 5 and row["verdict"] == "支持" and row["diff"] == pytest.approx(1.03)
    assert row["runs"][0] == {"seed": 1, "model": 2.01, "baseline": 1.0, "code_sha256": sha}
    assert check_ledger(ledger.chapters) == []
    assert (ledger.root / "runs/full/seed-5/a.ipynb").exists() and (ledger.root / "runs/evidence/report.json").exists()


def test_other_chapters_rows_stay_and_rows_are_in_reading_order(ledger):
    ledger.add("b", "'claim'", section="0")  # comes first
    rows = read_ledger()
    gone = {**rows[0], "id": "mini.b", "notebook": "gone"}
    (ledger.root / "book/evidence.json").write_text(json.dumps([gone, *rows]))
    manifest = ledger.chapters
    run_evidence(manifest[:1], manifest, FIVE)
    assert [row["notebook"] for row in read_ledger()] == ["b", "a", "gone"]


def test_one_failed_seed_keeps_the_old_rows(ledger, monkeypatch):
    before = read_ledger()
    nbformat.write(notebook("'claim'; 'status code error'"), ledger.notebooks / "a.ipynb")
    assert exit_code(run_evidence(ledger.chapters, ledger.chapters, FIVE)) == 1
    assert read_ledger() == before


def measured(seed, **changes):
    fields = {key: value for key, value in zip(
        ("id", "notebook", "section", "claim", "metric", "unit", "higher_is_better", "smallest_difference", "model",
         "baseline", "model_value", "baseline_value", "profile", "code_sha256"),
        ("m.a", "a", "1", "甲", "分数", "", True, 0.5, "甲", "乙", 2.0, 1.0, "full", "x"))}
    return {**fields, "seed": seed, **changes}


@pytest.mark.parametrize("claims", [
    [measured(1)],                                  # a seed did not measure it
    [measured(1), measured(1), measured(2)],        # measured twice
    [measured(1), measured(2, metric="误差")],       # another claim under the same id
    [measured(1), measured(2, smallest_difference=0.1)],
])
def test_runs_that_differ_are_refused(claims):
    with pytest.raises(CourseError, match="断言 m.a 在各个种子下不一样"):
        rows_of("a", claims, (1, 2))


def test_smoke_never_enters():
    assert rows_of("a", [measured(1, profile="smoke")], (1,)) == []


def spoil(change):
    def spoiled(rows):
        change(rows[0])
        return rows
    return spoiled


@pytest.mark.parametrize("change, complaint", [
    (lambda rows: [], "测了，账本里却没有"),
    (lambda rows: rows * 2, "出现了 2 次"),
    (spoil(lambda row: row.update(id="mini.b")), "在账本里，a 却没有测它"),
    (spoil(lambda row: row.update(notebook="b")), "不在课程清单里"),
    (spoil(lambda row: row["runs"][2].update(code_sha256="y")), "另一版代码"),
    (spoil(lambda row: row.update(verdict="不支持")), "verdict 和它的运行记录"),
    (spoil(lambda row: row.update(ci_low=0.9)), "ci_low 和它的运行记录"),
    (spoil(lambda row: row.update(ci_low=None)), "ci_low 和它的运行记录"),
    (spoil(lambda row: row.update(n=7)), "n 和它的运行记录"),
    (spoil(lambda row: row.pop("unit")), "缺少：unit"),
    (spoil(lambda row: row["runs"][0].pop("seed")), "缺少：runs.seed"),
    (spoil(lambda row: row.update(runs=[])), "没有任何运行记录"),
    (spoil(lambda row: row["runs"][0].update(model="two")), "不能用"),
])
def test_check_finds(ledger, change, complaint):
    problems = check_ledger(ledger.chapters, change(read_ledger()))
    assert any(complaint in problem for problem in problems), problems


def test_check_finds_a_notebook_without_a_claim_and_one_that_is_missing(ledger):
    ledger.add("b", "1")
    ledger.add("c", "1").path.unlink()
    problems = "\n".join(check_ledger(ledger.chapters))
    assert "b 没有测量任何断言" in problems and "找不到" in problems


def test_agreement_claim_by_claim(ledger):
    report = run_course(ledger.chapters, Options(resume=True))
    assert [(found["id"], found["agrees"]) for found in agreement(report)] == [("mini.a", True)]
    report["claims"][0]["model_value"] = 9
    assert agreement(report)[0]["agrees"] is False and "不一致" in agreement(report)[0]["text"]
    assert agreement(report, rows=[])[0]["agrees"] is None
    assert agreement(run_course(ledger.chapters, Options(profile="smoke"))) == []


def test_the_scoreboard(ledger):
    board = scoreboard(read_ledger())
    assert "mini.a" in board and "+1.03" in board and "共 1 条断言：支持 1。" in board
    assert "—" in scoreboard([{**read_ledger()[0], "ci_low": None, "ci_high": None}])
    assert "共 0 条断言" in scoreboard([])
