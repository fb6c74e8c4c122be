"""Sphinx settings of the course's site. Everything it serves comes from this folder or PyPI."""

import re
import sys
from pathlib import Path

from aigc_lib.style import FONT_FILE

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "AIGC 课程"
author = ""
language = "zh_CN"

extensions = ["myst_nb", "demos", "scoreboard", "wording", "workshops"]
templates_path = ["_templates"]
# Without these, the build reads its own output.
exclude_patterns = ["_build", "jupyter_execute", "README.md"]

nb_execution_mode = "off"  # the notebooks are committed with their outputs
nb_merge_streams = True
nb_code_prompt_show = "展开这段代码"
nb_code_prompt_hide = "收起这段代码"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3  # "#断言核查" is a stable address in every chapter

mathjax_path = "mathjax/tex-svg-full.js"  # vendored: Sphinx's default is a CDN
mathjax3_config = {"options": {"enableMenu": False}}  # the menu would load more files

html_theme = "sphinx_book_theme"
html_title = "AIGC 课程"
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static", str(FONT_FILE.parent)]
html_extra_path = ["chapters/extra"]  # what the demos load
html_css_files = ["course.css"]
html_js_files = [("course.js", {"defer": "defer"})]
html_permalinks_icon = "#"
html_use_index = False
html_show_sphinx = False
html_sidebars = {"**": ["navbar-logo.html", "sbt-sidebar-nav.html"]}
html_theme_options = {
    "disable_search": True,  # the course has its own: search.md, aigc_lib/course/search_index.py
    "navbar_persistent": [],
    "primary_sidebar_end": [],  # the theme's default is a place for advertisements
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "use_fullscreen_button": False,
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": "代码：MIT 许可；文字与图：CC BY 4.0",
    "toc_title": "本页目录",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def name_headings(app, pagename, templatename, context, doctree) -> None:
    """Put each heading's readable id on the heading itself, where the search index looks for it."""
    if "body" in context:
        context["body"] = re.sub(r'<span id="([^"]+)"></span><(h[2-6])>', r'<\2 id="\1">', context["body"])


def setup(app) -> None:
    """Leave out Sphinx's own search index, which misses Chinese phrases; name the headings."""
    app.connect("builder-inited", lambda app: setattr(app.builder, "search", False))
    app.connect("html-page-context", name_headings)
