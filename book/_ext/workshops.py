"""The workshop plans as pages: links to notebooks lead to the site's pages and slides; ``{decks}`` lists the slides.

The plans link to ``../../notebooks/NAME.ipynb``, which is right where the repository is read. A page that this site
does not have becomes plain words, and slides are named only where they were written (``chapters/extra/slides``).
"""

import re
import tomllib
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

ABSENT = "<p>这份网站没有带幻灯片：生成它的机器取不到 reveal.js。装好 npm，再运行一次 <code>aigc site</code>。</p>"
NOTEBOOK = re.compile(r"\[([^\[\]]*)\]\(\.\./\.\./notebooks/(\w+)\.ipynb(#[^)]*)?\)")


def on_the_site(text: str, pages: set[str], slides: Path) -> str:
    """The Markdown of a plan with its links put right; in a table the slides stand beside the notebook."""
    def link(found: re.Match) -> str:
        words, name, anchor = found[1], found[2], found[3] or ""
        made = f"[{words}](../chapters/{name}.ipynb{anchor})" if f"chapters/{name}" in pages else words
        line = text[text.rfind("\n", 0, found.start()) + 1:found.start()]
        deck = line.startswith("|") and (slides / f"{name}.html").exists()
        return made + (f' · <a href="../slides/{name}.html">幻灯片</a>' if deck else "")

    return NOTEBOOK.sub(link, text)


def adapt(app, docname: str, source: list[str]) -> None:
    """Put the links of a plan right before it is read."""
    if docname.startswith("workshops/"):
        source[0] = on_the_site(source[0], set(app.env.found_docs), slides_of(app.srcdir))


def slides_of(srcdir: str | Path) -> Path:
    return Path(srcdir) / "chapters" / "extra" / "slides"


class Decks(SphinxDirective):
    """``decks``: every deck that this site has, in the order of the course."""

    def run(self) -> list[nodes.Node]:
        srcdir = Path(self.env.srcdir)
        chapters = tomllib.loads((srcdir.parent / "notebooks" / "course.toml").read_text("utf-8"))["notebook"]
        items = [f'<li><a href="../slides/{c["name"]}.html">{escape(c["section"])} {escape(c["title"])}</a></li>'
                 for c in chapters if (slides_of(srcdir) / f'{c["name"]}.html').exists()]
        html = f"<ul>{''.join(items)}</ul>" if items else ABSENT
        return [nodes.raw("", html, format="html")]


def setup(app) -> dict:
    """Register the directive and the links."""
    app.add_directive("decks", Decks)
    app.connect("source-read", adapt)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
