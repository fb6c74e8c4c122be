"""Education: homework sums written by hand, and the marked sheet that goes back."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from aigc_lib.checks import check_tensor
from aigc_lib.industries.strokes import SIDE, print_characters, write_strokes
from aigc_lib.style import COLORS, use_style

# 5.2 homework: sums on squared paper, one symbol a cell, such as 47+25=72

SYMBOLS = "0123456789+−="  # a class number is a place in it
OPERATOR_STROKES = {"+": "十", "−": "一", "=": "二"}
SPOILT = ("空着", "涂掉", "挤了两个", "写成汉字")


class Sum(NamedTuple):
    """A problem such as "47+25=", what the pupil wrote, such as "47+25=62", and the slip ("" for none)."""

    problem: str
    written: str
    slip: str


def solve(problem: str) -> str:
    """The full line: "47+25=" -> "47+25=72". ValueError unless it is two two-digit numbers with such an answer."""
    if not re.fullmatch("[1-9][0-9][+−][1-9][0-9]=", problem):
        raise ValueError(f"a problem looks like 47+25= or 63−18= (− is U+2212), got {problem!r}.")
    if not 10 <= _answer(problem) <= 99:
        raise ValueError(f"the answer must have two digits, that of {problem} is {_answer(problem)}.")
    return f"{problem}{_answer(problem)}"


def _answer(problem: str) -> int:
    a, b = int(problem[:2]), int(problem[3:5])
    return a + b if problem[2] == "+" else a - b


def make_sums(n: int, wrong: float = 0.3, seed: int = 0) -> list[Sum]:
    """n sums as a class might hand them in; ``wrong`` is the chance of a slip. Simulated.

    The slips: a carry or borrow forgotten (where there is one), one off, or a digit copied wrongly.
    """
    rng = np.random.default_rng(seed)
    problems = [f"{a}{operator}{b}=" for a in range(10, 100) for operator in "+−" for b in range(10, 100)]
    problems = [problem for problem in problems if 10 <= _answer(problem) <= 99]
    sums = []
    for i, slipped in zip(rng.integers(len(problems), size=n), rng.random(n) < wrong):
        slips = _slips(problems[i]) if slipped else {"": [solve(problems[i])]}
        kind = rng.choice(list(slips))
        sums.append(Sum(problems[i], str(rng.choice(slips[kind])), str(kind)))
    return sums


def _slips(problem: str) -> dict[str, list[str]]:
    """What can go wrong with a problem, and what is written then."""
    tens, units, answer = problem[0], int(problem[1]), _answer(problem)
    plus, other = problem[2] == "+", int(problem[4])
    copies = [f"{tens}{digit}{problem[2:]}" for digit in range(10) if digit != units]
    slips = {"差一": [answer - 1, answer + 1], "忘了进位": [answer - 10] * (plus and units + other > 9),
             "忘了退位": [answer + 10] * (not plus and units < other)}
    lines = {kind: [f"{problem}{value}" for value in values if 10 <= value <= 99] for kind, values in slips.items()}
    lines["抄错"] = [solve(copy) for copy in copies if 10 <= _answer(copy) <= 99]
    return {kind: written for kind, written in lines.items() if written}


def to_numbers(line: str) -> Tensor:
    """A line of SYMBOLS as class numbers, (len(line),) int64. ValueError for any other character."""
    strange = sorted(set(line) - set(SYMBOLS))
    if strange:
        raise ValueError(f"a line may hold only {SYMBOLS}, got {''.join(strange)!r} in {line!r}.")
    return torch.tensor([SYMBOLS.index(c) for c in line])


def choose_cells(lines: Sequence[str], labels: Tensor, seed: int = 0) -> Tensor:
    """For each symbol of each line the number of a random picture that shows it: (lines, symbols) int64.

    labels (N,) int64 are the class numbers of the pictures at hand; ValueError if a symbol has none.
    """
    generator = torch.Generator().manual_seed(seed)
    wanted = torch.stack([to_numbers(line) for line in lines])
    rows = torch.empty_like(wanted)
    for k in wanted.unique().tolist():
        known = (labels == k).nonzero()[:, 0]
        if len(known) == 0:
            raise ValueError(f"there is no picture of {SYMBOLS[k]!r} to write with.")
        places = wanted == k
        rows[places] = known[torch.randint(len(known), (int(places.sum()),), generator=generator)]
    return rows


def print_symbols() -> Tensor:
    """The SYMBOLS in print, one a cell: (13, 1, 28, 28) in [-1, 1]."""
    return print_characters(SYMBOLS, 26)


def spoil(kind: str, x: Tensor, strokes: dict[str, list[np.ndarray]], seed: int = 0) -> Tensor:
    """Cells x (N, 1, 28, 28) in [-1, 1] made unreadable in one of the ways SPOILT; simulated.

    空着: nothing but specks; 涂掉: scribbled over; 挤了两个: squeezed in with the next row of x;
    写成汉字: a Chinese numeral of 3 to 9 in its place, from ``strokes``.
    """
    check_tensor(x, "cells", (None, 1, SIDE, SIDE), -1, 1)
    rng = np.random.default_rng(seed)
    if kind == "空着":
        specks = rng.random(x.shape) < 0.004
        return torch.from_numpy(np.where(specks, rng.uniform(-0.5, 0.5, x.shape), -1)).float()
    if kind == "涂掉":
        zigzags = [np.column_stack([np.tile([0.0, 1.0], 5), np.linspace(0, 0.7, 10)]) + rng.normal(0, 0.08, (10, 2))
                   for _ in range(len(x))]
        return torch.maximum(x, torch.cat([write_strokes([z], 1, rng.integers(2**31)) for z in zigzags]))
    if kind == "挤了两个":
        halves = [F.interpolate(part, (SIDE, SIDE // 2), mode="area") for part in (x, x.roll(1, 0))]
        return torch.cat(halves, 3)
    if kind == "写成汉字":
        drawn = rng.choice(list("三四五六七八九"), len(x))
        return torch.cat([write_strokes(strokes[c], 1, rng.integers(2**31)) for c in drawn])
    raise ValueError(f"kind must be one of {'、'.join(SPOILT)}, got {kind!r}.")


def draw_marked_sheet(cells: Tensor, marks: Sequence[str], remarks: Sequence[str]) -> Figure:
    """A sheet of sums, cells (N, symbols, 1, 28, 28), each with its mark and a remark under it.

    marks: "对" draws a tick, "错" a cross, "问" a question mark in a circle: the teacher should look.
    """
    use_style()
    n, width = cells.shape[:2]
    if not len(marks) == len(remarks) == n or set(marks) - {"对", "错", "问"}:
        raise ValueError(f"{n} sums need {n} marks (对, 错 or 问) and {n} remarks.")
    rows = -(-n // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(8.4, 0.86 * rows + 0.2), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, line, mark, remark in zip(axes.flat, cells, marks, remarks):
        axis.imshow(-torch.cat(list(line[:, 0]), 1), cmap="gray", vmin=-1, vmax=1)
        axis.set(xlim=(-1, SIDE * (width + 1.4)), ylim=(SIDE + 11, -1))
        for i in range(width + 1):
            axis.plot([SIDE * i - 0.5] * 2, [-0.5, SIDE - 0.5], color=COLORS["second"], linewidth=0.6, linestyle="-")
        for y in (-0.5, SIDE - 0.5):
            axis.plot([-0.5, SIDE * width - 0.5], [y, y], color=COLORS["second"], linewidth=0.6, linestyle="-")
        _draw_mark(axis, mark, SIDE * (width + 0.7))
        axis.text(0, SIDE + 2, remark, va="top", fontsize=8.5)
    return figure


def _draw_mark(axis, mark: str, x: float) -> None:
    lines = {"对": [[(-9, 1), (-3, 8), (10, -10)]], "错": [[(-8, -8), (8, 8)], [(-8, 8), (8, -8)]], "问": []}[mark]
    color = {"对": COLORS["accent"], "错": COLORS["baseline"], "问": COLORS["third"]}[mark]
    for line in lines:
        axis.plot(*(np.array(line) + (x, SIDE / 2)).T, color=color, linewidth=3, linestyle="-", solid_capstyle="round")
    if mark == "问":
        axis.add_patch(plt.Circle((x, SIDE / 2), 11, fill=False, color=color, linewidth=1.8))
        axis.text(x, SIDE / 2, "?", ha="center", va="center", fontsize=14, color=color)
