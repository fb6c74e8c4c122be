"""Block diagrams: boxes with a name and a detail, arrows between them, parallel branches, links.

    architecture(["x", ("编码器", "卷积", "model"), ("潜变量 z", "16"), ("解码器", "卷积", "model"), "重建"],
                 "自动编码器", links=[("重建", "x", "重建误差")])
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from aigc_lib.style import COLORS, INK, LINESTYLES, use_style

Block = str | tuple[str, ...]  # name, or (name, detail), or (name, detail, role)
MARGIN, GAP_X, GAP_Y, PAD, LINK_STEP = 0.12, 0.42, 0.34, 0.13, 0.42  # inches
TITLE_SIZE, NAME_SIZE, DETAIL_SIZE = 12, 11, 9  # points
LINE = {"color": "#5B626C", "linewidth": 1.3, "linestyle": "-", "solid_joinstyle": "round"}


@dataclass
class Box:
    """A placed block: its centre and size in inches."""

    name: str
    detail: str
    role: str
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def left(self) -> float:
        return self.x - self.width / 2


def architecture(blocks: Sequence[Block | Sequence[Sequence[Block]]], title: str = "",
                 links: Sequence[tuple[str, str, str]] = ()) -> Figure:
    """A block diagram from left to right.

    blocks: each a name, (name, detail), or (name, detail, role) with a role of COLORS; networks take
    the role "model" and get a tinted box with square corners. A list of lists is a set of parallel
    branches: they start from the block before, and meet in the block after.
    links: (from, to, label), dashed arrows under the boxes, such as a loss or a loop.
    """
    if not blocks:
        raise ValueError("a diagram needs at least one block")
    use_style()
    stages = [_stage(item) for item in blocks]
    boxes = [box for stage in stages for branch in stage for box in branch]
    ways = [(_find(boxes, start), _find(boxes, end), label) for start, end, label in links]
    _place(stages, height=max(box.height for box in boxes))
    low = min(box.y - box.height / 2 for box in boxes)
    ax = _paper(boxes, title, low - 0.16 - LINK_STEP * len(links))
    for box in boxes:
        _draw(ax, box)
    _join(ax, stages)
    for i, (start, end, label) in enumerate(sorted(ways, key=lambda way: abs(way[0].x - way[1].x)), 1):
        _link(ax, start, end, low - LINK_STEP * i, label)  # the longest lowest, so that fewer lines cross
    return ax.figure


def _paper(boxes: list[Box], title: str, bottom: float) -> Axes:
    """Empty axes in inches that hold the boxes, the title above, and what comes below."""
    top = max(box.y + box.height / 2 for box in boxes) + (0.54 if title else 0.12)
    right = max(boxes[-1].right, MARGIN + _width(title, TITLE_SIZE)) + MARGIN
    ax = plt.figure(figsize=(right, top - bottom), layout="none").add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, right), ylim=(bottom, top))
    ax.axis("off")
    ax.text(MARGIN, top - MARGIN, title, fontsize=TITLE_SIZE, va="top")
    return ax


def _stage(item: Block | Sequence[Sequence[Block]]) -> list[list[Box]]:
    """A block is one branch of one box; a list of lists is several branches."""
    branches = item if isinstance(item, list) else [[item]]
    return [[_box(block) for block in branch] for branch in branches]


def _box(block: Block) -> Box:
    parts = (block,) if isinstance(block, str) else tuple(block)
    name, detail, role = parts + ("", "plain")[len(parts) - 1 :]
    if role != "plain" and role not in COLORS:
        raise ValueError(f"the block {name!r} has the role {role!r}; expected one of {', '.join(COLORS)}")
    lines = name.count("\n") + 1, detail.count("\n") + 1 if detail else 0
    width = max(_width(name, NAME_SIZE), _width(detail, DETAIL_SIZE)) + 2 * PAD
    height = (lines[0] * NAME_SIZE + lines[1] * DETAIL_SIZE) * 1.38 / 72 + 2 * PAD
    return Box(name, detail, role, width=max(width, 0.7), height=max(height, 0.62))


def _width(text: str, size: float) -> float:
    """Inches that the widest line takes, near enough: a Chinese character is a square."""
    text = re.sub(r"\\[a-zA-Z]+", "x", text).translate(str.maketrans("", "", "$\\{}^_,"))
    return max(sum(1.0 if ord(c) > 0x2E7F else 0.58 for c in line) for line in text.split("\n")) * size / 72


def _place(stages: list[list[list[Box]]], height: float) -> None:
    """Columns from left to right; branches one above the other, the shorter ones moved to the right."""
    x = MARGIN
    for stage in stages:
        depth = max(len(branch) for branch in stage)
        for i, branch in enumerate(stage):
            for box in branch:
                box.y, box.height = ((len(stage) - 1) / 2 - i) * (height + GAP_Y), height
        for column in range(depth):
            here = [b[column - depth + len(b)] for b in stage if column - depth + len(b) >= 0]
            width = max(box.width for box in here)
            for box in here:
                box.x, box.width = x + width / 2, width
            x += width + GAP_X


def _draw(ax: Axes, box: Box) -> None:
    network = box.role not in ("plain", "data")
    edge = COLORS.get(box.role, "#9AA1AB")
    face = [1 - 0.13 * (1 - c) for c in to_rgb(edge)] if network else to_rgb("#F5F6F8")
    ax.add_patch(FancyBboxPatch((box.left, box.y - box.height / 2), box.width, box.height, facecolor=face,
                                edgecolor=edge, linewidth=1.8 if network else 1.1,
                                boxstyle=f"round,pad=0,rounding_size={0.04 if network else 0.16}"))
    shift = (box.detail.count("\n") + 1) * DETAIL_SIZE * 0.69 / 72 if box.detail else 0
    ax.text(box.x, box.y + shift, box.name, ha="center", va="center", fontsize=NAME_SIZE)
    drop = (box.name.count("\n") + 1) * NAME_SIZE * 0.69 / 72
    ax.text(box.x, box.y - drop, box.detail, ha="center", va="center", fontsize=DETAIL_SIZE, color="#4A515B")


def _join(ax: Axes, stages: list[list[list[Box]]]) -> None:
    """Arrows within the branches, and from each stage to the next."""
    for stage in stages:
        for branch in stage:
            for start, end in pairwise(branch):
                _arrow(ax, [(start.right, start.y), (end.left, end.y)])
    for before, after in pairwise(stages):
        starts, ends = [b[-1] for b in before], [b[0] for b in after]
        for start in starts:
            for end in ends:
                reach = end.height / 4 if len(ends) == 1 else 0  # arrows that meet keep apart
                y = min(max(start.y, end.y - reach), end.y + reach)
                middle = end.left - GAP_X / 2
                _arrow(ax, [(start.right, start.y), (middle, start.y), (middle, y), (end.left, y)])


def _link(ax: Axes, start: Box, end: Box, y: float, label: str) -> None:
    """A dashed way under the boxes, with its label on it."""
    bottom = start.y - start.height / 2, end.y - end.height / 2
    _arrow(ax, [(start.x, bottom[0]), (start.x, y), (end.x, y), (end.x, bottom[1])],
           color=COLORS["accent"], linestyle=LINESTYLES["baseline"])
    ax.text((start.x + end.x) / 2, y, label, ha="center", va="center", fontsize=DETAIL_SIZE + 0.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2.5}, color=INK)


def _arrow(ax: Axes, points: list[tuple[float, float]], **style) -> None:
    """A line through the points with an arrow head at the last one."""
    style = {**LINE, **style}
    ax.plot(*zip(*points), **style)
    ax.annotate("", points[-1], points[-2], arrowprops={
        "arrowstyle": "-|>,head_width=0.22,head_length=0.42", "color": style["color"], "shrinkA": 0, "shrinkB": 0,
        "linewidth": 0, "mutation_scale": 18})


def _find(boxes: list[Box], name: str) -> Box:
    for box in boxes:
        if box.name == name:
            return box
    raise ValueError(f"a link names {name!r}, but the blocks are {', '.join(box.name for box in boxes)}")
