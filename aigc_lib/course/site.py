"""Build the course's site: stage the notebooks, run Sphinx, index the pages for search.

The notebooks are read as they are, with the outputs they were committed with; nothing is
executed. Staging writes a copy that suits a web page into ``book/chapters/`` (git-ignored).
"""

import base64
import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import nbformat

from aigc_lib import paths
from aigc_lib.course.decks import stage_slides
from aigc_lib.course.demos import stage_demos
from aigc_lib.course.doctor import install_command
from aigc_lib.course.manifest import Chapter, CourseError, load_manifest
from aigc_lib.course.search_index import write_index

PICTURES = {"image/png": "png", "image/gif": "gif", "image/jpeg": "jpg"}
EVIDENCE = "application/vnd.aigc.evidence+json"
PACKAGES = ("sphinx", "myst_nb", "sphinx_book_theme")
SOLUTION_PROMPTS = {"code_prompt_show": "看参考答案", "code_prompt_hide": "收起参考答案"}
ERRATUM = re.compile(r"^> \*\*勘误\*\*：?((?:.*(?:\n>.*)*))", re.MULTILINE)
OTHER_NOTEBOOK = re.compile(r"\]\((\w+)\.ipynb")
MARKDOWN_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()#+!|<>&$~^])")


def build(output: Path | None = None, say: Callable[[str], None] = print) -> Path:
    """Build the site and return the path of its ``index.html``.

    The site appears under ``output`` (default ``book/_build/html``) only when it is complete;
    an older site there is replaced. ``say`` is told when the site has to do without live demos or slides.

    Raises:
        CourseError: the manifest is wrong, a notebook it names or a package is missing, Sphinx
            warned or failed, or ``output`` holds something else.
    """
    output = Path(output) if output else paths.BOOK / "_build" / "html"
    check_ready(output)
    chapters = load_manifest()
    stage(chapters, paths.BOOK / "chapters")
    trouble = stage_demos(paths.BOOK / "chapters" / "extra")
    if trouble:
        say(f"网站没有带现场演示：{trouble}")
    trouble = stage_slides(chapters, paths.BOOK / "chapters" / "extra")
    if trouble:
        say(f"网站没有带幻灯片：{trouble}")
    work = paths.BOOK / "_build" / "work"
    shutil.rmtree(work, ignore_errors=True)
    run_sphinx(paths.BOOK, work)
    for chapter in chapters:  # the download button offers the real notebook, not the staged one
        shutil.copy(chapter.path, work / "_sources" / "chapters")
    write_index(work)
    shutil.rmtree(output, ignore_errors=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(work, output)
    return output / "index.html"


def check_ready(output: Path) -> None:
    """Refuse early: before any work, and before a folder that is no site would be replaced."""
    check_packages()
    if output.exists() and any(output.iterdir()) and not (output / ".buildinfo").exists():
        raise CourseError(f"{output} 里有别的文件，不会覆盖。请换一个空文件夹。")


def check_packages() -> None:
    """CourseError when what makes pages is not installed."""
    missing = [name for name in PACKAGES if not find_spec(name)]
    if missing:
        raise CourseError(f"缺少 {'、'.join(missing)}，写不了网页。请运行 {install_command()}。")


def stage(chapters: Sequence[Chapter], folder: Path) -> None:
    """Write the web copy of every chapter, and the table of contents by parts."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pictures").mkdir(parents=True)
    errata = []
    for chapter in chapters:
        if not chapter.path.exists():
            raise CourseError(f"找不到 {chapter.path}，但课程清单里有它。")
        notebook = nbformat.read(chapter.path, as_version=4)
        stage_notebook(notebook, chapter.name, folder)
        nbformat.write(notebook, folder / chapter.path.name)
        errata += chapter_errata(notebook, chapter)
    (folder / "errata.inc").write_text("\n".join(errata), "utf-8")
    (folder / "parts.inc").write_text(contents_by_part(chapters), "utf-8")


def contents_by_part(chapters: Sequence[Chapter]) -> str:
    """One ``toctree`` a part, in the manifest's order."""
    parts: dict[str, list[str]] = {}
    for chapter in chapters:
        parts.setdefault(chapter.part, []).append(f"chapters/{chapter.name}")
    trees = (
        "\n".join(["```{toctree}", f":caption: {part}", ":maxdepth: 1", "", *names, "```"])
        for part, names in parts.items()
    )
    return "\n\n".join(trees) + "\n"


def chapter_errata(notebook: nbformat.NotebookNode, chapter: Chapter) -> list[str]:
    """What a notebook says is wrong in the document, its quotes that begin with 勘误, under a link to the chapter."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    quotes = [re.sub("^> ?", "", quote, flags=re.MULTILINE) for quote in ERRATUM.findall(text)]
    if not quotes:
        return []
    body = "\n\n".join(quotes).replace("](ch", "](chapters/ch").replace("](appendix", "](chapters/appendix")
    return [f"## [{chapter.section} {chapter.title}](chapters/{chapter.name}.ipynb)\n\n{body}\n"]


def stage_notebook(notebook: nbformat.NotebookNode, name: str, folder: Path) -> None:
    """Suit a notebook, in place, to the web: pictures become files with alt text, claims get anchors.

    Words to the teacher are left out. Pictures are written to ``folder/pictures``; links to files of the repository
    (``../data/...``) are made to fit the staged notebook's place.
    """
    notebook.cells = [cell for cell in notebook.cells if "instructor" not in cell.metadata.get("tags", [])]
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", "](path:../../")
        for number, output in enumerate(cell.get("outputs", [])):
            if "data" not in output:
                continue
            stage_claim(output)
            stage_picture(output, folder, f"{name}-{index}-{number}")
            if "text/markdown" in output.data:  # MyST-NB leads links between notebooks to their pages, but not in outputs
                output.data["text/markdown"] = OTHER_NOTEBOOK.sub(r"](\1.html", output.data["text/markdown"])
            if "text/html" in output.data:  # a header without words, over the row names of a pandas table, is no header
                output.data["text/html"] = output.data["text/html"].replace("<th></th>", "<td></td>")
        if cell.cell_type == "code":
            if "solution" in cell.metadata.get("tags", []):
                cell.metadata["mystnb"] = SOLUTION_PROMPTS
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]


def stage_claim(output: nbformat.NotebookNode) -> None:
    """Give what a claim measured its id as an anchor, for the scoreboard to link to."""
    measured = output.data.pop(EVIDENCE, None)
    if measured and "text/html" in output.data:
        output.data["text/html"] = f'<span id="{html.escape(measured["id"])}"></span>{output.data["text/html"]}'


def stage_picture(output: nbformat.NotebookNode, folder: Path, stem: str) -> None:
    """Turn a picture output into Markdown: MyST-NB gives stored pictures no alt text."""
    for mime, suffix in PICTURES.items():
        if mime in output.data:
            alt = output.get("metadata", {}).get(mime, {}).get("alt", "")
            picture = folder / "pictures" / f"{stem}.{suffix}"
            picture.write_bytes(base64.b64decode(output.data[mime]))
            alt = MARKDOWN_PUNCTUATION.sub(r"\\\1", " ".join(alt.split()))
            output.data = nbformat.from_dict({"text/markdown": f"![{alt}](pictures/{picture.name})"})
            return


def run_sphinx(source: Path, output: Path) -> None:
    """Write the pages. Every warning is an error, so a broken reference never goes out."""
    doctrees = output.parent / "doctrees"
    shutil.rmtree(doctrees, ignore_errors=True)  # a cached page would keep its warning to itself
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "auto", "-b", "html"]
    folders = ["-d", str(doctrees), str(source), str(output)]
    done = subprocess.run([*command, *folders], capture_output=True, encoding="utf-8", errors="replace", check=False,
                          env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    if done.returncode:
        messages = (done.stdout + done.stderr).strip()
        raise CourseError(f"Sphinx 没能生成网站（退出码 {done.returncode}）：\n{messages}")
