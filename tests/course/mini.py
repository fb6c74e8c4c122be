"""A miniature course in a temporary folder: small notebooks, no torch."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil

from aigc_lib.course.manifest import Chapter, load_manifest, with_chapter

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds: only a real hang takes that long
PARAMETERS = "PROFILE = None\nSEED = 0"
CLAIM = """
from aigc_lib.evidence import Experiment
experiment = Experiment({name!r}, profile=PROFILE, seed=SEED)
claim = experiment.claim(id="mini.{name}", section="1", text="甲比乙好。", metric="分数", model="甲",
                         baseline="乙", higher_is_better=True, smallest_difference=0.5)
claim.measure(model=2 + 0.01 * SEED, baseline=1)
"""


def notebook(*code, prose="# 标题"):
    """A notebook with a parameters cell, some prose and one code cell for each of ``code``."""
    first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    rest = [nbformat.v4.new_code_cell(source.strip()) for source in code]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(prose), first, *rest])


class Course:
    """The miniature course: add chapters, run ``aigc`` in it, look for processes left behind."""

    def __init__(self, root: Path):
        self.root = root
        self.notebooks = root / "notebooks"
        self.notebooks.mkdir(parents=True)

    def add(self, name, *code, nb=None, seconds=25, section=None):
        """Write a chapter and its manifest entry; both budgets are ``seconds``."""
        manifest = self.notebooks / "course.toml"
        text = manifest.read_text() if manifest.exists() else ""
        chapter = Chapter(name, section or str(text.count("[[notebook]]") + 1), f"标题{name}", "部分", seconds, seconds)
        manifest.write_text(with_chapter(text, chapter))
        nbformat.write(nb or notebook(*code), chapter.path)
        return chapter

    @property
    def chapters(self):
        return load_manifest()

    def start(self, *arguments):
        """``aigc`` in a process of its own, as from a terminal: a background shell ignores Ctrl-C."""
        return subprocess.Popen([sys.executable, "-m", "aigc_lib.course.cli", *arguments], cwd=REPOSITORY, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # noqa: PLW1509

    def aigc(self, *arguments):
        """``aigc`` to its end: (exit code, what it said)."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, said

    def processes(self):
        """Everything alive that was started for this course, found by its environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("AIGC_ROOT") == str(self.root) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def until(condition, what="the condition"):
    """Poll until ``condition()`` is true; its value."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true in {PATIENCE} s")
