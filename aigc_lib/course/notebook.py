"""Notebooks: read and write them, hash their code, take over outputs, find what their claims measured."""

import copy
import hashlib
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aigc_lib.course.files import read_text, write_atomic
from aigc_lib.course.manifest import CourseError
from aigc_lib.evidence import EVIDENCE_MIME

INJECTED = "injected-parameters"  # papermill's own cell
# Cells that no claim depends on: a learner's answers, and sliders that only show what is there.
BESIDE_THE_CLAIMS = {"exercise", "exercise-check", "solution", "uses-solution", "interactive"}
WIDGET = "application/vnd.jupyter.widget-view+json"
SLOW_SECONDS = 5  # a cell that takes so long is worth a word to the teacher


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def code_cells(nb: NotebookNode) -> list[NotebookNode]:
    """The notebook's own code cells, without papermill's."""
    return [cell for cell in nb.cells if cell.cell_type == "code" and INJECTED not in tags(cell)]


def may_measure(cell: NotebookNode) -> bool:
    """May a claim depend on this code cell?"""
    return not BESIDE_THE_CLAIMS & set(tags(cell))


def code_hash(nb: NotebookNode) -> str:
    """What the notebook's outputs belong to: sha256 over all its code."""
    return _sha256(code_cells(nb))


def evidence_hash(nb: NotebookNode) -> str:
    """What the rows of the ledger belong to: sha256 over the code that measures.

    A better exercise or a new slider leaves the evidence as it is; the contract ``beside`` sees to it
    that they cannot change it.
    """
    return _sha256(list(filter(may_measure, code_cells(nb))))


def _sha256(cells: list[NotebookNode]) -> str:
    """Over cell sources without trailing blanks, joined by newline NUL newline."""
    code = "\n\0\n".join(cell.source.rstrip() for cell in cells)
    return hashlib.sha256(code.encode("utf-8")).hexdigest()


def evidence_of(nb: NotebookNode) -> list[dict]:
    """What the notebook's claims measured, in the order of measuring."""
    outputs = [output for cell in nb.cells for output in cell.get("outputs", [])]
    return [output.data[EVIDENCE_MIME] for output in outputs if EVIDENCE_MIME in output.get("data", {})]


def slow_cells(executed: NotebookNode) -> dict[str, float]:
    """Number of a code cell -> its seconds, for the slow ones of a notebook as papermill or we left it."""
    if "slow_cells" in executed.metadata.get("aigc", {}):
        return executed.metadata["aigc"]["slow_cells"]
    seconds = {str(i): cell.metadata.get("papermill", {}).get("duration") or 0.0
               for i, cell in enumerate(code_cells(executed), 1)}
    return {number: round(value, 1) for number, value in seconds.items() if value >= SLOW_SECONDS}


def parse_notebook(text: str, where: str | Path = "notebook") -> NotebookNode:
    """A notebook from its JSON text; CourseError when the text is not a notebook."""
    try:
        return nbformat.reads(text, as_version=4)
    except (ValueError, TypeError, LookupError, AttributeError, nbformat.ValidationError) as error:
        raise CourseError(f"{where} 不是完好的 notebook（{type(error).__name__}）。请从版本库恢复它。") from None


def read_notebook(path: Path) -> NotebookNode:
    return parse_notebook(read_text(path), path)


def write_notebook(nb: NotebookNode, path: Path) -> None:
    """Write a notebook atomically; raises CouldNotSave."""
    write_atomic(path, nbformat.writes(nb).rstrip("\n") + "\n")


def with_outputs(source: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """``source`` as we commit it, with the outputs of ``executed``, a run of the same code.

    Only outputs and their numbers are taken over, so papermill's cell, its clocks and its paths
    stay behind, and prose that changed since the run is kept. Widgets stay behind too: one that is
    saved without its kernel shows as an error. Raises ValueError for other code.
    """
    if code_hash(source) != code_hash(executed):
        raise ValueError("the executed notebook has other code than the source")
    nb = copy.deepcopy(source)
    for count, (cell, run) in enumerate(zip(code_cells(nb), code_cells(executed)), 1):
        cell.outputs = [copy.deepcopy(output) for output in run.outputs if WIDGET not in output.get("data", {})]
        cell.execution_count = count  # papermill's own cell had taken a number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    nb.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nb.metadata["language_info"] = {"name": "python", "file_extension": ".py", "pygments_lexer": "ipython3"}
    nb.metadata.pop("widgets", None)
    nb.metadata.pop("papermill", None)
    return nb
