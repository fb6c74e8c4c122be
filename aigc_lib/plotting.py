"""Pictures of the course: charts, grids, animations and diagrams, each with a text alternative.

Call `use_style()` once a notebook, draw with matplotlib as usual, and hand the figure to `show`.
"""

import base64
import io
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from aigc_lib.checks import check_tensor
from aigc_lib.diagrams import architecture
from aigc_lib.style import COLORS, HATCHES, INK, LINESTYLES, MARKERS, missing_glyphs, use_style

__all__ = ["COLORS", "HATCHES", "LINESTYLES", "MARKERS", "animate", "architecture", "contact_sheet", "curve",
           "image_grid", "interval_plot", "missing_glyphs", "plt", "png", "show", "use_style"]

GRID_WIDTH = 890  # pixels that a grid of pictures may take
LARGEST_SIDE = 170  # pixels of one picture in it
GAP = 4  # pixels between pictures
TEXT_LINE = 19  # pixels of a line of text
VERDICT_ROLES = {"支持": "model", "不支持": "baseline", "证据不足": "muted"}


def show(fig: Figure, alt: str) -> None:
    """Display a figure as PNG with its text alternative, and close it. Raises ValueError without one."""
    _display("image/png", png(fig), alt)
    plt.close(fig)


def png(fig: Figure) -> bytes:
    """The figure as PNG, with a palette of 256 colours where that is smaller."""
    out = io.BytesIO()
    fig.savefig(out, format="png")
    picture = Image.open(out).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, "PNG", optimize=True)
    return min(out.getvalue(), small.getvalue(), key=len)


def animate(frames: Sequence[Tensor | Figure | np.ndarray], alt: str, seconds: float = 4, columns: int = 10) -> None:
    """Display frames as an endless GIF of about `seconds`, resting on the last frame.

    A frame is a batch of pictures (N, C, H, W) in [-1, 1], a figure (which is closed), or an array
    (H, W) or (H, W, 3) of uint8; all of one size. Twenty pictures of noise cost 26 KB a frame.
    """
    if len(frames) < 2:
        raise ValueError(f"an animation needs at least 2 frames, got {len(frames)}")
    pictures = [_frame(frame, columns) for frame in frames]
    if len({picture.size for picture in pictures}) > 1:
        raise ValueError(f"frames must have one size, got {sorted({picture.size for picture in pictures})}")
    each = max(20, round(1000 * seconds / len(pictures) / 10) * 10)  # GIF counts in 10 ms, players floor at 20
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], loop=0, optimize=True,
                     duration=[each] * (len(pictures) - 1) + [each + 1500])
    _display("image/gif", out.getvalue(), alt)


def image_grid(images: Tensor, captions: Sequence[str] | None = None, columns: int = 10, title: str | None = None,
               row_labels: Sequence[str] | None = None, column_labels: Sequence[str] | None = None) -> Figure:
    """Pictures (N, C, H, W) in [-1, 1] in rows of `columns`, each pixel a whole number of screen pixels.

    C is 1 or 3; values outside the range are cut off. captions: one under each picture;
    row_labels: one a row, at the left; column_labels: one a column, on top.
    """
    check_tensor(images, "images", (None, None, None, None))
    use_style()
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    _check_count("captions", captions, len(images))
    _check_count("row_labels", row_labels, rows)
    _check_count("column_labels", column_labels, columns)
    left = round(14 + max(map(_text_width, row_labels))) if row_labels else GAP
    top = (34 if title else GAP) + (TEXT_LINE + 4 if column_labels else 0)
    under = TEXT_LINE * max(text.count("\n") + 1 for text in captions) + 4 if captions else GAP
    pixels = _upscale(images, min(LARGEST_SIDE, (GRID_WIDTH - left) // columns - GAP))
    height, width = pixels.shape[1:3]
    widest = max(map(_text_width, [*(captions or ()), *(column_labels or ()), ""]))
    pitch = (height + under, max(width + GAP, round(widest) + 8))
    canvas, corners = _tile(pixels, columns, pitch, (top, left))
    texts = [(x + width / 2, y + height + 3, t, "center", "top") for (y, x), t in zip(corners, captions or ())]
    starts = zip(corners[::columns], row_labels or ())
    texts += [(left - 8, y + height / 2, t, "right", "center") for (y, _), t in starts]
    texts += [(x + width / 2, top - 4, t, "center", "bottom") for (_, x), t in zip(corners, column_labels or ())]
    return _pixel_figure(canvas, texts, title, corners[0][1])


def contact_sheet(figures: Sequence[Figure], captions: Sequence[str], columns: int = 3) -> Figure:
    """Figures of one size, made smaller to fit side by side, each with its caption under it; they are closed."""
    _check_count("captions", captions, len(figures))
    pictures = [Image.open(io.BytesIO(png(figure))).convert("RGB") for figure in figures]
    for figure in figures:
        plt.close(figure)
    columns = min(columns, len(pictures))
    side = (GRID_WIDTH // columns - GAP) / pictures[0].width
    size = [round(length * min(1.0, side)) for length in pictures[0].size]
    pixels = np.stack([np.asarray(picture.resize(size, Image.Resampling.LANCZOS)) for picture in pictures])
    widest = max(size[0] + GAP, *(round(_text_width(text)) + 8 for text in captions))
    canvas, corners = _tile(pixels, columns, (size[1] + TEXT_LINE + GAP, widest), (GAP, GAP))
    texts = [(x + size[0] / 2, y + size[1] + 2, text, "center", "top") for (y, x), text in zip(corners, captions)]
    return _pixel_figure(canvas, texts, None, 0)


def _check_count(name: str, labels: Sequence[str] | None, n: int) -> None:
    if labels is not None and len(labels) != n:
        raise ValueError(f"{name} needs {n} texts, got {len(labels)}")


def _tile(pixels: np.ndarray, columns: int, pitch: tuple[int, int], origin: tuple[int, int]
          ) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Pictures (N, h, w, 3) on one white sheet (H, W, 3), and the top left corner (y, x) of each."""
    n, height, width, _ = pixels.shape
    size = (origin[0] + -(-n // columns) * pitch[0], origin[1] + columns * pitch[1])
    canvas = np.full((*size, 3), 255, np.uint8)
    aside = (pitch[1] - width) // 2
    corners = [(origin[0] + i // columns * pitch[0], origin[1] + i % columns * pitch[1] + aside) for i in range(n)]
    for picture, (y, x) in zip(pixels, corners):
        canvas[y : y + height, x : x + width] = picture
    return canvas, corners


def _pixel_figure(canvas: np.ndarray, texts: list[tuple], title: str | None, title_x: float) -> Figure:
    """A figure of exactly the canvas, with texts (x, y, text, ha, va) placed in its pixels."""
    title_width = title_x + _text_width(title, 12) + GAP if title else 0
    wider = max(0, round(title_width) - canvas.shape[1])
    canvas = np.pad(canvas, ((0, 0), (0, wider), (0, 0)), constant_values=255)
    height, width = canvas.shape[:2]
    dpi = plt.rcParams["figure.dpi"]
    fig = plt.figure(figsize=(width / dpi, height / dpi), layout="none")
    fig.figimage(canvas, origin="upper")
    for x, y, text, ha, va in texts:
        fig.text(x / width, 1 - y / height, text, ha=ha, va=va, fontsize=9, linespacing=1.15)
    if title:
        fig.text(title_x / width, 1 - 6 / height, title, va="top", fontsize=12)
    return fig


def curve(ax: Axes, steps: Sequence[float], values: Sequence[float], role: str = "model", label: str = "") -> None:
    """Draw a noisy series: a running mean over 1/25 of it, and a band of one running deviation."""
    x, y = np.asarray(steps, float), np.asarray(values, float)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise ValueError(f"steps and values must be two lists of one length, got {x.shape} and {y.shape}")
    window = max(1, len(y) // 25)
    weight = np.convolve(np.ones(len(y)), np.ones(window), "same")
    mean = np.convolve(y, np.ones(window), "same") / weight
    deviation = np.sqrt(np.convolve((y - mean) ** 2, np.ones(window), "same") / weight)
    ax.plot(x, mean, color=COLORS[role], linestyle=LINESTYLES[role], label=label or None)
    if window > 1:
        ax.fill_between(x, mean - deviation, mean + deviation, color=COLORS[role], alpha=0.16, linewidth=0)


def interval_plot(rows: Sequence[Mapping]) -> Figure:
    """Every claim's improvement over its baseline with its 95 % interval.

    rows: rows of the ledger. Units differ, so the axis counts smallest differences that matter:
    from 1 on a claim is supported, and the grey band from 0 to 1 is better, but too little to matter.
    """
    if not rows:
        raise ValueError("interval_plot needs at least one row of the ledger")
    use_style()
    fig, ax = plt.subplots(figsize=(7.8, 1.0 + 0.52 * len(rows)))
    ax.axvspan(0, 1, color=COLORS["muted"], alpha=0.18, linewidth=0)
    ax.axvline(0, color=INK, linewidth=1)
    for y, row in enumerate(rows):
        _interval(ax, y, row)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks(range(len(rows)), [_wrapped(row["claim"]) for row in rows], color=INK)
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_visible(False)
    if max(map(abs, ax.get_xlim())) > 30:
        ax.set_xscale("symlog", linthresh=1)
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}".replace("-", "−"))
    ax.set_xlabel("比基线好多少（以“算数的最小差”为 1；灰带内好得太少，不算数）")
    return fig


def _interval(ax: Axes, y: int, row: Mapping) -> None:
    """One row: interval, marker by verdict (filled, open, small), and the numbers in the row's own unit."""
    scale = (1 if row["higher_is_better"] else -1) / row["smallest_difference"]
    role = VERDICT_ROLES[row["verdict"]]
    style = {"color": COLORS[role], "marker": MARKERS[role] if role != "muted" else "D"}
    numbers = f"{row['diff']:+.3g}"
    if row["ci_low"] is not None:
        ax.plot([row["ci_low"] * scale, row["ci_high"] * scale], [y, y], color=COLORS[role], linewidth=3, alpha=0.55,
                linestyle="-", solid_capstyle="butt")
        numbers += f" [{row['ci_low']:+.3g}, {row['ci_high']:+.3g}]"
    ax.plot([row["diff"] * scale], [y], markerfacecolor=COLORS[role] if role == "model" else "white",
            markeredgewidth=1.8, markersize=8, linestyle="none", **style)
    text = f"{row['verdict']}\n{numbers} {row.get('unit', '')}".rstrip().replace("-", "−")
    ax.annotate(text, (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=9,
                linespacing=1.35, annotation_clip=False)


def _wrapped(text: str, line: int = 17) -> str:
    """A Chinese sentence on at most two even lines; textwrap would look for spaces."""
    text = text if len(text) <= 2 * line else text[: 2 * line - 1] + "…"
    middle = -(-len(text) // 2)
    # a line may begin with a Chinese character, but not with punctuation or inside an English word
    breaks = [i for i in range(1, len(text)) if "\u4e00" <= text[i] <= "\u9fff"]
    if len(text) <= line or not breaks:
        return text
    at = min(breaks, key=lambda i: abs(i - middle))
    return text[:at].rstrip() + "\n" + text[at:]


def _text_width(text: str, size: float = 9) -> float:
    """Pixels that the widest line of a label takes, near enough: a Chinese character is a square."""
    pixel = size * plt.rcParams["figure.dpi"] / 72
    return max(sum(1.0 if ord(c) > 0x2E7F else 0.56 for c in line) for line in text.split("\n")) * pixel


def _upscale(images: Tensor, side: int) -> np.ndarray:
    """Pictures (N, C, H, W) in [-1, 1] -> (N, h, w, 3) uint8, enlarged by a whole factor to about `side`."""
    check_tensor(images, "images", (None, None, None, None))
    if images.shape[1] not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels, got shape {tuple(images.shape)}")
    grey = ((images.detach().cpu().float().clamp(-1, 1) + 1) * 127.5).round().byte()
    pixels = grey.permute(0, 2, 3, 1).expand(-1, -1, -1, 3).numpy()
    factor = max(1, side // max(pixels.shape[1:3]))
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)


def _frame(frame: Tensor | Figure | np.ndarray, columns: int) -> Image.Image:
    """One frame of an animation, in few colours: noise does not compress, and GIF pays for each grey."""
    if isinstance(frame, Figure):
        picture = Image.open(io.BytesIO(png(frame)))
        plt.close(frame)
    elif isinstance(frame, Tensor):
        pixels = _upscale(frame, 56) // 17 * 17  # 16 greys
        pitch = (pixels.shape[1] + GAP, pixels.shape[2] + GAP)
        picture = Image.fromarray(_tile(pixels, min(columns, len(frame)), pitch, (GAP, GAP))[0])
    else:
        picture = Image.fromarray(frame)
    return picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)


def _display(mime: str, content: bytes, alt: str) -> None:
    """Emit a picture as a notebook output that carries its text alternative."""
    if not alt.strip():
        raise ValueError("a picture needs a text alternative: say in alt what a reader should see in it")
    from IPython.display import display  # only a notebook shows; drawing alone needs no IPython

    data = {mime: base64.b64encode(content).decode(), "text/plain": alt}
    display(data, metadata={mime: {"alt": alt}}, raw=True)
