"""The parts of a notebook: its headings, its sections, and the cells of each exercise."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

# Cells that a learner does not get: answers, what is computed with them, and words to the teacher.
NOT_FOR_STUDENTS = {"solution", "uses-solution", "instructor"}


def prose(cell: NotebookNode) -> str:
    """A markdown cell without its code fences, in which ``#`` starts a comment."""
    return re.sub(r"(?ms)^(```|~~~).*?^\1\s*$", "", cell.source) if cell.cell_type == "markdown" else ""


def headings(nb: NotebookNode) -> Iterator[tuple[int, str, int]]:
    """(level, text, cell index) of every heading."""
    for i, cell in enumerate(nb.cells):
        for marks, text in re.findall(r"(?m)^(#{1,6})\s+(.+?)\s*$", prose(cell)):
            yield len(marks), text, i


def section(nb: NotebookNode, heading: str) -> str:
    """The prose from a level-2 heading to the next."""
    found = re.search(rf"(?ms)^## {heading}\s*$(.*?)(?=^##? |\Z)", "\n".join(map(prose, nb.cells)))
    return found.group(1) if found else ""


def exercise_numbers(nb: NotebookNode) -> list[int]:
    return [int(n) for n in re.findall(r"(?m)^### 练习 (\d+)", section(nb, "练习"))]


def exercise_cells(nb: NotebookNode, n: int) -> list[NotebookNode]:
    """The cells from ``### 练习 n`` to the next heading of any level."""
    places = [(text, i) for _, text, i in headings(nb)]
    here = next((i for text, i in places if re.match(rf"练习 {n}(?!\d)", text)), len(nb.cells))
    later = [i for _, i in places if i > here]
    return nb.cells[here:min(later, default=len(nb.cells))]
