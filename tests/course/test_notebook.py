"""Notebook files: hash, outputs taken over, atomic writing, full disk."""

import errno
import hashlib
import os
import stat
import subprocess

import nbformat
import pytest

from aigc_lib.course import files
from aigc_lib.course.files import CouldNotSave, write_atomic
from aigc_lib.course.manifest import CourseError
from aigc_lib.course.notebook import (
    code_hash,
    evidence_hash,
    evidence_of,
    parse_notebook,
    read_notebook,
    with_outputs,
    write_notebook,
)
from aigc_lib.evidence import EVIDENCE_MIME

from .mini import PARAMETERS, notebook


def injected(nb):
    """The notebook as papermill leaves it: one more cell, numbers shifted, clocks everywhere."""
    nb = nbformat.from_dict(nb)
    extra = nbformat.v4.new_code_cell("SEED = 3", metadata={"tags": ["injected-parameters"]})
    nb.cells.insert(2, extra)
    for i, cell in enumerate(cell for cell in nb.cells if cell.cell_type == "code"):
        cell.execution_count = i + 1
        cell.metadata["papermill"] = {"duration": 1.0}
        cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "1"}, execution_count=i + 1)]
    nb.metadata["papermill"] = {"duration": 2.0}
    return nb


def test_the_hash_is_over_code_only_and_ignores_papermills_cell():
    nb = notebook("x = 1  \n", "y = 2")
    wanted = hashlib.sha256(f"{PARAMETERS}\n\0\nx = 1\n\0\ny = 2".encode()).hexdigest()
    assert code_hash(nb) == code_hash(injected(nb)) == wanted
    assert code_hash(notebook("x = 1", "y = 3")) != wanted


def test_evidence_does_not_depend_on_exercises_and_sliders():
    nb = notebook("x = 1", "y = 2")
    measured, outputs = evidence_hash(nb), code_hash(nb)
    assert measured == outputs
    for tag in ("exercise", "exercise-check", "solution", "interactive"):
        nb.cells.append(nbformat.v4.new_code_cell(tag, metadata={"tags": [tag]}))
    assert evidence_hash(nb) == measured and code_hash(nb) != outputs
    assert evidence_hash(notebook("x = 1", "y = 3")) != measured


def test_outputs_are_taken_over_and_papermills_traces_are_not():
    source = notebook("x = 1", "x", prose="新的文字")
    run = injected(notebook("x = 1", "x", prose="旧的文字"))
    nb = with_outputs(source, run)
    assert nb.cells[0].source == "新的文字"
    assert [cell.execution_count for cell in nb.cells[1:]] == [1, 2, 3]
    assert [cell.outputs[0].execution_count for cell in nb.cells[1:]] == [1, 2, 3]
    assert nb.cells[1].metadata == {"tags": ["parameters"]} and "papermill" not in nbformat.writes(nb)
    nbformat.validate(nb)
    with pytest.raises(ValueError, match="other code"):
        with_outputs(notebook("x = 2", "x"), run)


def test_a_widget_is_left_out_and_its_still_is_kept():
    source = notebook("explore()")
    run = injected(source)
    still = nbformat.v4.new_output("display_data", {"image/png": "aGk="})
    run.cells[-1].outputs = [still, nbformat.v4.new_output("display_data", {
        "application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox()"})]
    assert with_outputs(source, run).cells[-1].outputs == [still]


def test_evidence_is_read_from_outputs():
    nb = notebook("x")
    nb.cells[-1].outputs = [nbformat.v4.new_output("display_data", {EVIDENCE_MIME: {"id": "a.b"}}),
                            nbformat.v4.new_output("stream", text="hello")]
    assert evidence_of(nb) == [{"id": "a.b"}]


@pytest.mark.parametrize("text", ["", "{}", "not json", "[1]", '{"nbformat": 4'])
def test_a_damaged_notebook_is_refused_in_one_sentence(text, tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    with pytest.raises(CourseError, match="a.ipynb 不是完好的 notebook"):
        read_notebook(path)
    with pytest.raises(CourseError, match="找不到"):
        read_notebook(tmp_path / "b.ipynb")


def test_write_and_read_back(tmp_path):
    nb, path = notebook("x = '汉字'"), tmp_path / "deep" / "a.ipynb"
    write_notebook(nb, path)
    assert read_notebook(path) == nb and path.read_text().endswith("}\n") and "汉字" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 and os.listdir(path.parent) == ["a.ipynb"]
    assert parse_notebook(path.read_text()) == nb


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call):
    path = tmp_path / "a.json"
    path.write_text("old")

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, call, full)
    with pytest.raises(CouldNotSave, match="磁盘满了，需要 .* MB。原来的文件没有动"):
        write_atomic(path, "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.json"]


def test_a_folder_that_cannot_be_written_gives_its_reason(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CouldNotSave, match="没能保存 .*：.*原来的文件没有动"):
        write_atomic(tmp_path / "file" / "a.json", "new")


@pytest.fixture
def tiny_disk(tmp_path):
    """A real file system of 16 KB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_really_full_disk(tiny_disk):
    path = tiny_disk / "a.json"
    write_atomic(path, "old")
    with pytest.raises(CouldNotSave, match="磁盘满了"):
        write_atomic(path, "x" * 100_000)
    assert path.read_text() == "old" and os.listdir(tiny_disk) == ["a.json"]
