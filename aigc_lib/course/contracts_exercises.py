"""What the exercises of every notebook must keep to."""

import re
from collections.abc import Iterator, Sequence

from nbformat import NotebookNode

from aigc_lib.course.manifest import Chapter
from aigc_lib.course.names import bound, needed
from aigc_lib.course.notebook import code_cells, tags
from aigc_lib.course.structure import NOT_FOR_STUDENTS, exercise_cells, exercise_numbers, section

FEWEST = 3
HINT = "<details>"


def exercises(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """At least three exercises from warm-up to open, each with stub, check, hint and hidden solution, in this order.

    The stored results are as expected and nbval compares them. What is left without the answers still runs.
    """
    numbers = exercise_numbers(nb)
    if len(numbers) < FEWEST or numbers != list(range(1, len(numbers) + 1)):
        return [f"“练习”里应当有至少 {FEWEST} 个从 1 编号的“### 练习 N”，现在是 {numbers}。"]
    tasks = [task.strip() for task in re.split(r"(?m)^### 练习 \d+.*$", section(nb, "练习"))[1:]]
    problems = [] if any(task.startswith("热身") for task in tasks[:-1]) else ["没有一题以“热身”开头。"]
    problems += [] if tasks[-1].startswith("开放题") else ["最后一题应当以“开放题”开头。"]
    return problems + [f"练习 {n} {what}。" for n in numbers for what in _exercise(nb, n)] + _used_solutions(nb)


def _exercise(nb: NotebookNode, n: int) -> Iterator[str]:
    cells = exercise_cells(nb, n)
    parts = {tag: [cell for cell in cells if tag in tags(cell)] for tag in ("exercise", "exercise-check", "solution")}
    hints = [cell for cell in cells if cell.cell_type == "markdown" and HINT in cell.source]
    answers = [f"grade(check_{n}, {name})" for name in _empty_answers(parts["exercise"])]
    if not answers:
        yield "没有带 exercise 标签、等着填写的空格子"
    elif not any(answer in cell.source for cell in parts["exercise-check"] for answer in answers):
        yield "没有带 exercise-check 标签的检查格"
    if not any(f"grade(check_{n}, solution_{n})" in cell.source for cell in parts["solution"]):
        yield "没有带 solution 标签的答案格"
    if not hints:
        yield f"没有放在 {HINT} 里的提示"
    yield from _order(cells, [*parts.values()][:2] + [hints, parts["solution"]])
    yield from _results(n, parts["exercise-check"], parts["solution"])
    if not all("hide-cell" in tags(cell) and cell.metadata.get("jupyter", {}).get("source_hidden")
               for cell in parts["solution"]):
        yield "的答案格没有折叠（hide-cell 标签和 source_hidden）"


def _empty_answers(stubs: Sequence[NotebookNode]) -> list[str]:
    """The names that a learner is to fill in: a function that is not written, or a value ``...``."""
    code = "\n".join(cell.source for cell in stubs)
    if not re.search(r"NotImplementedError|\.\.\.", code):
        return []
    return [function or value for function, value in re.findall(r"(?m)^def (\w+)|^(\w+) = \.\.\.", code)]


def _order(cells: Sequence[NotebookNode], parts: Sequence[Sequence[NotebookNode]]) -> Iterator[str]:
    places = [next(i for i, cell in enumerate(cells) if cell is part[0]) for part in parts if part]
    if places != sorted(places):
        yield "应当依次是空格子、检查格、提示、答案"


def _results(n: int, checks: Sequence[NotebookNode], solutions: Sequence[NotebookNode]) -> Iterator[str]:
    if checks and f"练习 {n}：还没通过" not in _printed(checks):
        yield "的检查格应当对空白答案说“还没通过”"
    if solutions and f"练习 {n}：通过" not in _printed(solutions):
        yield "的参考答案没有通过检查"
    if not all("nbval-check-output" in tags(cell) for cell in [*checks, *solutions]):
        yield "的检查格和答案格都要带 nbval-check-output 标签"


def _printed(cells: Sequence[NotebookNode]) -> str:
    return "".join(output.get("text", "") for cell in cells for output in cell.outputs)


def _used_solutions(nb: NotebookNode) -> list[str]:
    """Cells that a learner gets, though they need a name that only cells he does not get make."""
    kept = [cell.source for cell in code_cells(nb) if not NOT_FOR_STUDENTS & set(tags(cell))]
    left_out = [cell.source for cell in code_cells(nb) if NOT_FOR_STUDENTS & set(tags(cell))]
    try:
        only = set().union(*map(bound, left_out)) - set().union(*map(bound, kept))
        return [f"“{source.splitlines()[0]}”那一格用到答案格里的 {'、'.join(sorted(used))}：给它加 uses-solution 标签。"
                for source in kept if (used := needed(source) & only)]
    except SyntaxError:  # another contract says so
        return []
