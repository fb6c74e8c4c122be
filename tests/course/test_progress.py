"""``aigc progress``: what it reads from a learner's notebooks, whole or not."""

import nbformat
import pytest
from click.testing import CliRunner

from aigc_lib.course.cli import main
from aigc_lib.course.progress import look, next_step, states


def learner(*said, exercises=3):
    """A notebook whose check cells printed ``said``; None for one that has not run."""
    cells = [nbformat.v4.new_markdown_cell("# 小课")]
    for n, text in enumerate(said, 1):
        cell = nbformat.v4.new_code_cell(f"grade(check_{n}, answer_{n})", metadata={"tags": ["exercise-check"]})
        cell.outputs = [nbformat.v4.new_output("stream", text=text)] if text else []
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells, metadata={"aigc": {"edition": "student", "exercises": exercises}})


def done(n):
    return f"练习 {n}：通过\n"


def test_what_a_check_said():
    nb = learner(done(1), "练习 2：还没通过——应当是一\n", "练习 3：还没通过——还没写\n", None, exercises=5)
    assert states(nb) == {1: "通过", 2: "还没通过", 3: "还没写", 4: "没运行", 5: "没运行"}
    nb.cells[1].outputs = [nbformat.v4.new_output("error", ename="NameError", evalue="answer_1", traceback=[])]
    assert states(nb)[1] == "还没通过"


def test_only_check_cells_count():
    nb = learner(None)
    nb.cells.append(nbformat.v4.new_code_cell("grade(check_1, solution_1)", metadata={"tags": ["solution"]}))
    nb.cells[-1].outputs = [nbformat.v4.new_output("stream", text=done(1))]
    assert states(nb)[1] == "没运行"


@pytest.fixture
def mine(course, tmp_path):
    for name in ("zebra", "apple"):  # the course's order is not the alphabet's
        course.add(name)
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def test_a_table_and_the_next_step(mine, monkeypatch):
    nbformat.write(learner(done(1), None, None), mine / "apple.ipynb")
    nbformat.write(learner(None, None, None), mine / "zebra.ipynb")
    nbformat.write(nbformat.v4.new_notebook(), mine / "notes.ipynb")
    result = CliRunner().invoke(main, ["progress", str(mine)])
    assert result.exit_code == 0, result.output
    assert "1/3" in result.output and "共 6 题，通过 1 题" in result.output and "notes" not in result.output
    assert result.output.index("zebra") < result.output.index("apple.ipynb")
    assert "下一步：打开 apple.ipynb，做练习 2。" in result.output  # what was begun comes first
    monkeypatch.chdir(mine)
    assert CliRunner().invoke(main, ["progress"]).output == result.output


def test_all_done(mine):
    nbformat.write(learner(done(1), done(2), done(3)), mine / "apple.ipynb")
    assert "全部通过" in next_step(look(mine, []))


def test_nothing_to_look_at(mine):
    result = CliRunner().invoke(main, ["progress", str(mine)])
    assert result.exit_code == 1 and "没有带练习的笔记本" in result.output


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"cells": 3}', b"<<<<<<< HEAD\n",
    b'{"cells": [{"cell_type": "code"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    b'{"cells": [], "metadata": {"aigc": {"exercises": "x"}}, "nbformat": 4, "nbformat_minor": 5}',
])
def test_a_broken_file_is_a_line_of_the_table(mine, content):
    (mine / "zebra.ipynb").write_bytes(content)
    nbformat.write(learner(done(1), None, None), mine / "apple.ipynb")
    found = look(mine, [])
    assert [p.passed for p in found if p.name == "apple"] == [1]
    assert [p.trouble[:3] for p in found if p.name == "zebra"] == ["读不了"] and "重新保存" in next_step(found)
    assert CliRunner().invoke(main, ["progress", str(mine)]).exit_code == 0


def test_a_file_cut_anywhere_never_stops_it(mine):
    whole = nbformat.writes(learner(done(1), None, None))
    for end in range(0, len(whole), 37):
        (mine / "apple.ipynb").write_text(whole[:end], encoding="utf-8")
        assert look(mine, [])[0].trouble
