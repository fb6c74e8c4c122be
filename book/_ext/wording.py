"""Puts right what the theme and MyST-NB say in English, or to nobody: titles and names for screen readers."""

from pathlib import Path

WORDS = {
    'title="Link to this heading"': 'title="这个标题的链接"',
    'title="Toggle primary sidebar"': 'title="课程目录"',
    'title="Toggle secondary sidebar"': 'title="本页目录"',
    'title="Color mode"': 'title="亮色或暗色"',
    'aria-label="Color mode"': 'aria-label="亮色或暗色"',
    'title="System Settings"': 'title="随系统"',
    "</i>System Settings<": "</i>随系统<",
    'title="列印成 PDF"': 'title="打印成 PDF"',
    'aria-label="Main"': 'aria-label="课程目录"',
    'aria-label="Page"': 'aria-label="本页目录"',
    ' aria-label="Toggle hidden content"': "",  # its text says it better
    '<div id="pst-primary-sidebar" class': '<div id="pst-primary-sidebar" role="region" aria-label="侧栏" class',
}


def in_chinese(html: str) -> str:
    """A page with every one of ``WORDS`` put right."""
    for english, chinese in WORDS.items():
        html = html.replace(english, chinese)
    return html


def put_right(app, error: Exception | None) -> None:
    """Rewrite the finished pages: the theme has no translation of these words to hook into."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            if "_static" not in path.parts:
                path.write_text(in_chinese(path.read_text("utf-8")), "utf-8")


def setup(app) -> dict:
    """Register the last touch."""
    app.connect("build-finished", put_right)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
