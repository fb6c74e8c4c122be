"""The course for learners and for teachers, both made from the committed notebooks; nothing is kept by hand twice.

The student edition leaves out every cell tagged ``solution``, ``uses-solution`` (it computes with a
solution) or ``instructor`` (words to the teacher), and the results of the exercises. The instructor
edition keeps all, opens the solutions, and says what the manifest, the measured times and the ledger know.
"""

import copy
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from aigc_lib.course.ledger import read_ledger
from aigc_lib.course.manifest import Chapter
from aigc_lib.course.notebook import code_cells, read_notebook, tags, write_notebook
from aigc_lib.course.reports import load_timings
from aigc_lib.course.structure import NOT_FOR_STUDENTS, exercise_numbers
from aigc_lib.evidence import SUPPORTED

TO_STUDENTS = ("> **学生版**：没有参考答案。写完一题，运行它下面的检查格，再保存；卡住了，先看提示。\n"
               "> 在终端里运行 `aigc progress`，看做完了几题，下一步做什么。")


def student(nb: NotebookNode, present: Collection[str]) -> NotebookNode:
    """A copy without answers; links to chapters that are not in ``present`` become plain words."""
    nb = copy.deepcopy(nb)
    nb.cells = [cell for cell in nb.cells if not NOT_FOR_STUDENTS & set(tags(cell))]
    for cell in nb.cells:
        if {"exercise", "exercise-check"} & set(tags(cell)):
            cell.outputs, cell.execution_count = [], None
    _insert(nb, 1, TO_STUDENTS, "student")
    nb.metadata["aigc"] = {"edition": "student", "exercises": len(exercise_numbers(nb))}
    return _without_dead_links(nb, present)


def instructor(nb: NotebookNode, present: Collection[str], chapter: Chapter, timing: Mapping[str, Mapping],
               rows: Sequence[Mapping]) -> NotebookNode:
    """A copy with everything to be seen, and generated remarks: under the title, and before slow cells."""
    nb = copy.deepcopy(nb)
    slow = nb.metadata.get("aigc", {}).get("slow_cells", {})
    for number, cell in reversed(list(enumerate(code_cells(nb), 1))):
        if "solution" in tags(cell):
            cell.metadata["tags"] = [tag for tag in tags(cell) if tag != "hide-cell"]
            cell.metadata.pop("jupyter", None)
        if seconds := slow.get(str(number)):
            place = next(i for i, other in enumerate(nb.cells) if other is cell)
            _insert(nb, place, f"> **教学提示**：下面这一格跑了 {seconds:.0f} 秒。先让它跑，趁这时讲它在做什么。", f"slow-{number}")
    _insert(nb, 1, remarks(chapter, timing, rows), "remarks")
    nb.metadata.setdefault("aigc", {})["edition"] = "instructor"
    return _without_dead_links(nb, present)


def remarks(chapter: Chapter, timing: Mapping[str, Mapping], rows: Sequence[Mapping]) -> str:
    """What a teacher wants to know before the lesson: times, verdicts, and the claims that did not hold."""
    lines = ["**教学提示**（由 `aigc instructor` 写出）", "", f"- {_times(chapter, timing)}", f"- {_verdicts(rows)}"]
    failed = [row for row in rows if row["verdict"] != SUPPORTED]
    lines += ["- 没有成立的断言，可以先让学生猜，再翻到“断言核查”："] if failed else []
    lines += [f"  - {row['verdict']}：{row['claim']}（{row['metric']}：{row['model']} {row['model_mean']:.3g}，"
              f"{row['baseline']} {row['baseline_mean']:.3g}；至少差 {row['smallest_difference']:.3g} 才算数）"
              for row in failed]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _times(chapter: Chapter, timing: Mapping[str, Mapping]) -> str:
    def measured(profile: str) -> str:
        seconds = timing.get(profile, {}).get("seconds")
        return ("还没有测过" if seconds is None else f"{seconds:.0f} 秒") + f"（预算 {chapter.budget(profile):g} 秒）"

    memory = timing.get("full", {}).get("peak_mb")
    return (f"用时（2 核）：完整运行 {measured('full')}，快速检查 {measured('smoke')}"
            + (f"；内存 {memory} MB。" if memory else "。"))


def _verdicts(rows: Sequence[Mapping]) -> str:
    if not rows:
        return "账本里还没有这一节的断言。"
    counts = {row["verdict"]: sum(other["verdict"] == row["verdict"] for other in rows) for row in rows}
    return f"断言 {len(rows)} 条：" + "，".join(f"{verdict} {n}" for verdict, n in counts.items()) + "。"


def _insert(nb: NotebookNode, place: int, text: str, name: str) -> None:
    nb.cells.insert(place, new_markdown_cell(text, id=f"edition-{name}", metadata={"tags": ["edition"]}))


def _without_dead_links(nb: NotebookNode, present: Collection[str]) -> NotebookNode:
    def words(link: re.Match) -> str:
        return link[0] if link[2] in present else link[1]

    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[([^\[\]]*)\]\((\w+)\.ipynb(?:#[^)]*)?\)", words, cell.source)
    return nb


def write_edition(edition: str, chapters: Iterable[Chapter], folder: Path) -> tuple[list[Path], list[Path]]:
    """Write ``student`` or ``instructor`` notebooks: (written, those that were there already and are kept).

    A file that is there may hold somebody's answers, so it is never overwritten. Raises CouldNotSave.
    """
    chapters = list(chapters)
    timings, rows = load_timings(), read_ledger()
    present = {chapter.name for chapter in chapters} | {path.stem for path in folder.glob("*.ipynb")}
    written, kept = [], []
    for chapter in chapters:
        path = folder / chapter.path.name
        if path.exists():
            kept.append(path)
            continue
        nb = read_notebook(chapter.path)
        own = [row for row in rows if row["notebook"] == chapter.name]
        made = (student(nb, present) if edition == "student"
                else instructor(nb, present, chapter, timings.get(chapter.name, {}), own))
        write_notebook(made, path)
        written.append(path)
    return written, kept
