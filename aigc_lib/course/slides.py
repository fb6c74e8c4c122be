"""Slides from a notebook's own cells, by rules; nothing is kept by hand twice.

Each ``##`` or ``###`` heading starts a slide. On it go the first paragraph of each cell, lists, tables, formulas and
quotes with the sentence that introduces them, code that can be read from the last row, and short results; a picture gets a slide of its own. Everything
else goes to the speaker's notes: further paragraphs, long code, words to the teacher, hints and solutions. What
does not fit any more goes on to a further slide of the same title.
"""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nbformat import NotebookNode

from aigc_lib.course.notebook import evidence_of, tags
from aigc_lib.course.slide_blocks import (
    ROOM,
    TEXT,
    WIDTH,
    Block,
    blocks,
    code_block,
    code_html,
    columns,
    em,
    lead,
    output_block,
    readable,
    render,
    rows_of,
    table_blocks,
)
from aigc_lib.course.structure import exercise_cells, exercise_numbers, prose
from aigc_lib.evidence import EVIDENCE_MIME

PICTURES = {"image/png": "png", "image/gif": "gif", "image/jpeg": "jpg"}
SIGNS = {"支持": "✓", "不支持": "✗", "证据不足": "?"}
SHOWS_CODE = ("原理", "代码")  # sections whose code is the lesson; elsewhere only functions are
INTRODUCED = ("math", "list", "table", "quote")  # nobody follows them without the sentence before
BESIDE_A_PICTURE = 190  # px of text that a picture shares its slide with
FEW_WORDS, FEW_THINGS = 200, 310  # px
LARGE_COLUMNS = 76
RESULT_LINES = 9
EXERCISES, CHECK = "练习", "断言核查"


@dataclass
class Slide:
    """One slide: title and part are HTML, ``notes`` are pieces of HTML for the speaker."""

    title: str
    part: str = ""
    kind: str = "text"  # title, text, picture, exercise
    body: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    more: bool = False  # goes on from the slide before

    @property
    def look(self) -> str:
        """Classes of its HTML: a slide with little on it shows that large."""
        kinds = {block.kind for block in self.body}
        if self.kind == "text" and kinds == {"paragraph"} and self.used <= FEW_WORDS:
            return "text statement"
        narrow = all(max(map(columns, block.source.splitlines()), default=0) <= LARGE_COLUMNS
                     for block in self.body if block.kind in ("code", "output"))
        small = self.used <= FEW_THINGS and narrow and not kinds & {"picture", "math"}
        return f"{self.kind} large" if small else self.kind

    @property
    def used(self) -> float:
        long = em(re.sub(r"<[^>]*>", "", self.title + self.part)) > 29
        return sum(block.height for block in self.body) + 50 * long


class Deck:
    """The slides so far, and the headings under which the next one comes."""

    def __init__(self) -> None:
        self.slides: list[Slide] = []
        self.section = self.part = ""
        self.fresh = True

    def heading(self, level: int, title: str) -> None:
        """A new heading: what follows goes on a new slide."""
        self.section, self.part = (title, "") if level < 3 else (self.section, title)
        self.fresh = True

    def start(self, kind: str = "text") -> Slide:
        title, part = (self.part, self.section) if self.part else (self.section, "")
        self.slides.append(Slide(title, part, kind, more=not self.fresh))
        self.fresh = False
        return self.slides[-1]

    def show(self, block: Block) -> None:
        """Put a block on the present slide, or on a further one when that is full or holds a picture."""
        slide = self.slides[-1] if self.slides and not self.fresh else self.start()
        if slide.kind == "picture" or slide.body and slide.used + block.height > ROOM:
            slide = self.start()
        slide.body.append(block)

    def picture(self, block: Block) -> None:
        """Put a picture on a slide of its own; a short lead before it comes along."""
        slide = self.slides[-1] if self.slides and not self.fresh else self.start()
        short = all(part.kind == "paragraph" for part in slide.body) and slide.used <= BESIDE_A_PICTURE
        if slide.kind != "text" or not short:
            slide = self.start()
        slide.kind = "picture"
        slide.body.append(block)

    def note(self, text: str) -> None:
        """Say it, do not show it."""
        slide = self.slides[-1] if self.slides and not self.fresh else self.start()
        slide.notes.append(text)


def deck(nb: NotebookNode, rows: Iterable[Mapping] = ()) -> list[Slide]:
    """The slides of a notebook; ``rows`` of the ledger bring the verdicts."""
    made, claims = Deck(), verdicts(nb, rows)
    _title(made, nb, claims)
    exercising = False
    for cell in nb.cells[1:]:
        titles = re.findall(r"(?m)^## +(.+?)\s*$", prose(cell))
        exercising = exercising and not titles
        if EXERCISES in titles:
            before = re.split(rf"(?m)^## +{EXERCISES}\s*$", cell.source)[0]
            _words(made, before, cell)
            _exercises(made, nb)
            exercising = True
        elif cell.cell_type == "markdown" and not exercising:
            _words(made, cell.source, cell)
            if CHECK in titles:
                _verdict_table(made, claims)
        elif not exercising:
            _code(made, cell)
    return made.slides


def verdicts(nb: NotebookNode, rows: Iterable[Mapping]) -> list[Mapping]:
    """The notebook's claims in the order of measuring: the ledger's row, or what this run measured."""
    known = {row["id"]: row for row in rows}
    return [known.get(measured["id"], measured) for measured in evidence_of(nb) if "claim" in measured]


def _title(made: Deck, nb: NotebookNode, claims: Sequence[Mapping]) -> None:
    found = blocks(nb.cells[0].source)
    made.heading(1, next((title for kind, title in found if kind == "heading 1"), ""))
    slide = made.start("title")
    texts = [block for kind, block in found if kind == "paragraph"]
    slide.body += [lead(block) for block in texts[:1]]
    slide.notes += [block.html for block in texts]
    listed = [Block(f"<ol start=\"{n}\">\n<li>{html.escape(row['claim'])}</li>\n</ol>\n",
                    rows_of(em(row["claim"]), (WIDTH - 40) / TEXT) * 41 + 8, "list") for n, row in enumerate(claims, 1)]
    if not listed:
        return
    ask = blocks(f"**先猜一猜**：下面 {len(listed)} 条断言，哪几条站得住？举手，记下来，最后再看。")[0][1]
    if slide.used + ask.height + sum(block.height for block in listed) > ROOM - 40:
        made.heading(2, "先猜一猜")
    for block in [ask, *listed]:
        made.show(block)


def _words(made: Deck, source: str, cell: NotebookNode) -> None:
    """The source of a Markdown cell, or its beginning: the first paragraph under each heading and those that introduce something are shown."""
    if "instructor" in tags(cell) or source.lstrip().startswith("<details"):
        made.note(render(source))
        return
    found = blocks(source)
    first = True
    for (kind, block), (following, _) in zip(found, [*found[1:], ("", None)], strict=False):
        if kind.startswith("heading"):
            made.heading(int(kind[-1]), block)
        elif kind == "paragraph":
            shown = lead(block) if first or following in INTRODUCED else None
            if shown:
                made.show(shown)
            if shown is not block:
                made.note(block.html)
        elif kind == "code" and block.height > ROOM:
            made.note(block.html)
        else:
            made.show(block)
        first = kind.startswith("heading") or first and kind != "paragraph"


def _code(made: Deck, cell: NotebookNode) -> None:
    """A code cell: pictures are shown with the code in their notes; else readable code and its short results."""
    setup = re.search(r"experiment\.claim\(|= Experiment\(", cell.source)
    if setup or {"parameters", "uses-solution"} & set(tags(cell)) or any(
            EVIDENCE_MIME in output.get("data", {}) for output in cell.outputs):
        return
    found = [picture_block(output) for output in cell.outputs if PICTURES.keys() & output.get("data", {}).keys()]
    wanted = made.section in SHOWS_CODE or re.search(r"(?m)^(def|class) ", cell.source)
    if not found and wanted and readable(cell.source):
        made.show(code_block(cell.source))
        said = None
    else:
        said = code_html(cell.source)
    for block, alt in found:
        made.picture(block)
        made.note(f"<p><strong>图里看到的</strong>：{html.escape(alt)}</p>")
    for text in _results(cell):
        if not found and len(text.splitlines()) <= RESULT_LINES and readable(text):
            made.show(output_block(text))
        else:
            made.note(output_block(text).html)
    if said:
        made.note(said)


def _results(cell: NotebookNode) -> list[str]:
    """What a cell printed, or shows as text for want of a picture."""
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream" and output.name == "stdout")
    shown = [output.data["text/plain"] for output in cell.outputs
             if "text/plain" in output.get("data", {}) and not PICTURES.keys() & output.data.keys()]
    return [text for text in [printed, *shown] if text.strip()]


def picture_block(output: NotebookNode) -> tuple[Block, str]:
    """A picture as a data address, and its text alternative."""
    mime = next(mime for mime in PICTURES if mime in output.data)
    alt = " ".join(output.get("metadata", {}).get(mime, {}).get("alt", "").split())
    data = "".join(output.data[mime].split())
    return Block(f'<img src="data:{mime};base64,{data}" alt="{html.escape(alt)}">\n', ROOM, "picture"), alt


def _verdict_table(made: Deck, claims: Sequence[Mapping]) -> None:
    if not claims:
        return
    cells = [[(html.escape(text).replace("\n", "<br>"), text) for text in _verdict_row(row)] for row in claims]
    head = [(text, text) for text in ("断言", "模型", "基线", "差 [95% 区间]", "判定")]
    for block in table_blocks(head, cells, percent=(29, 18, 18, 22, 13)):
        made.show(block)


def _verdict_row(row: Mapping) -> list[str]:
    """A claim in five cells; a claim that the ledger does not know has this run's values and no verdict."""
    model, baseline = row.get("model_mean", row.get("model_value")), row.get("baseline_mean", row.get("baseline_value"))
    interval = "" if row.get("ci_low") is None else f"\n[{row['ci_low']:+.3g}, {row['ci_high']:+.3g}]"
    verdict = row.get("verdict")
    return [row["claim"], f"{model:.3g}\n{row['model']}", f"{baseline:.3g}\n{row['baseline']}",
            f"{model - baseline:+.3g}{interval}", f"{SIGNS[verdict]} {verdict}" if verdict else "—"]


def _exercises(made: Deck, nb: NotebookNode) -> None:
    """Each exercise on a slide: the task and the empty cell; hint, check and solution are for the speaker."""
    for n in exercise_numbers(nb):
        made.heading(2, f"练习 {n}")
        made.start("exercise")
        for i, cell in enumerate(exercise_cells(nb, n)):
            if cell.cell_type == "markdown" and i == 0:
                task = re.split(rf"(?m)^### 练习 {n}.*$", cell.source)[-1]
                for _, block in blocks(task):
                    made.show(block)
            elif "exercise" in tags(cell):
                made.show(code_block(cell.source))
            elif not {"uses-solution"} & set(tags(cell)):
                made.note(render(cell.source.replace("<details>", "<details open>"))
                          if cell.cell_type == "markdown" else code_html(cell.source))
