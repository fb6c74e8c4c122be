"""The ``scoreboard`` directive: evidence.json as one table, as a line of counts, or counted by family."""

import json
import math
import tomllib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

VERDICTS = {"支持": ("support", "✓"), "不支持": ("reject", "✗"), "证据不足": ("open", "?")}
EMPTY = "<p>还没有测量记录。跑一遍 <code>aigc evidence run</code>，这里就会有结果。</p>"
FAMILIES = ("自动编码器", "GAN", "扩散模型")  # a chapter on one of them, or on a case of it, has its name in the title
SEVERAL = "几种一起"
CASES = "第二部分"  # how the parts of the manifest with the fifteen cases begin
HEADINGS = (("断言", "section"), ("结论", "verdict"), ("差值与 95 % 区间", "effect"), ("次数", "n"))


def read_ledger(path: Path) -> list[dict]:
    """Rows of the ledger; none when the file is missing or empty."""
    if not path.exists() or not path.read_text("utf-8").strip():
        return []
    try:
        return json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise ExtensionError(f"{path} is not valid JSON: {error}. Collect the evidence again.")


def read_kinds(path: Path) -> dict[str, tuple[str, str]]:
    """For each notebook of the manifest its part of the course and the family of models it is about."""
    kinds = {}
    for table in tomllib.loads(path.read_text("utf-8"))["notebook"]:
        families = [name for name in FAMILIES if name in table["title"]]
        kinds[table["name"]] = table["part"], families[0] if len(families) == 1 else SEVERAL
    return kinds


def number(value: float | None, sign: bool = False) -> str:
    """Three significant digits with a real minus sign; a dash when there is no value."""
    if value is None or math.isnan(value):
        return "—"
    return f"{value:{'+' if sign else ''}.3g}".replace("-", "−")


def improvement(row: dict) -> tuple[float, float, float] | None:
    """Low end, mean and high end of the improvement: positive is better than the baseline."""
    ends = (row["ci_low"], row["diff"], row["ci_high"])
    if any(end is None or math.isnan(end) for end in ends):
        return None
    return ends if row["higher_is_better"] else tuple(-end for end in reversed(ends))


def interval_svg(row: dict) -> str:
    """The interval beside zero (solid) and the smallest difference (dashed); right is better."""
    ends = improvement(row)
    if ends is None:
        return ""
    least = row.get("smallest_difference") or 0.0
    left, right = min(0.0, ends[0]), max(least, ends[2])
    span = (right - left) or 1.0
    low, mean, high, zero, line = (5 + 130 * (x - left) / span for x in (*ends, 0.0, least))
    return (
        '<svg class="interval" viewBox="0 0 140 16" aria-hidden="true">'
        f'<path d="M{zero:.1f} 0V16"/><path class="least" d="M{line:.1f} 0V16"/>'
        f'<path class="bar" d="M{low:.1f} 8H{high:.1f}"/><circle cx="{mean:.1f}" cy="8" r="3.5"/></svg>'
    )


def badge(verdict: str) -> str:
    """A verdict with its sign: told apart without colour."""
    kind, sign = VERDICTS[verdict]
    return f'<span class="verdict {kind}"><span aria-hidden="true">{sign}</span> {verdict}</span>'


def sort_keys(row: dict) -> dict[str, float]:
    """What each column is sorted by; the effect counts in smallest differences."""
    effect = (row["diff"] or 0.0) / (row.get("smallest_difference") or 1.0)
    parts = [int(part) for part in row["section"].split(".") if part.isdigit()]
    return {
        "section": sum(part / 100**i for i, part in enumerate(parts)),
        "verdict": list(VERDICTS).index(row["verdict"]),
        "effect": effect if row["higher_is_better"] else -effect,
        "n": row["n"],
    }


def render_row(row: dict, pages: set[str], kinds: dict[str, tuple[str, str]]) -> str:
    """One claim as a table row; it links to its chapter when the site has that chapter."""
    part, family = (escape(kind) for kind in kinds.get(row["notebook"], ("", SEVERAL)))
    text = {key: escape(str(row.get(key) or "")) for key in row}
    page, unit = f"chapters/{row['notebook']}", text.get("unit", "")
    where = f"{text['section']} 断言核查"
    link = f'<a href="{page}.html#{text["id"]}">{where}</a>' if page in pages else where
    better = "越大越好" if row["higher_is_better"] else "越小越好"
    least = number(row.get("smallest_difference"))
    keys = " ".join(f'data-{name}="{key:g}"' for name, key in sort_keys(row).items())
    return f"""<tr id="{text["id"]}" data-kind="{row["verdict"]}" data-part="{part}" data-family="{family}" {keys}>
<td><p>{text["claim"]}</p><p class="detail">{link} · <code>{text["id"]}</code></p></td>
<td>{badge(row["verdict"])}</td>
<td><p><strong>{number(row["diff"], True)}</strong> [{number(row["ci_low"], True)}, {number(row["ci_high"], True)}] {unit}</p>
{interval_svg(row)}
<p class="detail">{text["metric"]}（{better}），最小差值 {least}<br>
模型：{text["model"]} {number(row["model_mean"])}<br>基线：{text["baseline"]} {number(row["baseline_mean"])}</p></td>
<td><span class="label">次数 </span>{row["n"]}</td></tr>"""


def chooser(label: str, name: str, values: Iterable[str]) -> str:
    """A labelled list that filters the rows by one of their ``data-`` attributes; empty shows all."""
    options = "".join(f"<option>{escape(value)}</option>" for value in values)
    return f'<label>{label} <select data-filter="{name}"><option value="">全部</option>{options}</select></label>'


def render_table(rows: list[dict], pages: set[str], kinds: dict[str, tuple[str, str]]) -> str:
    """Counts that filter, then the table."""
    counts = Counter(row["verdict"] for row in rows)
    buttons = [f'<button type="button" data-kind="" aria-pressed="true">全部 {len(rows)}</button>']
    for name in VERDICTS:
        buttons.append(
            f'<button type="button" data-kind="{name}" aria-pressed="false">'
            f"{badge(name)} {counts[name]}</button>"
        )
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button type="button" data-key="{key}">{text}</button></th>'
        for text, key in HEADINGS
    )
    body = "\n".join(render_row(row, pages, kinds) for row in rows)
    tested = [kinds[row["notebook"]] for row in rows if row["notebook"] in kinds]
    choosers = chooser("部分", "part", dict.fromkeys(part for part, _ in tested))
    choosers += chooser("模型", "family", [name for name in (*FAMILIES, SEVERAL) if name in {family for _, family in tested}])
    return (
        f'<div class="filters" role="group" aria-label="筛选">{"".join(buttons)}{choosers}</div>\n'
        '<p class="detail" role="status" id="shown"></p>\n'
        '<p class="detail">横条是改进的 95 % 区间，越靠右越好；实线是零，虚线是最小差值。点表头可以排序。</p>\n'
        f'<table class="scoreboard"><thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
    )


def render_summary(rows: list[dict]) -> str:
    """The counts on the first page, each a link to the filtered table."""
    counts = Counter(row["verdict"] for row in rows)
    links = (
        f'<a href="scoreboard.html?verdict={name}">{badge(name)} {counts[name]}</a>'
        for name in VERDICTS
    )
    return f'<p class="filters">目前测了 {len(rows)} 条断言： {" ".join(links)}</p>'


def render_tally(rows: list[dict], kinds: dict[str, tuple[str, str]]) -> str:
    """The verdicts on the cases, counted for each family that the document chose."""
    counts: dict[str, Counter] = {}
    for row in rows:
        part, family = kinds.get(row["notebook"], ("", SEVERAL))
        if part.startswith(CASES):
            counts.setdefault(family, Counter())[row["verdict"]] += 1
    heads = "".join(f'<th scope="col">{badge(name)}</th>' for name in VERDICTS)
    body = "\n".join(f'<tr><th scope="row">{family}</th>' + "".join(f"<td>{counts[family][name]}</td>" for name in VERDICTS) + "</tr>"
                     for family in FAMILIES if family in counts)
    return f'<table><thead><tr><th scope="col">案例用的模型</th>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'


class Scoreboard(SphinxDirective):
    """``{scoreboard}``: the whole table; with ``:summary:`` only the counts, with ``:tally:`` those of the cases by family."""

    option_spec: ClassVar = {"summary": directives.flag, "tally": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Read the ledger beside conf.py and render it as HTML."""
        path = Path(self.env.srcdir) / "evidence.json"
        self.env.note_dependency(str(path))
        rows, kinds = read_ledger(path), read_kinds(Path(self.env.srcdir).parent / "notebooks" / "course.toml")
        if not rows:
            html = EMPTY
        elif "summary" in self.options:
            html = render_summary(rows)
        elif "tally" in self.options:
            html = render_tally(rows, kinds)
        else:
            html = render_table(rows, set(self.env.found_docs), kinds)
        return [nodes.raw("", html, format="html")]


@cache
def claim_ids(path: Path) -> frozenset[str]:
    """The ids in the ledger, read once a build."""
    return frozenset(row["id"] for row in read_ledger(path))


def link_claims(app, doctree: nodes.document) -> None:
    """Make a link of every `id` of the ledger that a page quotes: to its row of the scoreboard."""
    known = claim_ids(Path(app.srcdir) / "evidence.json")
    board = app.builder.get_relative_uri(app.env.docname, "scoreboard")
    for literal in list(doctree.findall(nodes.literal)):
        if literal.astext() in known:
            literal.replace_self(nodes.reference("", "", literal.deepcopy(), refuri=f"{board}#{literal.astext()}",
                                                  internal=True))


def setup(app) -> dict:
    """Register the directive and the links."""
    app.add_directive("scoreboard", Scoreboard)
    app.connect("doctree-read", link_claims)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
