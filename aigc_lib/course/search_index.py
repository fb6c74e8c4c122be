"""The site's search index: the text of every page by section, as one script.

A course of thirty chapters is about a megabyte of text, so the browser can look for a phrase in
all of it. That finds every phrase; engines that cut Chinese into words lose those that the index
and the query cut differently (pagefind lost one phrase in twenty here). Being a script and no
data file, the index also loads where pages are opened from disk without a server.
"""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

HIDDEN = {"script", "style", "svg"}
INLINE = {"a", "b", "code", "em", "i", "span", "strong", "sub", "sup"}
CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
GAP = re.compile(rf"(?<=[{CJK}]) (?=[{CJK}])")


class Article(HTMLParser):
    """Reads the ``<article>`` of a page into sections: ``[heading, anchor, text]``."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sections: list[list[str]] = []
        self.inside = self.in_heading = False
        self.anchor = ""
        self.hidden: list[str] = []  # open tags from the outermost hidden one inwards
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open the article, a section or something that readers do not see."""
        values = dict(attrs)
        if tag == "article":
            self.inside = True
        elif self.hidden and tag == self.hidden[0]:
            self.hidden.append(tag)
        elif tag in HIDDEN or "headerlink" in (values.get("class") or ""):
            self.hidden = self.hidden or [tag]
        elif tag == "section":
            self.anchor = values.get("id") or ""
        elif re.fullmatch("h[1-6]", tag) and self.inside:
            # A page's own title needs no anchor: a result that leads to it opens at the top.
            self.sections.append(["", "" if tag == "h1" else values.get("id") or self.anchor, ""])
            self.in_heading = True
        self.separate(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close what ``handle_starttag`` opened."""
        if self.hidden and tag == self.hidden[0]:
            self.hidden.pop()
        elif re.fullmatch("h[1-6]", tag):
            self.in_heading = False
        elif tag == "article":
            self.inside = False
        self.separate(tag)

    def handle_data(self, data: str) -> None:
        """Text belongs to the last heading."""
        if self.inside and not self.hidden and self.sections:
            self.sections[-1][0 if self.in_heading else 2] += data

    def separate(self, tag: str) -> None:
        """Words of two paragraphs or cells must not run together."""
        if tag not in INLINE and self.sections and not self.in_heading:
            self.sections[-1][2] += " "


def tidy(text: str) -> str:
    """One space for any white space, none between Chinese characters."""
    return GAP.sub("", " ".join(text.split()))


def write_index(site: Path) -> Path:
    """Write ``search-index.js`` for the pages under ``site`` and return its path."""
    pages = []
    for path in sorted(site.rglob("*.html")):
        address = path.relative_to(site).as_posix()
        sections = Article(path.read_text("utf-8")).sections
        if sections and address != "search.html":
            pages.append([address, [[tidy(heading), anchor, tidy(text)] for heading, anchor, text in sections]])
    index = site / "search-index.js"
    index.write_text(f"window.COURSE_PAGES = {json.dumps(pages, ensure_ascii=False)};\n", "utf-8")
    return index
