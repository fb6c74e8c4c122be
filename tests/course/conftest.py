"""The miniature course, with this process and its children pointed at it."""

import os

import pytest

from aigc_lib import paths

from .mini import Course


@pytest.fixture
def course(tmp_path, monkeypatch):
    root = tmp_path / "course"
    monkeypatch.setenv("AIGC_ROOT", str(root))
    for name, path in {"ROOT": root, "DATA": root / "data", "NOTEBOOKS": root / "notebooks", "BOOK": root / "book",
                       "RUNS": root / "runs"}.items():
        monkeypatch.setattr(paths, name, path)
    made = Course(root)
    yield made
    for process in made.processes():  # left by a test that failed
        if process.pid != os.getpid():
            process.kill()
