"""Every notebook of the course: its contracts, a smoke run through papermill, and its row in the ledger."""

import subprocess
import sys
import warnings

import nbformat
import pytest

from aigc_lib.course.contracts import check_notebook
from aigc_lib.course.ledger import check_ledger
from aigc_lib.course.manifest import load_manifest
from aigc_lib.course.runner import Options, run_course

CHAPTERS = load_manifest()
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)


@every_chapter
def test_committed_notebook_keeps_the_contracts(chapter):
    assert check_notebook(chapter) == []


@every_chapter
def test_notebook_runs_in_smoke(chapter, tmp_path):
    """The wall clock is wide because test workers share the cores; the budget contract looks at quiet runs.

    One run in hundreds has stopped moving, never twice: it gets a second try, and its stack is printed.
    """
    outcome, = run_course([chapter], Options(profile="smoke", jobs=2, timeout=240, folder=tmp_path))["notebooks"]
    if outcome["status"] == "timeout":
        warnings.warn(outcome["message"], stacklevel=1)
        outcome, = run_course([chapter], Options(profile="smoke", jobs=2, timeout=240, folder=tmp_path))["notebooks"]
    assert outcome["status"] == "ok", outcome["message"]


def test_ledger_matches_the_notebooks():
    assert check_ledger(CHAPTERS) == []


def test_nbval_fails_a_cell_that_runs_out_of_time(tmp_path):
    """A timed-out cell in lax mode has been reported as passed elsewhere, so ours is asked."""
    slow = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import time; time.sleep(60)", execution_count=1)],
                                    metadata={"kernelspec": {"display_name": "", "name": "python3"}})
    nbformat.write(slow, tmp_path / "slow.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-cell-timeout=2", "-q",
               "slow.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "1 failed" in done.stdout
