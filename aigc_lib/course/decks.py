"""Slides as files: reveal.js pages that open from a folder, a stick or a server, without a network."""

import re
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course import npm
from aigc_lib.course.files import write_atomic
from aigc_lib.course.ledger import read_ledger
from aigc_lib.course.manifest import Chapter, CourseError
from aigc_lib.course.notebook import read_notebook
from aigc_lib.style import FONT_FILE

REVEAL = "reveal.js@4.6.1"
REVEAL_FILES = {  # name in the cache -> file of the package, its sha256
    "reveal.js": ("dist/reveal.js", "73d4b64d59eded6de6a49500e7b709eb8d92c0d1d88d911319ce551c31341e9f"),
    "reveal.css": ("dist/reveal.css", "fa4713396db8274bc0f1def50767464b6d98e61f4f83d17f4de6417210b25901"),
    "notes.js": ("plugin/notes/notes.js", "5c49866ac430789657b5b33363d2bf3edb2ef804f91c81ebd19ebc351fb0451a"),
    "LICENSE-reveal": ("LICENSE", "b7cb6bd5ddfd103bf1795467346d95f2a20eb027db0c3fc96255e8a3434dbdb5"),
}
SIGN = '<meta name="generator" content="aigc slides">'  # a page without it is somebody's own


def write_decks(chapters: Sequence[Chapter], folder: Path, say: Callable[[str], None] = print) -> list[Path]:
    """Write a deck for each chapter into ``folder``, with all that they need in ``folder/lib``.

    Raises:
        NotFetched: npm could not bring reveal.js.
        CourseError: a file of that name is there and was not made by this command.
    """
    source = npm.fetch(REVEAL, REVEAL_FILES)
    library = folder / "lib"
    for chapter in chapters:
        path = folder / f"{chapter.name}.html"
        if path.exists() and SIGN not in path.read_text("utf-8"):
            raise CourseError(f"{path} 不是 aigc slides 写的，不会覆盖。请换一个文件夹。")
    library.mkdir(parents=True, exist_ok=True)
    for path in [*(source / name for name in REVEAL_FILES), *_own_files()]:
        shutil.copy(path, library)
    rows, present = read_ledger(), {chapter.name for chapter in chapters}
    written = []
    for chapter in chapters:
        page, count = deck_page(chapter, rows, present)
        written.append(folder / f"{chapter.name}.html")
        write_atomic(written[-1], page)
        say(f"{written[-1]}：{count} 页")
    return written


def _own_files() -> list[Path]:
    mathjax = paths.BOOK / "_static" / "mathjax"
    return [paths.BOOK / "slides" / "slides.css", mathjax / "tex-svg-full.js", mathjax / "LICENSE", FONT_FILE,
            FONT_FILE.parent / "OFL.txt"]


def deck_page(chapter: Chapter, rows: Sequence[dict], present: Collection[str]) -> tuple[str, int]:
    """The HTML of a chapter's deck, and how many slides it has; links lead to the decks in ``present`` only."""
    from jinja2 import Environment, FileSystemLoader
    from pygments.formatters import HtmlFormatter

    from aigc_lib.course.slide_blocks import joined
    from aigc_lib.course.slides import deck

    nb = read_notebook(chapter.path)
    slides = deck(nb, [row for row in rows if row["notebook"] == chapter.name])
    environment = Environment(loader=FileSystemLoader(paths.BOOK / "slides"), autoescape=False, trim_blocks=True)
    environment.filters["joined"] = joined
    colours = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    page = environment.get_template("deck.html").render(chapter=chapter, slides=slides, colours=colours, sign=SIGN)
    return linked(page, present), len(slides)


def linked(page: str, present: Collection[str]) -> str:
    """Links to notebooks lead to their decks; links to what is not beside the slides become plain words."""
    def link(found: re.Match) -> str:
        address, words = found[1], found[2]
        if address.startswith(("http://", "https://")):
            return found[0]
        name = re.match(r"(\w+)\.ipynb", address)
        return f'<a href="{name[1]}.html">{words}</a>' if name and name[1] in present else words

    return re.sub(r'(?s)<a href="([^"]*)">(.*?)</a>', link, page)


def stage_slides(chapters: Sequence[Chapter], folder: Path) -> str | None:
    """Put the decks into ``folder/slides`` for the site; one sentence on why it goes out without, or None."""
    try:
        write_decks(chapters, folder / "slides", say=lambda _: None)
    except npm.NotFetched as error:
        return str(error)
    return None
