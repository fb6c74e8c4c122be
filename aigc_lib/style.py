"""The course's visual language: one font, one palette, one figure style.

A role keeps its colour, marker, line and hatch through the whole course, so that no meaning
hangs on colour alone. Palette: Okabe & Ito 2008, distinguishable with any colour vision.
"""

import functools
import logging
import warnings
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.cbook import is_math_text
from matplotlib.mathtext import MathTextParser

FONT_FILE = Path(__file__).parent / "fonts" / "AIGCSansSC-Regular.otf"
FONT_FAMILY = ["AIGC Sans SC", "DejaVu Sans"]

COLORS = {
    "model": "#0072B2",  # what the chapter builds: blue
    "baseline": "#D55E00",  # what a good practitioner would use: vermillion
    "document": "#CC79A7",  # the document's own recipe: reddish purple
    "data": "#333333",  # real data, the truth
    "accent": "#009E73",  # one thing to look at: bluish green
    "second": "#56B4E9",  # further series: sky blue, orange
    "third": "#E69F00",
    "muted": "#8A8F98",  # guides and remarks
}
MARKERS = {"model": "o", "baseline": "s", "document": "^", "data": "D", "accent": "v", "second": "P", "third": "X",
           "muted": "."}
LINESTYLES = {"model": "-", "baseline": "--", "document": "-.", "data": (0, (1, 1.2)), "accent": (0, (6, 1.5)),
              "second": (0, (4, 1, 1, 1, 1, 1)), "third": (0, (2, 2)), "muted": ":"}
HATCHES = {"model": "", "baseline": "//", "document": "..", "data": "", "accent": "\\\\", "second": "xx",
           "third": "++", "muted": ""}

INK, GRID, PAPER = "#22262B", "#E3E6EA", "#FFFFFF"
DPI = 120  # 7.2 inches are 864 pixels: the site's text column, sharp, and about 30 KB a chart
STYLE = {
    "font.family": FONT_FAMILY, "font.size": 10.5, "axes.unicode_minus": True, "mathtext.fontset": "dejavusans",
    "figure.figsize": (7.2, 3.8), "figure.dpi": DPI, "savefig.dpi": "figure", "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.08, "figure.constrained_layout.w_pad": 0.08,
    "figure.facecolor": PAPER, "figure.titlesize": 13, "axes.titlesize": 12, "axes.titlelocation": "left",
    "axes.titlepad": 10, "axes.labelsize": 10.5, "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK,
    "axes.edgecolor": "#9AA1AB", "axes.linewidth": 0.8, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.8, "xtick.color": "#5B626C",
    "ytick.color": "#5B626C", "xtick.labelsize": 9.5, "ytick.labelsize": 9.5, "xtick.major.size": 0,
    "ytick.major.size": 0, "legend.frameon": False, "legend.fontsize": 9.5, "legend.handlelength": 2.6,
    "lines.linewidth": 2.0, "lines.markersize": 6, "hatch.linewidth": 0.7, "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def use_style() -> None:
    """Take the course's font and style for all figures that follow."""
    _register_font()
    roles = ("model", "baseline", "document", "accent", "third", "second")
    cycle = mpl.cycler(color=[COLORS[r] for r in roles], linestyle=[LINESTYLES[r] for r in roles])
    mpl.rcParams.update({**STYLE, "axes.prop_cycle": cycle})


def missing_glyphs(text: str) -> set[str]:
    """Characters of a label that matplotlib would draw as empty boxes.

    Plain text falls back from the bundled font to DejaVu Sans. A label with ``$...$`` is typeset by
    mathtext, which has no such fallback and only logs what it lacks; so it is typeset here.
    """
    known = _covered()
    absent = {character for character in text if character != "\n" and ord(character) not in known}
    return absent.union(*(_missing_in_mathtext(line) for line in text.split("\n") if is_math_text(line)))


@functools.cache
def _register_font() -> None:
    if not FONT_FILE.is_file():
        raise FileNotFoundError(f"{FONT_FILE} is missing: restore it with `git checkout -- aigc_lib/fonts`")
    font_manager.fontManager.addfont(FONT_FILE)


@functools.cache
def _covered() -> frozenset[int]:
    """Code points that the two fonts of a plain label have together."""
    _register_font()
    files = {font_manager.findfont(family, fallback_to_default=False) for family in FONT_FAMILY}
    return frozenset(code for file in files for code in font_manager.get_font(file).get_charmap())


def _missing_in_mathtext(text: str) -> set[str]:
    """The characters that mathtext says it has no glyph for."""
    found: set[str] = set()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "does not have a glyph for" in record.getMessage():
                found.add(str(record.args[1]) if record.args else record.getMessage())

    logger, listener = logging.getLogger("matplotlib.mathtext"), Listener()
    logger.addHandler(listener)
    try:
        with mpl.rc_context({**STYLE}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            MathTextParser("path").parse(text)
    finally:
        logger.removeHandler(listener)
    return found
