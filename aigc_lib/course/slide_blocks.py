"""What a slide is made of: pieces of Markdown, code and tables, each with the height that it will take.

A slide is 1280 by 720 pixels and does not scroll, so what goes on it is decided before it is drawn. Heights are
estimated from the sizes of ``book/slides/slides.css``, on the safe side; the browser test measures the truth.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ROOM = 530  # px that the body of a slide has under its title
WIDTH = 1160
TEXT, TABLE, CODE = 27, 21, 19  # px, sizes of letters
CODE_LINES, CODE_COLUMNS = 16, 98  # more cannot be read from the last row
LEAD = 130  # em: as much of a paragraph as an audience reads


@dataclass(frozen=True)
class Block:
    """A piece of a slide: its HTML, its estimated height in px, and what it is."""

    html: str
    height: float
    kind: str  # paragraph, list, table, math, quote, code, output, picture
    source: str = ""  # of a paragraph, code or output: as it was written


@cache
def markdown() -> MarkdownIt:
    """The site's Markdown: tables and mathematics, the latter left to MathJax."""
    def tex(content: str, options: dict) -> str:
        left, right = (r"\[", r"\]") if options.get("display_mode") else (r"\(", r"\)")
        return html.escape(left + content + right)

    made = MarkdownIt("commonmark", {"html": True, "highlight": lambda code, *_: highlighted(code)}).enable("table")
    return made.use(dollarmath_plugin, renderer=tex).use(amsmath_plugin, renderer=lambda content: html.escape(content))


def render(source: str) -> str:
    return markdown().render(source)


def em(text: str) -> float:
    """The width of a text in letters: a Chinese character is one, a Latin letter about half."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WFA" else 0.56 for c in text)


def columns(text: str) -> float:
    """The width of a line of code in Latin letters."""
    return sum(1.7 if unicodedata.east_asian_width(c) in "WF" else 1.0 for c in text)


def rows_of(width: float, letters: float) -> int:
    """Lines that a text takes; some room is lost where a word or a formula does not fit the end of a line."""
    return max(1, -int(-1.06 * width // letters))


def plain(inline: Token) -> str:
    """What an inline token looks like, for measuring: of a formula less is seen than is written."""
    words = []
    for child in inline.children or []:
        if child.type.startswith("math"):
            words.append("x" * int(0.6 * len(re.sub(r"\\[a-zA-Z]+|[{}^_ ]", "x", child.content))))
        else:
            words.append(child.content if child.content else " " if "break" in child.type else "")
    return "".join(words)


def groups(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The blocks of the outermost level."""
    group, depth = [], 0
    for token in tokens:
        group.append(token)
        depth += token.nesting
        if depth == 0:
            yield group
            group = []


def blocks(source: str) -> list[tuple[str, Block | str]]:
    """Markdown as ("heading 3", HTML of the title), or (kind, Block), in order; what is HTML already is left out."""
    found = []
    for group in groups(markdown().parse(source)):
        kind = group[0].type
        if kind == "heading_open":
            found.append((f"heading {group[0].tag[1]}", _inline(group[1])))
        elif kind in ("bullet_list_open", "ordered_list_open"):
            found += [("list", block) for block in _items(group)]
        elif kind == "blockquote_open":
            found += [("quote", _quoted(part)) for part in groups(group[1:-1])]
        elif kind == "table_open":
            found += [("table", block) for block in _markdown_table(group)]
        elif made := _single(group):
            found.append((made.kind, made))
    return found


def _single(group: Sequence[Token]) -> Block | None:
    first, text = group[0], "".join(plain(token) for token in group if token.type == "inline")
    if first.type == "paragraph_open":
        return Block(_html(group), rows_of(em(text), WIDTH / TEXT) * 41 + 16, "paragraph", group[1].content)
    if first.type in ("math_block", "amsmath"):
        lines = first.content.count(r"\\") + 1
        return Block(f'<div class="math">{_html(group)}</div>', 62 * lines + 40, "math")
    return code_block(first.content) if first.type in ("fence", "code_block") else None


def _quoted(part: Sequence[Token]) -> Block:
    """A paragraph or list of a quote, as a quote of its own."""
    text = "".join(plain(token) for token in part if token.type == "inline")
    height = rows_of(em(text), (WIDTH - 60) / TEXT) * 41 + 44
    return Block(f"<blockquote>\n{_html(part)}</blockquote>\n", height, "quote")


def _html(tokens: Sequence[Token]) -> str:
    return markdown().renderer.render(tokens, markdown().options, {})


def _inline(token: Token) -> str:
    return markdown().renderer.renderInline(token.children, markdown().options, {})


def _items(group: Sequence[Token]) -> Iterator[Block]:
    """Each item as a list of its own, so that a long list can go over two slides; ``joined`` puts them together."""
    start = int(group[0].attrs.get("start", 1))
    for n, item in enumerate(groups(group[1:-1])):
        text = "".join(plain(token) for token in item if token.type == "inline")
        inner = sum(token.type == "list_item_open" for token in item) - 1
        tag = "ul" if group[0].tag == "ul" else f'ol start="{start + n}"'
        height = (rows_of(em(text), (WIDTH - 40) / TEXT) + inner) * 41 + 8
        yield Block(f"<{tag}>\n{_html(item)}</{tag[:2]}>\n", height, "list")


def joined(parts: Sequence[Block]) -> str:
    """The HTML of a slide's blocks, neighbouring items in one list and paragraphs in one quote again."""
    return re.sub(r'</(ul|ol|blockquote)>\s*<\1(?: start="\d+")?>', "", "".join(part.html for part in parts))


def _markdown_table(group: Sequence[Token]) -> list[Block]:
    lines, line = [], []
    for token in group:
        if token.type == "inline":
            line.append((_inline(token), plain(token)))
        elif token.type == "tr_close":
            lines.append(line)
            line = []
    return table_blocks(lines[0], lines[1:])


def table_blocks(head: Sequence[tuple[str, str]], rows: Sequence[Sequence[tuple[str, str]]],
                 percent: Sequence[int] = ()) -> list[Block]:
    """A table of (HTML, text) cells, cut so that each part fits a slide; ``percent`` fixes the columns' widths."""
    share = [p / 100 * WIDTH / TABLE for p in percent] or _shares([head, *rows])
    top, heights = _row_height(head, share), [_row_height(row, share) for row in rows]
    room = ROOM - 30 - top
    slides = rows_of(sum(heights) + max(heights, default=0) * (sum(heights) > room), room)
    room = min(room, sum(heights) / slides + max(heights, default=0))  # no last slide with a single row
    parts, part, height = [], [], top
    for row, more in zip(rows, heights, strict=True):
        if part and height + more > top + room:
            parts.append((part, height))
            part, height = [], top
        part.append(row)
        height += more
    return [Block(_table(head, part, percent), height + 20, "table") for part, height in [*parts, (part, height)]]


def _shares(lines: Sequence[Sequence[tuple[str, str]]]) -> list[float]:
    """The width in letters of each column, as a browser shares the room out: by what the longest cell wants."""
    wanted = [max(max(map(em, line[i][1].split("\n"))) + 1.4 for line in lines if i < len(line))
              for i in range(len(lines[0]))]
    room = WIDTH / TABLE
    return wanted if sum(wanted) <= room else [0.86 * room * w / sum(wanted) for w in wanted]


def _row_height(row: Sequence[tuple[str, str]], share: Sequence[float]) -> float:
    lines = [sum(rows_of(em(line), max(width - 1.3, 1)) for line in text.split("\n"))
             for (_, text), width in zip(row, share, strict=False)]
    return max(lines) * 30 + 15


def _table(head: Sequence[tuple[str, str]], rows: Sequence[Sequence[tuple[str, str]]], percent: Sequence[int]) -> str:
    def line(cells: Sequence[tuple[str, str]], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell, _ in cells) + "</tr>"

    fixed = "<colgroup>" + "".join(f'<col style="width: {p}%">' for p in percent) + "</colgroup>" if percent else ""
    start = '<table class="fixed">' if percent else "<table>"
    body = "".join(line(row, "td") for row in rows)
    return f"{start}{fixed}<thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>\n"


def highlighted(code: str) -> str:
    return highlight(code.strip("\n"), PythonLexer(), HtmlFormatter(nowrap=True))


def readable(code: str) -> bool:
    """Whether code can be read from the last row of a room."""
    lines = code.strip().splitlines()
    return len(lines) <= CODE_LINES and max(map(columns, lines), default=0) <= CODE_COLUMNS


def code_html(code: str) -> str:
    return f'<pre class="highlight"><code>{highlighted(code)}</code></pre>\n'


def code_block(code: str) -> Block:
    return Block(code_html(code), len(code.strip().splitlines()) * 27 + 38, "code", code)


def output_block(text: str) -> Block:
    lines = text.strip("\n").splitlines()
    return Block(f'<pre class="output">{html.escape(chr(10).join(lines))}</pre>\n', len(lines) * 27 + 30, "output", text)


def lead(paragraph: Block) -> Block:
    """The paragraph, or of a long one its first sentences: as much as an audience reads."""
    taken = ""
    for sentence in re.findall(r"(?s).+?(?:[。！？](?:[”）」]|\*\*)*|$)", paragraph.source):
        if taken and em(taken + sentence) > LEAD:
            return blocks(taken)[0][1]
        taken += sentence
    return paragraph
