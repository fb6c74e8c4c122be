"""How far a learner is: what the check cells of his notebooks said when they last ran and were saved."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from aigc_lib.course.manifest import Chapter
from aigc_lib.course.notebook import parse_notebook, tags

PASSED, FAILED, EMPTY, NOT_RUN = "通过", "还没通过", "还没写", "没运行"


@dataclass(frozen=True)
class Progress:
    """One notebook: what each exercise's check said, or why the file cannot be read."""

    name: str
    title: str
    states: dict[int, str]
    trouble: str = ""

    @property
    def passed(self) -> int:
        return sum(state == PASSED for state in self.states.values())

    @property
    def total(self) -> int:
        return len(self.states)


def look(folder: Path, manifest: Sequence[Chapter]) -> list[Progress]:
    """Every notebook of ``folder`` that has exercises or cannot be read, in the course's order. Never raises for a file."""
    order = {chapter.name: place for place, chapter in enumerate(manifest)}
    titles = {chapter.name: chapter.heading for chapter in manifest}
    files = sorted(folder.glob("*.ipynb"), key=lambda path: (order.get(path.stem, len(order)), path.stem))
    found = [_read(path, titles.get(path.stem, path.stem)) for path in files]
    return [progress for progress in found if progress.total or progress.trouble]


def _read(path: Path, title: str) -> Progress:
    try:
        nb = parse_notebook(path.read_text(encoding="utf-8"), path)
        return Progress(path.stem, title, states(nb))
    except Exception as error:  # noqa: BLE001  (whatever a half-saved or half-edited file may hold)
        return Progress(path.stem, title, {}, f"读不了（{type(error).__name__}）")


def states(nb: NotebookNode) -> dict[int, str]:
    """Exercise number -> PASSED, FAILED, EMPTY or NOT_RUN; an exercise whose check cell is gone has not run."""
    found = {n: NOT_RUN for n in range(1, nb.metadata.get("aigc", {}).get("exercises", 0) + 1)}
    for cell in nb.cells:
        if "exercise-check" in tags(cell) and (number := re.search(r"grade\(check_(\d+)", cell.source)):
            found[int(number[1])] = _state(cell, number[1])
    return dict(sorted(found.items()))


def _state(cell: NotebookNode, number: str) -> str:
    outputs = cell.get("outputs", [])
    said = "".join(output.get("text", "") for output in outputs)
    if f"练习 {number}：通过" in said:
        return PASSED
    if not outputs:
        return NOT_RUN
    return EMPTY if f"练习 {number}：还没通过——还没写" in said else FAILED


def table(found: Sequence[Progress]) -> str:
    """One line a notebook, for the terminal."""
    from tabulate import tabulate

    rows = [[p.title, f"{p.name}.ipynb", p.trouble or f"{p.passed}/{p.total}",
             "　".join(f"{n} {state}" for n, state in p.states.items() if state != PASSED)] for p in found]
    return tabulate(rows, ["章节", "笔记本", "通过", "还差"], disable_numparse=True)


def next_step(found: Sequence[Progress]) -> str:
    """What to do now, in one or two Chinese sentences."""
    for p in found:
        if p.trouble:
            return f"{p.name}.ipynb 读不了：在 JupyterLab 里打开它，重新保存；打不开就重新取一份。"
    open_ones = [(p, n, state) for p in found for n, state in p.states.items() if state != PASSED]
    if not open_ones:
        return "全部通过。接着读每一节的“延伸阅读”，或者换个种子自己量一条断言。"
    p, n, state = next((one for one in open_ones if 0 < one[0].passed), open_ones[0])
    what = ("上次没通过：看检查格说了什么，改好再运行、保存。" if state == FAILED
            else "写好答案，运行检查格，再保存。这里只看得到存下的输出。")
    return f"下一步：打开 {p.name}.ipynb，做练习 {n}。{what}"
