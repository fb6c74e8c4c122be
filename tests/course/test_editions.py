"""Both editions of every notebook by their structure, and three of them run to their end."""

import builtins
import copy
import re

import nbformat
import pytest

from aigc_lib.course.editions import instructor, remarks, student, write_edition
from aigc_lib.course.ledger import read_ledger
from aigc_lib.course.manifest import load_manifest, select
from aigc_lib.course.names import bound, needed
from aigc_lib.course.notebook import code_cells, code_hash, parse_notebook, read_notebook, slow_cells, tags
from aigc_lib.course.process import Job, run_job
from aigc_lib.course.progress import states
from aigc_lib.course.reports import load_timings
from aigc_lib.course.structure import exercise_cells, exercise_numbers

from .mini import notebook

CHAPTERS = load_manifest()
PRESENT = {chapter.name for chapter in CHAPTERS}
PROVIDED = {*dir(builtins), "display", "get_ipython", "__name__", "__file__"}
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)


def tagged(nb, tag):
    return [cell for cell in nb.cells if tag in tags(cell)]


def student_problems(nb):
    """What would stop a learner, or give an answer away."""
    nbformat.validate(nb)
    codes = [cell.source for cell in code_cells(nb)]
    made = PROVIDED.union(*map(bound, codes))
    found = [f"{name} is made nowhere" for name in sorted(set().union(*map(needed, codes)) - made)]
    found += ["an answer is left" for cell in nb.cells if re.search(r"\bsolution_\d|教学提示", cell.source)]
    found += ["an exercise has a result" for tag in ("exercise", "exercise-check") for cell in tagged(nb, tag)
              if cell.outputs or cell.execution_count]
    for n in exercise_numbers(nb):
        cells = exercise_cells(nb, n)
        whole = any("exercise" in tags(c) for c in cells) and any(f"grade(check_{n}" in c.source for c in cells)
        found += [] if whole and any("<details>" in c.source for c in cells) else [f"exercise {n} is not whole"]
    links = re.findall(r"\]\((\w+)\.ipynb", "".join(cell.source for cell in nb.cells if cell.cell_type == "markdown"))
    return found + [f"{name} is not there" for name in links if name not in PRESENT]


@every_chapter
def test_a_learner_gets_the_lesson_without_answers(chapter):
    source = read_notebook(chapter.path)
    before = copy.deepcopy(source)
    nb = student(source, PRESENT)
    assert source == before and student_problems(nb) == []
    assert nb.metadata.aigc.exercises == len(exercise_numbers(source)) >= 3
    outputs = {cell.id: cell.outputs for cell in code_cells(source)}
    assert all(cell.outputs == outputs[cell.id] for cell in code_cells(nb)
               if not {"exercise", "exercise-check"} & set(tags(cell)))


@every_chapter
def test_a_teacher_gets_everything_and_the_remarks(chapter):
    source = read_notebook(chapter.path)
    rows = [row for row in read_ledger() if row["notebook"] == chapter.name]
    nb = instructor(source, PRESENT, chapter, load_timings().get(chapter.name, {}), rows)
    nbformat.validate(nb)
    assert code_hash(nb) == code_hash(source) and [c.outputs for c in code_cells(nb)] == [
        c.outputs for c in code_cells(source)]
    solutions = tagged(nb, "solution")
    assert len(solutions) >= 3 and not any("hide-cell" in tags(c) or c.metadata.get("jupyter") for c in solutions)
    said = nb.cells[1].source
    assert f"预算 {chapter.full_seconds:g} 秒" in said and all(line.startswith(">") for line in said.splitlines())
    fallen = {row["claim"] for row in rows if row["verdict"] != "支持"}  # one sentence of the document may be put to two tests
    assert all((row["claim"] in said) == (row["claim"] in fallen) for row in rows)


def with_answer(*more, **metadata):
    nb = notebook("from aigc_lib.exercises import grade", prose="# 1 小课\n\n见 [后一课](b.ipynb#x)、[别处](gone.ipynb)。")
    parts = [("def answer_1():\n    raise NotImplementedError", "exercise"),
             ("def check_1(answer):\n    assert answer() == 1, '应当是一'\n\ngrade(check_1, answer_1)", "exercise-check"),
             ("def solution_1():\n    return 1\n\ngrade(check_1, solution_1)", "solution")]
    nb.cells.append(nbformat.v4.new_markdown_cell("## 练习\n\n### 练习 1\n\n<details>提示</details>"))
    nb.cells += [nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}) for source, tag in parts]
    nb.cells += [nbformat.v4.new_code_cell(source, metadata=metadata) for source in more]
    return nb


def executed(nb, name="mini", limit=240):
    outcome = run_job(Job(name, 0, "smoke", nbformat.writes(nb), limit=limit, threads=2))
    return outcome, parse_notebook(outcome.notebook)


def test_a_cell_that_uses_an_answer_needs_its_tag():
    use = "print(solution_1())"
    careless, careful = student(with_answer(use), PRESENT), student(with_answer(use, tags=["uses-solution"]), {"b"})
    assert student_problems(careless) == ["solution_1 is made nowhere", "an answer is left"]
    assert executed(careless)[0].status == "code error"
    outcome, ran = executed(careful)
    assert outcome.status == "ok" and states(ran) == {1: "还没写"}


@pytest.mark.parametrize("spoil, complaint", [
    (lambda nb: nb.cells.remove(tagged(nb, "exercise-check")[0]), "exercise 1 is not whole"),
    (lambda nb: nb.cells.append(nbformat.v4.new_markdown_cell("[别处](gone.ipynb)")), "gone is not there"),
    (lambda nb: tagged(nb, "exercise-check")[0].update(execution_count=3), "an exercise has a result"),
])
def test_a_bad_student_edition_is_noticed(spoil, complaint):
    nb = student(with_answer(), PRESENT)
    assert student_problems(nb) == []
    spoil(nb)
    assert student_problems(nb) == [complaint]


def test_links_lead_only_to_notebooks_that_are_there():
    assert student(with_answer(), {"b"}).cells[0].source == "# 1 小课\n\n见 [后一课](b.ipynb#x)、别处。"


def test_words_to_the_teacher_stay_with_the_teacher():
    nb = notebook("1")
    nb.cells.append(nbformat.v4.new_markdown_cell("留十分钟讨论", metadata={"tags": ["instructor"]}))
    assert "留十分钟" not in nbformat.writes(student(nb, ()))
    assert "留十分钟" in nbformat.writes(instructor(nb, (), CHAPTERS[0], {}, []))


def test_slow_cells_get_a_remark_before_them():
    nb = notebook("quick()", "slow()")
    nb.metadata["aigc"] = {"slow_cells": {"3": 61.7}}
    made = instructor(nb, (), CHAPTERS[0], {}, [])
    place = next(i for i, cell in enumerate(made.cells) if cell.source == "slow()")
    assert "跑了 62 秒" in made.cells[place - 1].source and sum("跑了" in cell.source for cell in made.cells) == 1


def test_slow_cells_are_those_that_papermill_timed():
    nb = notebook("quick()", "slow()")
    for cell, seconds in zip(code_cells(nb), (None, 0.2, 61.74)):
        cell.metadata["papermill"] = {"duration": seconds}
    assert slow_cells(nb) == {"3": 61.7}
    assert slow_cells(notebook("quick()")) == {}


def test_remarks_without_measurements():
    said = remarks(CHAPTERS[0], {}, [])
    assert "还没有测过" in said and "账本里还没有" in said and "没有成立" not in said


def test_an_edition_never_overwrites(course, tmp_path):
    course.add("a", nb=with_answer())
    course.add("b", nb=with_answer())
    out = tmp_path / "deep" / "mine"
    out.mkdir(parents=True)
    (out / "a.ipynb").write_text("my answers")
    code, said = course.aigc("student", str(out))
    assert code == 0 and "写好 1 个" in said and "没有动：a.ipynb" in said
    assert (out / "a.ipynb").read_text() == "my answers"
    assert read_notebook(out / "b.ipynb").metadata.aigc == {"edition": "student", "exercises": 1}
    code, said = course.aigc("instructor", str(tmp_path / "teacher"), "b")
    assert code == 0 and [path.name for path in (tmp_path / "teacher").iterdir()] == ["b.ipynb"]


@pytest.mark.parametrize("edition, name, wanted", [
    ("student", "ch01_overview", {1: "通过", 2: "还没写", 3: "还没写"}),
    ("student", "ch02_4_image_generation", {1: "通过", 2: "还没写", 3: "还没写"}),
    ("instructor", "ch01_overview", {1: "还没写", 2: "还没写", 3: "还没写"}),
])
def test_an_edition_runs_to_its_end(edition, name, wanted, tmp_path):
    """The learner has answered the first exercise; the teacher's solutions pass."""
    chapter, = select(CHAPTERS, [name])
    write_edition(edition, [chapter], tmp_path)
    nb = read_notebook(tmp_path / f"{name}.ipynb")
    if edition == "student":
        solution = tagged(read_notebook(chapter.path), "solution")[0].source.partition("\n\ngrade")[0]
        stub = tagged(nb, "exercise")[0]
        stub.source = re.sub(r"^def \w+", re.match(r"def \w+", stub.source)[0], solution)
    outcome, ran = executed(nb, name)
    assert outcome.status == "ok", outcome.message
    assert states(ran) == wanted
    assert all("：通过" in cell.outputs[0].text for cell in tagged(ran, "solution"))
