"""Running chapters: reports, resume, saving. Notebooks are 'executed' by a stand-in, so this is fast."""

import errno
import json
import os
import xml.etree.ElementTree as ET

import nbformat
import pytest

from aigc_lib.course import files, reports, runner
from aigc_lib.course.manifest import CourseError
from aigc_lib.course.notebook import code_hash, evidence_of, read_notebook
from aigc_lib.course.process import Outcome, Status
from aigc_lib.course.reports import WHOLE_COURSE, load_timings, record_course
from aigc_lib.course.runner import Options, exit_code, result_path, run_course
from aigc_lib.evidence import CLAIM_FIELDS, EVIDENCE_MIME

from .mini import notebook

FIELDS = dict(zip(CLAIM_FIELDS, ("mini.a", "a", "1", "甲比乙好", "分数", "", True, 0.5, "甲", "乙")))


def stand_in(job, stopped):
    """Executes a job in no time: a cell's source says what becomes of it."""
    if stopped():
        return Outcome(job.name, job.seed, Status.INTERRUPTED)
    nb = nbformat.reads(job.text, as_version=4)
    nb.cells.insert(2, nbformat.v4.new_code_cell("SEED = 1", metadata={"tags": ["injected-parameters"]}))
    for i, cell in enumerate(cell for cell in nb.cells if cell.cell_type == "code"):
        cell.execution_count = i + 1
        cell.outputs = [nbformat.v4.new_output("stream", text=f"{job.profile} {job.seed}\n")]
        if "claim" in cell.source:
            measured = {**FIELDS, "notebook": job.name, "seed": job.seed, "profile": job.profile,
                        "model_value": 2 + job.seed / 100, "baseline_value": 1.0}
            cell.outputs.append(nbformat.v4.new_output("display_data", {EVIDENCE_MIME: measured}))
    status = next((status for status in Status if f"status {status}" in job.text), Status.OK)
    return Outcome(job.name, job.seed, status, "" if status == Status.OK else "原因\x1b[0m", 1.5, 80, job.threads,
                   notebook=nbformat.writes(nb))


@pytest.fixture
def fast(monkeypatch):
    """The stand-in, and the list of jobs that it was given."""
    given = []
    monkeypatch.setattr(runner, "run_job", lambda job, stopped: (given.append(job), stand_in(job, stopped))[1])
    return given


def test_report_and_junit(course, fast, capsys):
    for i, status in enumerate(Status):
        if status not in (Status.SAVE, Status.INTERRUPTED):
            course.add(f"n{i}", f"'status {status}'; 'claim'")
    report = run_course(course.chapters, Options(jobs=1))
    assert exit_code(report) == 1
    assert report == json.loads((course.root / "runs/full/report.json").read_text())
    rows = {row["status"]: row for row in report["notebooks"]}
    assert set(rows) == {"ok", "code error", "timeout", "dead kernel", "missing data"}
    assert (rows["ok"]["seconds"], rows["ok"]["peak_mb"], rows["ok"]["cells"], rows["ok"]["seed"]) == (1.5, 80, 2, 0)
    assert [claim["id"] for claim in report["claims"]] == ["mini.a"]  # failed runs measure nothing
    assert report["claims"][0]["code_sha256"] == rows["ok"]["code_sha256"]
    suite = ET.parse(course.root / "runs/full/junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "4", "0")
    failures = {case.find("failure").get("type") for case in suite if case.find("failure") is not None}
    assert failures == {"code error", "timeout", "dead kernel", "missing data"}
    said = capsys.readouterr().out
    assert "✓ 1 标题n0（n0） 1.5 秒，80 MB" in said and "缺数据：原因" in said and "[5/5]" in said


def test_all_good_is_exit_code_0_and_the_executed_notebook_is_clean(course, fast):
    course.add("a", "'claim'")
    report = run_course(course.chapters, Options(profile="smoke", seeds=(4,)))
    assert exit_code(report) == 0
    nb = read_notebook(course.root / "runs/smoke/seed-4/a.ipynb")
    sha = code_hash(read_notebook(course.notebooks / "a.ipynb"))
    assert nb.metadata["aigc"] == {"profile": "smoke", "seed": 4, "code_sha256": sha, "seconds": 1.5, "peak_mb": 80,
                                   "threads": report["notebooks"][0]["threads"], "slow_cells": {}}
    assert len(nb.cells) == 3 and evidence_of(nb)[0]["seed"] == 4


def test_cores_are_shared_among_jobs_and_the_longest_starts_first(course, fast, monkeypatch):
    monkeypatch.setattr(runner, "cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for name, seconds in (("a", 5), ("b", 20), ("c", 10)):
        course.add(name, seconds=seconds)
    run_course(course.chapters, Options(jobs=2, profile="smoke"))
    assert sorted(job.name for job in fast[:2]) in (["b", "c"], ["a", "b"]) and fast[0].name == "b"
    assert {(job.threads, job.limit) for job in fast} == {(4, 5 * runner.MARGIN), (4, 20 * runner.MARGIN),
                                                          (4, 10 * runner.MARGIN)}
    fast.clear()
    run_course(course.chapters[:1], Options(timeout=7))
    assert (fast[0].threads, fast[0].limit) == (8, 7)


@pytest.mark.parametrize("asked, threads", [("1", 1), ("3", 3), ("16", 8), ("0", 1), ("4,2", 8)])
def test_a_caller_who_shares_the_machine_may_ask_for_fewer_threads(course, fast, monkeypatch, asked, threads):
    monkeypatch.setattr(runner, "cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    course.add("a")
    report = run_course(course.chapters, Options(profile="smoke"))
    assert fast[0].threads == report["notebooks"][0]["threads"] == threads


@pytest.mark.parametrize("options, complaint", [
    ({"profile": "fast"}, "没有叫“fast”的运行方式"), ({"jobs": 0}, "--jobs 至少是 1"),
    ({"timeout": 0}, "--timeout 应当是正的秒数"), ({"save": True, "seeds": (1,)}, "--save 只保存种子为 0"),
])
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(CourseError, match=complaint):
        Options(**options)


def test_nothing_starts_when_a_notebook_is_missing_or_damaged(course, fast):
    course.add("a")
    (course.add("b").path).unlink()
    with pytest.raises(CourseError, match="找不到 .*b.ipynb"):
        run_course(course.chapters, Options())
    (course.notebooks / "b.ipynb").write_text("{")
    with pytest.raises(CourseError, match="b.ipynb 不是完好的 notebook"):
        run_course(course.chapters, Options())
    assert fast == []


def test_resume_skips_what_is_done_with_the_same_code(course, fast, capsys):
    a, b = course.add("a", "'claim'"), course.add("b", "1")
    run_course(course.chapters, Options())
    nbformat.write(notebook("2"), b.path)
    nbformat.write(notebook("'claim'", prose="别的文字"), a.path)
    fast.clear()
    report = run_course(course.chapters, Options(resume=True, save=True))
    assert [job.name for job in fast] == ["b"]
    assert [row["resumed"] for row in report["notebooks"]] == [True, False]
    assert len(report["claims"]) == 1 and "上次已跑完" in capsys.readouterr().out
    assert read_notebook(a.path).cells[0].source == "别的文字"  # prose written since is kept
    assert read_notebook(a.path).cells[1].outputs and load_timings()["a"]["full"]["seconds"] == 1.5
    fast.clear()
    run_course(course.chapters, Options(resume=True, profile="smoke"))  # another profile is another run
    run_course(course.chapters, Options(resume=True, seeds=(1,)))
    assert len(fast) == 4


def test_resume_does_not_take_an_older_success_for_a_failure(course, fast, monkeypatch):
    course.add("a", "1")
    run_course(course.chapters, Options())
    monkeypatch.setattr(runner, "run_job", lambda job, stopped: Outcome(job.name, job.seed, Status.TIMEOUT, "慢"))
    run_course(course.chapters, Options())
    assert exit_code(run_course(course.chapters, Options(resume=True))) == 1


def test_a_failed_notebook_is_kept_under_another_name(course, fast):
    course.add("a", "'status code error'")
    report = run_course(course.chapters, Options())
    kept = course.root / "runs/full/a.failed.ipynb"
    assert read_notebook(kept).cells and str(kept) in report["notebooks"][0]["message"]
    assert not result_path("full", "a", 0).exists()


def test_save_writes_back_only_full_successes(course, fast):
    good, bad = course.add("good", "'claim'"), course.add("bad", "'status timeout'")
    before = bad.path.read_text()
    run_course([good], Options(profile="smoke", save=True))
    assert "aigc" not in read_notebook(good.path).metadata  # smoke: only the time is kept
    run_course(course.chapters, Options(save=True))
    nb = read_notebook(good.path)
    assert nb.metadata["aigc"]["profile"] == "full" and nb.metadata["aigc"]["code_sha256"] == code_hash(nb)
    assert [cell.execution_count for cell in nb.cells[1:]] == [1, 2]
    assert nb.cells[1].metadata["tags"] == ["parameters"] and "papermill" not in good.path.read_text()
    assert bad.path.read_text() == before
    time = {"seconds": 1.5, "peak_mb": 80, "cells": 2}
    assert load_timings() == {"good": {"full": time, "smoke": time}}
    saved = good.path.read_text()
    run_course([good], Options(save=True, resume=True))
    assert good.path.read_text() == saved


def test_the_whole_course_is_timed_only_when_all_of_it_ran_now(course, fast):
    course.add("a", "'claim'")
    course.add("b", "'claim'")
    record_course(run_course(course.chapters, Options(jobs=2)))
    timing = load_timings()[WHOLE_COURSE]["full"]
    assert timing["peak_mb"] == 160 and timing["cells"] == 4 and 0 <= timing["seconds"] < 60
    before = load_timings()
    record_course(run_course(course.chapters, Options(resume=True)))
    course.add("c", "'status timeout'")
    record_course(run_course(course.chapters, Options()))
    assert load_timings() == before


def test_save_refuses_when_the_code_changed_while_it_ran(course, monkeypatch):
    a = course.add("a", "1")

    def edited(job, stopped):
        nbformat.write(notebook("2"), a.path)
        return stand_in(job, stopped)

    monkeypatch.setattr(runner, "run_job", edited)
    report = run_course(course.chapters, Options(save=True))
    assert report["notebooks"][0]["status"] == Status.SAVE and "在运行期间改过" in report["notebooks"][0]["message"]
    assert read_notebook(a.path).cells[-1].source == "2"


def test_a_full_disk_while_saving_is_a_failure_of_its_own(course, fast, monkeypatch, capsys):
    a = course.add("a", "1")
    before, replace = a.path.read_text(), os.replace

    def full(source, target):
        if str(target).endswith(".ipynb"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", full)
    report = run_course(course.chapters, Options(save=True))
    assert exit_code(report) == 1 and report["notebooks"][0]["status"] == "could not save"
    assert "存盘出错：没能保存" in capsys.readouterr().out and "磁盘满了" in report["notebooks"][0]["message"]
    assert a.path.read_text() == before
    assert not [path for path in course.root.rglob("*") if path.name.endswith(".tmp")]


def test_damaged_timings_are_a_clear_failure(course, fast):
    course.add("a", "1")
    (course.root / "book").mkdir()
    (course.root / "book/timings.json").write_text("{")
    row = run_course(course.chapters, Options(save=True))["notebooks"][0]
    assert row["status"] == "could not save" and "timings.json 不是合法的 JSON" in row["message"]


def test_an_error_in_our_own_code_leaves_no_notebook_running(course, monkeypatch):
    for name in "abc":
        course.add(name, "1")
    told = []

    def patient(job, stopped):
        while job.name != "a" and not stopped():
            pass
        told.append(job.name)
        return stand_in(job, lambda: False)

    monkeypatch.setattr(runner, "run_job", patient)
    monkeypatch.setattr(runner, "line", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_course(course.chapters, Options(jobs=3))
    assert sorted(told) == ["a", "b", "c"]


def test_junit_takes_any_message():
    row = {"name": "a", "seed": 0, "seconds": 1.0, "status": Status.CODE, "message": "<&\x00\x1b[31m红"}
    text = reports.junit({"profile": "full", "seconds": 1, "started": "x", "notebooks": [row]})
    assert ET.fromstring(text.encode())[0][0][0].get("message") == "<&[31m红"
