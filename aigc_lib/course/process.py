"""One notebook in one process of its own: started, watched against the clock, and cleared away."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import psutil

PACKAGE_PARENT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.2
TELL_STACK = """__import__("faulthandler").register(__import__("signal").SIGUSR1, open({path!r}, "w"))"""
NEW_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows: the reader's Ctrl-C is for us, not for it


class Status(StrEnum):
    OK = "ok"
    CODE = "code error"
    TIMEOUT = "timeout"
    KERNEL = "dead kernel"
    DATA = "missing data"
    SAVE = "could not save"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Job:
    """What to run: the notebook's own text, so that a job can travel to another machine."""

    name: str
    seed: int
    profile: str
    text: str
    limit: float  # seconds of wall clock for the whole notebook
    threads: int


@dataclass
class Outcome:
    """How a job went. ``notebook`` is the executed text as far as it came, or None."""

    name: str
    seed: int
    status: Status
    message: str = ""
    seconds: float = 0.0
    peak_mb: int = 0  # resident memory of the whole tree, sampled every POLL_SECONDS
    threads: int = 0
    cells: int = 0
    code_sha256: str = ""
    resumed: bool = False
    notebook: str | None = field(default=None, repr=False)

    def record(self) -> dict:
        """Everything but the notebook, for a report."""
        record = asdict(self)
        del record["notebook"]
        return record


class Tree:
    """A process and everything it started.

    A kernel runs in a session of its own, so a signal to the process group would miss it; and a
    kernel's children lose their parent when the kernel dies. So whatever was seen once is
    remembered, and the environment variable AIGC_JOB marks the rest.
    """

    def __init__(self, pid: int, mark: str):
        self.root = psutil.Process(pid)
        self.mark = mark
        self.seen = {self.root}
        self.peak_bytes = 0

    def sample(self) -> None:
        """Look at the tree and the memory it holds now."""
        self._look(self.root)
        used = 0
        for process in list(self.seen):
            try:
                used += process.memory_info().rss
            except psutil.Error:
                continue
        self.peak_bytes = max(self.peak_bytes, used)

    def kill(self) -> None:
        """End all of it. Repeats until nothing is left: a process may start another while we look."""
        while living := self._living():
            for process in living:
                self._look(process)
            for process in self.seen:
                try:
                    process.kill()
                except psutil.Error:
                    continue
            time.sleep(0.01)

    def _living(self) -> list[psutil.Process]:
        for process in psutil.process_iter():
            try:
                if process.environ().get("AIGC_JOB") == self.mark:
                    self.seen.add(process)
            except (psutil.Error, OSError):  # not ours to look into
                continue
        return [process for process in self.seen if _alive(process)]

    def _look(self, process: psutil.Process) -> None:
        try:
            self.seen.update(process.children(recursive=True))
        except psutil.Error:
            return


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def run_job(job: Job, stopped: Callable[[], bool] = lambda: False) -> Outcome:
    """Execute a job; returns when it and every process it started are gone. Never raises for its failure.

    ``stopped`` is asked a few times a second; when it says True the job is cleared away.
    """
    if stopped():
        return Outcome(job.name, job.seed, Status.INTERRUPTED)
    try:
        with tempfile.TemporaryDirectory(prefix="aigc-", ignore_cleanup_errors=True) as folder:
            return _run_in(Path(folder), job, stopped)
    except OSError as error:
        return Outcome(job.name, job.seed, Status.SAVE, f"写不了临时文件：{error.strerror or error}。")


def _run_in(folder: Path, job: Job, stopped: Callable[[], bool]) -> Outcome:
    (folder / "in.ipynb").write_text(job.text, encoding="utf-8")
    (folder / "job.json").write_text(json.dumps({"profile": job.profile, "seed": job.seed}), encoding="utf-8")
    _let_the_kernel_tell_its_stack(folder)
    started = time.monotonic()
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "aigc_lib.course.execute", str(folder)], cwd=folder,
                                   env=_environment(folder, job), stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True, creationflags=NEW_GROUP)
    tree = Tree(process.pid, str(folder))
    try:
        cut = _watch(process, tree, started + job.limit, stopped)
        if cut == Status.TIMEOUT:
            where = _stack(folder, tree)
    finally:
        tree.kill()
        process.wait()
    seconds = time.monotonic() - started
    status, message = (cut, "") if cut else _result(folder, process.returncode)
    if status == Status.TIMEOUT:
        message = f"跑了 {job.limit:.0f} 秒还没结束，已连同内核一起停掉。用 --timeout 可以放宽。停的时候在：{where}。"
    return Outcome(job.name, job.seed, status, message, round(seconds, 2), round(tree.peak_bytes / 2**20),
                   job.threads, notebook=_read(folder / "out.ipynb"))


def _environment(folder: Path, job: Job) -> dict[str, str]:
    search = [str(PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "AIGC_PROFILE": job.profile,
        "AIGC_JOB": str(folder),                # marks whatever the notebook starts, see Tree
        "OMP_NUM_THREADS": str(job.threads),
        "PYTHONPATH": os.pathsep.join(search),  # the kernel sees the same library as we do
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",            # its last words go to a log that we read
        "JUPYTER_PREFER_ENV_PATH": "1",         # this environment's kernel, not one in the home folder
        "TMPDIR": str(folder),                  # connection and other temporary files go with the folder
        "IPYTHONDIR": str(folder),              # no start-up files or history of the reader's own
    }


def _let_the_kernel_tell_its_stack(folder: Path) -> None:
    """A start-up file (IPYTHONDIR is our folder) that leaves no name behind in the notebook."""
    if hasattr(signal, "SIGUSR1"):
        startup = folder / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "stack.py").write_text(TELL_STACK.format(path=str(folder / "stack.txt")), encoding="utf-8")


def _stack(folder: Path, tree: Tree) -> str:
    """Where the kernel's main thread is, innermost call first: a hang that nobody can repeat must not pass unseen."""
    for process in tree.seen - {tree.root}:
        try:
            process.send_signal(signal.SIGUSR1)  # ends what does not expect it; all of it is about to be killed
        except (psutil.Error, AttributeError):  # Windows has no such signal
            continue
    time.sleep(2 * POLL_SECONDS)
    main_thread = (_read(folder / "stack.txt") or "").rpartition("hread 0x")[2]
    frames = re.findall(r'File "(.*)", line (\d+) in (.*)', main_thread)
    return "，".join(f"{name}（{Path(path).name} 第 {line} 行）" for path, line, name in frames[:8]) or "不知道"


def _watch(process: subprocess.Popen, tree: Tree, deadline: float, stopped: Callable[[], bool]) -> Status | None:
    """Sample until the process ends; why it has to be cut short, or None."""
    while True:
        tree.sample()
        try:
            process.wait(timeout=POLL_SECONDS)
            return None
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                return Status.TIMEOUT
            if stopped():
                return Status.INTERRUPTED


def _result(folder: Path, returncode: int) -> tuple[Status, str]:
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return Status(result["status"]), result["message"]
    except (OSError, ValueError, KeyError):
        if returncode < 0:
            return Status.KERNEL, f"执行进程被信号 {-returncode} 结束：多半是内存不够，或被别的程序结束了。"
        log = (_read(folder / "log.txt") or "").strip().splitlines()
        return Status.CODE, f"执行进程自己出错（退出码 {returncode}）：{log[-1] if log else '没有留下信息'}"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
