"""One notebook in its own process: how each kind of failure is told, and that nothing is left running."""

import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import nbformat
import psutil
import pytest

from aigc_lib.course import process
from aigc_lib.course.process import Job, Status, Tree, run_job

from .mini import PATIENCE, REPOSITORY, notebook, until

GRANDCHILD = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
FOREVER = "import time\nopen({mark!r}, 'w').write(str(__import__('os').getpid()))\nwhile True: time.sleep(0.1)"


def job(*code, nb=None, limit=PATIENCE, profile="smoke", seed=0):
    return Job("mini", seed, profile, nbformat.writes(nb or notebook(*code)), limit, threads=1)


def printed(outcome):
    nb = nbformat.reads(outcome.notebook, as_version=4)
    return "".join(output.get("text", "") for cell in nb.cells for output in cell.get("outputs", []))


def test_a_good_notebook(course):
    outcome = run_job(job("assert 'signal' not in dir() and 'faulthandler' not in dir()", "import os, aigc_lib", "print(PROFILE, SEED, os.environ['AIGC_PROFILE'], "
                          "os.environ['OMP_NUM_THREADS'], aigc_lib.__path__)", seed=7))
    assert outcome.status == Status.OK and outcome.message == ""
    assert printed(outcome) == f"smoke 7 smoke 1 ['{REPOSITORY / 'aigc_lib'}']\n"
    assert 0 < outcome.seconds < PATIENCE and 50 < outcome.peak_mb < 1000
    assert course.processes() == []


@pytest.mark.parametrize("code, status, message", [
    ("1 / 0", Status.CODE, "第 2 个代码格：ZeroDivisionError: division by zero"),
    ("raise SystemExit(3)", Status.CODE, "SystemExit"),
    ("from aigc_lib.catalog import MissingData\nraise MissingData('no file')", Status.DATA, "MissingData: no file"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", Status.KERNEL, "内核在运行中死了"),
])
def test_failures_are_told_apart(course, code, status, message):
    outcome = run_job(job(GRANDCHILD + "\n" + code))
    assert outcome.status == status and message in outcome.message
    assert course.processes() == []


def test_a_hanging_notebook_meets_the_wall_clock_and_leaves_nothing(course, tmp_path, monkeypatch):
    mark = tmp_path / "running"
    clock = iter(range(10**9))  # seconds pass only once the notebook is known to hang
    monkeypatch.setattr(process, "time", SimpleNamespace(
        monotonic=lambda: next(clock) if mark.exists() else 0, sleep=time.sleep))
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    outcome = run_job(job(stubborn, GRANDCHILD, "print('so far')", FOREVER.format(mark=str(mark)), limit=3))
    assert outcome.status == Status.TIMEOUT and "跑了 3 秒还没结束" in outcome.message
    assert "停的时候在：<module>（" in outcome.message and "第 3 行" in outcome.message  # the line of FOREVER that loops
    assert printed(outcome) == "so far\n"
    assert course.processes() == []


@pytest.mark.parametrize("victim, message", [("kernel", "内核在运行中死了"), ("worker", "被信号 9 结束")])
def test_a_process_killed_from_outside(course, tmp_path, victim, message):
    mark, outcomes = tmp_path / "running", []
    thread = threading.Thread(target=lambda: outcomes.append(run_job(job(GRANDCHILD, FOREVER.format(mark=str(mark))))))
    thread.start()
    kernel = psutil.Process(int(until(lambda: mark.exists() and mark.read_text(), "the notebook's mark")))
    (kernel if victim == "kernel" else kernel.parent()).send_signal(signal.SIGKILL)
    thread.join(PATIENCE)
    assert outcomes[0].status == Status.KERNEL and message in outcomes[0].message
    assert course.processes() == []


@pytest.mark.parametrize("code, name", [
    ("__import__('tempfile').mkstemp()", "t" * 80),  # too long for sockets
    ("import os; os.kill(os.getpid(), 9)", "t"),
])
def test_no_temporary_file_is_left(course, tmp_path, monkeypatch, code, name):
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert run_job(job(code)).status == (Status.KERNEL if "kill" in code else Status.OK)
    assert list(folder.iterdir()) == []


def test_stopping_a_job(course, tmp_path):
    mark = tmp_path / "running"
    outcome = run_job(job(FOREVER.format(mark=str(mark))), mark.exists)
    assert outcome.status == Status.INTERRUPTED and course.processes() == []
    assert run_job(job("1"), lambda: True).status == Status.INTERRUPTED


def test_no_room_for_temporary_files(monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(process.tempfile, "TemporaryDirectory", full)
    outcome = run_job(job("1"))
    assert outcome.status == Status.SAVE and "No space left" in outcome.message


def test_a_worker_that_fails_by_itself_shows_its_last_words(tmp_path):
    (tmp_path / "log.txt").write_text("Traceback\nImportError: no papermill\n")
    status, message = process._result(tmp_path, 1)
    assert status == Status.CODE and "退出码 1" in message and "ImportError: no papermill" in message


@pytest.mark.parametrize("seen", [True, False])
def test_a_tree_finds_orphans(seen):
    script = f"{GRANDCHILD}; sys.stdin.read()"
    marked = {**os.environ, "AIGC_JOB": "orphans"}
    parent = psutil.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, env={} if seen else marked)
    tree = Tree(parent.pid, "orphans")
    child = until(parent.children, "a child")[0]
    if seen:
        tree.sample()
        assert tree.peak_bytes > 0
    parent.kill()
    parent.wait()
    assert child.is_running()
    tree.kill()
    assert not process._alive(child)
