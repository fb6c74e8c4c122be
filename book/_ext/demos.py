"""The ``demo`` directive: a live demo that waits until the reader has seen its weight and asked for it.

Its content is the HTML of the demo; ``_static/demos/NAME.js`` brings it to life. What is loaded lies in
``chapters/extra/demos`` (see ``aigc_lib/course/demos.py``), and its weight is the size of those files.
"""

import json
import tomllib
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from aigc_lib.course.demos import RUNTIME

ABSENT = "<p>这份网站没有带演示：生成它的机器取不到运行库。装好 npm，再运行一次 <code>aigc site</code>。</p>"
BOX = """<div class="demo" id="demo-{name}" data-runtime="{runtime}" data-model="{model}" data-later="{later}">
<p>{lesson}</p>
<p class="weight">{weight}</p>
<button type="button" class="load">载入演示</button>
<p class="status" role="status"></p>
<noscript><p>演示要用到 JavaScript。</p></noscript>
<script type="application/json" class="settings">{settings}</script>
<div class="stage" tabindex="-1" hidden>
{content}
</div>
</div>
<script src="_static/demos/{name}.js" defer></script>"""


def megabytes(size: int) -> str:
    """Bytes for people who pay for them: 1234567 -> "1.2 MB"."""
    return f"{size / 1e6:.1f} MB"


def weights(runtime: int, model: int) -> tuple[str, str]:
    """What is loaded, in words: for the first demo that a reader starts, and for a later one."""
    first = (f"要载入 <strong>{megabytes(runtime + model)}</strong>（{runtime + model:,} 字节）："
             f"运行库 {megabytes(runtime)}，三个演示共用；模型 {megabytes(model)}。")
    return first, f"运行库已经有了，只要再载入模型 <strong>{megabytes(model)}</strong>（{model:,} 字节）。"


def lesson(notebook: str, manifest: Path, pages: set[str]) -> str:
    """A link to the notebook that teaches the model; nothing where this site has no such page."""
    for chapter in tomllib.loads(manifest.read_text("utf-8"))["notebook"]:
        if chapter["name"] == notebook and f"chapters/{notebook}" in pages:
            return f'讲这个模型的一节：<a href="chapters/{notebook}.html">{chapter["section"]} {escape(chapter["title"])}</a>。'
    return ""


def render(name: str, content: str, folder: Path, record: dict, link: str = "") -> str:
    """The HTML of one demo whose files lie in ``folder``; says so when they are not there."""
    files = [folder / file for file in (*RUNTIME, f"{name}.onnx")]
    if not all(file.exists() for file in files):
        return ABSENT
    sizes = [file.stat().st_size for file in files]
    weight, later = weights(sum(sizes[:-1]), sizes[-1])
    settings = json.dumps(record["settings"], ensure_ascii=False).replace("<", "\\u003c")
    return BOX.format(name=name, runtime=sum(sizes[:-1]), model=sizes[-1], weight=weight, later=escape(later),
                      settings=settings, content=content, lesson=link)


class Demo(SphinxDirective):
    """``demo`` with the name of a model of ``demos/models.json``."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Build the HTML; the page is made anew whenever the files change."""
        source = Path(self.env.srcdir)
        records = source / "demos" / "models.json"
        self.env.note_dependency(str(records))
        name = self.arguments[0]
        record = json.loads(records.read_text("utf-8"))[name]
        link = lesson(record["notebook"], source.parent / "notebooks" / "course.toml", set(self.env.found_docs))
        html = render(name, "\n".join(self.content), source / "chapters" / "extra" / "demos", record, link)
        return [nodes.raw("", html, format="html")]


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("demo", Demo)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
