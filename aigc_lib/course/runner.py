"""Runs chapters: in parallel, each in its own process, and keeps every chapter as it finishes."""

import datetime
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.files import CouldNotSave, read_text
from aigc_lib.course.limits import cores
from aigc_lib.course.manifest import Chapter, CourseError, check_profile
from aigc_lib.course.notebook import (
    code_cells,
    code_hash,
    evidence_hash,
    evidence_of,
    parse_notebook,
    read_notebook,
    slow_cells,
    with_outputs,
    write_notebook,
)
from aigc_lib.course.process import POLL_SECONDS, Job, Outcome, Status, run_job
from aigc_lib.course.reports import line, record_timing, write_reports

MARGIN = 3.0  # wall clock over budget: enough for a slow, shared machine, short enough to catch a hang
MOST_JOBS = 4  # by default; each takes about a gigabyte of memory


@dataclass(frozen=True)
class Options:
    """How to run. ``jobs=None`` chooses by the machine; ``timeout`` in seconds a notebook."""

    profile: str = "full"
    seeds: tuple[int, ...] = (0,)
    jobs: int | None = None
    timeout: float | None = None
    resume: bool = False
    save: bool = False
    dask: str | None = None
    folder: Path | None = None  # of the reports; the profile's own by default

    def __post_init__(self) -> None:
        check_profile(self.profile)
        if self.jobs is not None and self.jobs < 1:
            raise CourseError(f"--jobs 至少是 1，现在是 {self.jobs}。")
        if self.timeout is not None and self.timeout <= 0:
            raise CourseError(f"--timeout 应当是正的秒数，现在是 {self.timeout}。")
        if self.save and self.seeds != (0,):
            raise CourseError("--save 只保存种子为 0 的运行：提交的 notebook 就是种子 0 的那一次。")


def result_path(profile: str, name: str, seed: int) -> Path:
    """Where a finished chapter lies."""
    folder = paths.RUNS / profile
    return (folder / f"seed-{seed}" if seed else folder) / f"{name}.ipynb"


def run_course(chapters: Sequence[Chapter], options: Options, say: Callable[[str], None] = print) -> dict:
    """Run chapters and return the report, which is also written to ``runs/<profile>/report.json``.

    Raises CourseError before anything starts when a notebook is missing or an option is wrong;
    after that every failure is a row of the report. SIGINT and SIGTERM end the run early.
    """
    work = [(chapter, seed) for chapter in chapters for seed in options.seeds]
    n_jobs = min(options.jobs or min(cores(), MOST_JOBS), max(len(work), 1))
    jobs = [_job(*pair, options, n_jobs) for pair in work]
    started, clock = datetime.datetime.now().astimezone(), time.monotonic()
    with _signals() as caught:
        rows = _run_all(jobs, {chapter.name: chapter for chapter in chapters}, options, n_jobs, caught, say)
    report = {
        "profile": options.profile, "seeds": list(options.seeds), "jobs": n_jobs,
        "started": started.isoformat(timespec="seconds"), "seconds": round(time.monotonic() - clock, 2),
        "signal": caught[0] if caught else None,
        "claims": [claim for row in rows for claim in row.pop("claims")], "notebooks": rows,
    }
    write_reports(report, options.folder or paths.RUNS / options.profile)
    return report


def _run_all(jobs: list[Job], chapters: dict[str, Chapter], options: Options, n_jobs: int, caught: list[int],
             say: Callable[[str], None]) -> list[dict]:
    """Run, keep and announce every job; the report's rows in the jobs' order."""
    by_key = {(job.name, job.seed): job for job in jobs}
    rows: dict[tuple[str, int], dict] = {}
    with _bar(len(jobs)) as tell:
        for outcome in _outcomes(jobs, options, n_jobs, lambda: bool(caught)):
            key, chapter = (outcome.name, outcome.seed), chapters[outcome.name]
            claims = _keep(outcome, by_key[key], chapter, options)
            rows[key] = {**outcome.record(), "section": chapter.section, "title": chapter.title,
                         "budget": chapter.budget(options.profile), "claims": claims}
            tell(line(rows[key], len(rows), len(jobs)), say)
    return [rows[key] for key in by_key]


def exit_code(report: dict) -> int:
    """0 when all went well, 1 when something failed, 128 + signal number when interrupted."""
    if report["signal"]:
        return 128 + report["signal"]
    return int(any(row["status"] != Status.OK for row in report["notebooks"]))


def _job(chapter: Chapter, seed: int, options: Options, n_jobs: int) -> Job:
    text = read_text(chapter.path)
    parse_notebook(text, chapter.path)
    return Job(chapter.name, seed, options.profile, text, threads=_threads(n_jobs),
               limit=options.timeout or chapter.budget(options.profile) * MARGIN)


def _threads(n_jobs: int) -> int:
    """A job's share of the cores, or fewer where the caller shares the machine and set OMP_NUM_THREADS."""
    share, asked = cores() // n_jobs, os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(share, int(asked)) if asked.isdecimal() else share)


def _outcomes(jobs: list[Job], options: Options, n_jobs: int, stopped: Callable[[], bool]) -> Iterator[Outcome]:
    """Outcomes as they come, finished ones of an earlier run first."""
    waiting = []
    for job in jobs:
        if options.resume and (earlier := _finished(job)):
            yield earlier
        else:
            waiting.append(job)
    waiting.sort(key=lambda job: -job.limit)  # the longest first, so that no core idles at the end
    if options.dask and waiting:
        from aigc_lib.course.cluster import run_on_dask
        yield from run_on_dask(waiting, options.dask, stopped)
    else:
        yield from _run_here(waiting, n_jobs, stopped)


def _run_here(jobs: list[Job], n_jobs: int, stopped: Callable[[], bool]) -> Iterator[Outcome]:
    abandoned = threading.Event()
    with ThreadPoolExecutor(n_jobs) as pool:
        pending = {pool.submit(run_job, job, lambda: stopped() or abandoned.is_set()) for job in jobs}
        try:
            while pending:
                done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            abandoned.set()  # an error in our caller must not leave notebooks running


def _finished(job: Job) -> Outcome | None:
    """The same code's finished run with this profile and seed, if there is one."""
    path = result_path(job.profile, job.name, job.seed)
    sha = code_hash(parse_notebook(job.text))
    try:
        nb = read_notebook(path)
    except CourseError:
        return None
    about = nb.metadata.get("aigc", {})
    if (about.get("profile"), about.get("seed"), about.get("code_sha256")) != (job.profile, job.seed, sha):
        return None
    if code_hash(nb) != sha:
        return None
    return Outcome(job.name, job.seed, Status.OK, seconds=about["seconds"], peak_mb=about["peak_mb"],
                   threads=about["threads"], resumed=True, notebook=path.read_text(encoding="utf-8"))


def _keep(outcome: Outcome, job: Job, chapter: Chapter, options: Options) -> list[dict]:
    """Write what came of a job under its final names; the claims that it measured."""
    source = parse_notebook(job.text)
    outcome.code_sha256, outcome.cells = code_hash(source), len(code_cells(source))
    target = result_path(job.profile, job.name, job.seed)
    failed = target.with_suffix(".failed.ipynb")
    text, outcome.notebook = outcome.notebook, None
    try:
        if outcome.status == Status.OK:
            executed = _stamped(source, parse_notebook(text), outcome, job)
            write_notebook(executed, target)
            failed.unlink(missing_ok=True)
            if options.save:
                _save(executed, outcome, job, chapter)
            sha = evidence_hash(source)
            return [{**claim, "code_sha256": sha} for claim in evidence_of(executed)]
        if outcome.status not in (Status.INTERRUPTED, Status.SAVE):
            target.unlink(missing_ok=True)  # else --resume would take an older success for this run
            _keep_failed(text, failed, outcome)
    except (CouldNotSave, CourseError) as error:
        outcome.status, outcome.message = Status.SAVE, str(error)
    return []


def _keep_failed(text: str | None, path: Path, outcome: Outcome) -> None:
    try:
        write_notebook(parse_notebook(text or ""), path)
        outcome.message += f"（已执行的部分在 {path}）"
    except CourseError:
        return  # the kill came in the middle of papermill's writing: there is nothing to keep


def _stamped(source, executed, outcome: Outcome, job: Job):
    nb = with_outputs(source, executed)
    nb.metadata["aigc"] = {"profile": job.profile, "seed": job.seed, "code_sha256": outcome.code_sha256,
                           "seconds": outcome.seconds, "peak_mb": outcome.peak_mb, "threads": outcome.threads,
                           "slow_cells": slow_cells(executed)}
    return nb


def _save(executed, outcome: Outcome, job: Job, chapter: Chapter) -> None:
    """``--save``: a full run's outputs into the committed notebook; any profile's time into the table."""
    if job.profile == "full":
        current = read_notebook(chapter.path)  # prose may have changed while it ran
        if code_hash(current) != outcome.code_sha256:
            raise CouldNotSave(None, f"{chapter.path} 的代码在运行期间改过，没有覆盖它。请再运行一次。")
        write_notebook(_stamped(current, executed, outcome, job), chapter.path)
    record_timing(outcome, job.profile)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The list of signals caught: none interrupts us, so that a chapter being kept is kept whole."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    names = [signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGHUP", None)])]
    names = [name for name in names if signal.getsignal(name) != signal.SIG_IGN]  # nohup stays nohup
    before = {name: signal.signal(name, lambda number, frame: caught.append(number)) for name in names}
    try:
        yield caught
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[str, Callable[[str], None]], None]]:
    """A bar on a terminal, plain lines elsewhere."""
    from tqdm import tqdm

    with tqdm(total=total, unit="章", file=sys.stderr, disable=None, leave=False) as bar:
        def tell(text: str, say: Callable[[str], None]) -> None:
            with tqdm.external_write_mode():
                say(text)
            bar.update()
        yield tell
