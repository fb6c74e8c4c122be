"""Every exercise of every notebook, answered four ways: not at all, with None, with 0, and with its solution.

The outputs of check and solution cells are committed, and nbval compares them in whole runs; the contract
``exercises`` reads them. But no run answers wrongly, and a run takes minutes. So here each exercise is run by
itself: the stub, the check and the solution as they stand, after only those statements of the lesson that they
name. If such a slice left out something that matters, the solution would fail, and so would the test.
"""

import re

import pytest

from aigc_lib.course.manifest import load_manifest
from aigc_lib.course.names import backward_slice
from aigc_lib.course.notebook import code_cells, read_notebook, tags
from aigc_lib.course.structure import NOT_FOR_STUDENTS, exercise_cells, exercise_numbers

NOTEBOOKS = {chapter.name: read_notebook(chapter.path) for chapter in load_manifest()}
EXERCISES = [(name, n) for name, nb in NOTEBOOKS.items() for n in exercise_numbers(nb)]


def sources(nb, n, tag):
    return "\n".join(cell.source for cell in exercise_cells(nb, n) if tag in tags(cell))


def lesson(nb, n):
    """The code before exercise n, as a learner has it: without the other answers."""
    first = next(cell for cell in exercise_cells(nb, n) if "exercise" in tags(cell))
    cells = code_cells(nb)
    return [cell.source for cell in cells[:cells.index(first)] if not NOT_FOR_STUDENTS & set(tags(cell))]


def answered(nb, n, capsys):
    """What the check says to an empty answer, to None, to 0, and to the solution."""
    stub, check, solution = (sources(nb, n, tag) for tag in ("exercise", "exercise-check", "solution"))
    names = {"__name__": "notebook"}

    def said(code):
        exec(code, names)  # noqa: S102  (the notebook's own code)
        return capsys.readouterr().out.strip()

    said(backward_slice(lesson(nb, n), f"{stub}\n{check}\n{solution}"))
    is_value = re.search(r"(?m)^\w+ = \.\.\.", stub)
    wrong = [answer if is_value else f"lambda *args, **kwargs: {answer}" for answer in ("None", "0")]
    return [said(f"{stub}\n{check}"), *(said(f"grade(check_{n}, {answer})") for answer in wrong), said(solution)]


def helpful(line, n):
    """It is about the answer, in Chinese, and more than the words for a check that gives no reason."""
    head, _, reason = line.partition("（你的函数这次返回")[0].partition("——")
    return head == f"练习 {n}：还没通过" and len(re.findall("[\u4e00-\u9fff]", reason)) >= 2 and reason != "结果和要求的不一样"


def problems(said, n):
    """Those of the four things said that are wrong."""
    right = [said[0] == f"练习 {n}：还没通过——还没写", *(helpful(line, n) for line in said[1:3]), said[3] == f"练习 {n}：通过"]
    return [line for line, fine in zip(said, right) if not fine]


@pytest.mark.parametrize("name, n", EXERCISES)
def test_an_exercise_tells_right_from_wrong(name, n, capsys, monkeypatch):
    monkeypatch.setenv("AIGC_PROFILE", "smoke")
    assert problems(answered(NOTEBOOKS[name], n, capsys), n) == []


BAD = {
    "the stub is already right": ("def f(x):\n    return 3", "assert answer(1) == 3, '应当是三'", "lambda x: 3"),
    "the check takes anything": ("def f(x):\n    raise NotImplementedError", "answer(1)", "lambda x: 3"),
    "the check says nothing in Chinese": ("def f(x):\n    raise NotImplementedError", "assert answer(1) == 3, 'no'",
                                          "lambda x: 3"),
    "the check gives no reason": ("def f(x):\n    raise NotImplementedError", "assert answer(1) == 3", "lambda x: 3"),
    "the solution is wrong": ("def f(x):\n    raise NotImplementedError", "assert answer(1) == 3, '应当是三'",
                              "lambda x: 4"),
}


@pytest.mark.parametrize("stub, check, solution", BAD.values(), ids=BAD)
def test_a_bad_exercise_is_noticed(stub, check, solution, capsys):
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    grading = "\n\ngrade(check_1, {})"
    nb = new_notebook(cells=[
        new_code_cell("from aigc_lib.exercises import grade"), new_markdown_cell("## 练习\n### 练习 1"),
        new_code_cell(stub, metadata={"tags": ["exercise"]}),
        new_code_cell(f"def check_1(answer):\n    {check}" + grading.format("f"), metadata={"tags": ["exercise-check"]}),
        new_code_cell(f"solution_1 = {solution}" + grading.format("solution_1"), metadata={"tags": ["solution"]})])
    assert problems(answered(nb, 1, capsys), 1)
