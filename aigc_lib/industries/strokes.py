"""Characters stroke by stroke: the renderer, simulated hands, what a clip shows, and exercises with answers.

A clip is FRAMES pictures as channels, (FRAMES, 28, 28) in [-1, 1]: the k-th frame shows the first k strokes.
A character with fewer strokes is complete earlier and then stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from torch import Tensor

from aigc_lib.checks import check_tensor
from aigc_lib.style import COLORS, FONT_FILE, use_style

SIDE = 28  # pixels of a picture
FRAMES = 6
FINE = 4  # drawn so many times as large, then averaged


class Hand(NamedTuple):
    """How somebody writes: pixels that a character fills, width of the pen in quarters of a pixel, and the shake.

    Both sizes vary by up to their spread. shake 1 tilts, moves and wobbles the strokes one by one, then leans,
    turns and stretches the whole; 0 writes exactly what the data say.
    """

    size: float
    size_spread: float
    pen: float
    pen_spread: float
    shake: float


HOMEWORK = Hand(17.5, 2.5, 8.5, 2.5, shake=1)  # fills a cell like MNIST's digits
PUPIL = Hand(21.5, 1.5, 6.5, 1, shake=0.6)
EXACT = Hand(21.5, 0, 6.5, 0, shake=0)


def write_strokes(strokes: Sequence[np.ndarray], n: int, seed: int = 0, hand: Hand = HOMEWORK) -> Tensor:
    """A character n times, as n hands might write it: (n, 1, 28, 28) in [-1, 1]. The shake is simulated.

    strokes: points (P, 2) of each, right and down in 0..1, as from ``load_hanzi_strokes``.
    """
    rng = np.random.default_rng(seed)
    pages = [list(_write(strokes, hand, rng))[-1] for _ in range(n)]
    return torch.from_numpy(np.stack(pages))[:, None]


def write_clips(strokes: Sequence[np.ndarray], n: int = 1, seed: int = 0, hand: Hand = EXACT) -> Tensor:
    """A character n times, stroke by stroke: (n, FRAMES, 28, 28) in [-1, 1]. ValueError for more than FRAMES strokes.

    The hand EXACT writes what the data say, each time the same: the renderer that is right wherever the data are.
    """
    if not 1 <= len(strokes) <= FRAMES:
        raise ValueError(f"a clip shows 1 to {FRAMES} strokes, got {len(strokes)}.")
    rng = np.random.default_rng(seed)
    clips = [list(_write(strokes, hand, rng)) for _ in range(n)]
    return torch.from_numpy(np.stack([clip + clip[-1:] * (FRAMES - len(clip)) for clip in clips]))


def print_characters(characters: str, size: int) -> Tensor:
    """Each character in print, ``size`` pixels tall, in the course's sans serif: (N, 1, 28, 28) in [-1, 1]."""
    font = ImageFont.truetype(str(FONT_FILE), size)
    pages = []
    for character in characters:
        page = Image.new("L", (SIDE, SIDE))
        ImageDraw.Draw(page).text((SIDE / 2, SIDE / 2), character, 255, font, anchor="mm")
        pages.append(np.asarray(page, np.float32) / 127.5 - 1)
    return torch.from_numpy(np.stack(pages))[:, None]


def _write(strokes: Sequence[np.ndarray], hand: Hand, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The page (28, 28) in [-1, 1] after each stroke."""
    shaken = [_jitter(stroke, hand.shake, rng) for stroke in strokes]
    lean = 0.12 * hand.shake
    matrix = _turn(rng.normal(0, 0.08 * hand.shake)) @ [[np.exp(rng.normal(0, lean)), rng.normal(0, lean)], [0, 1]]
    points = np.concatenate(shaken) @ matrix.T
    low, high = points.min(0), points.max(0)
    points = (points - (low + high) / 2) / (high - low).max() * _vary(hand.size, hand.size_spread, rng) + SIDE / 2
    points = (points + rng.normal(0, 0.5 * hand.shake, 2)) * FINE
    page, width = Image.new("L", (FINE * SIDE, FINE * SIDE)), _vary(hand.pen, hand.pen_spread, rng)
    pen = ImageDraw.Draw(page)
    for line in np.split(points, np.cumsum([len(stroke) for stroke in strokes])[:-1]):
        pen.line([tuple(p) for p in line], 255, round(width), "curve")
        for x, y in line[[0, -1]]:
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 255)
        yield np.asarray(page.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 127.5 - 1


def _jitter(stroke: np.ndarray, shake: float, rng: np.random.Generator) -> np.ndarray:
    middle = stroke.mean(0)
    turned = (stroke - middle) @ _turn(rng.normal(0, 0.08 * shake)).T * np.exp(rng.normal(0, 0.08 * shake))
    return middle + turned + rng.normal(0, 0.025 * shake, 2) + rng.normal(0, 0.01 * shake, stroke.shape)


def _turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _vary(value: float, spread: float, rng: np.random.Generator) -> float:
    return rng.uniform(value - spread, value + spread)


# What a clip shows. Ink is (clip + 1) / 2, from 0 to 1.

def _ink(clips: Tensor) -> Tensor:
    check_tensor(clips, "clips", (None, FRAMES, SIDE, SIDE))
    return ((clips + 1) / 2).clamp(0, 1)


def ink_lost(clips: Tensor) -> Tensor:
    """Ink that disappears from one frame to the next, as a share of all ink that was ever shown: (N, ...) -> (N,)."""
    ink = _ink(clips)
    lost = (ink[:, :-1] - ink[:, 1:]).clamp(min=0)
    return lost.sum((1, 2, 3)) / ink.amax(1).sum((1, 2)).clamp(min=1e-6)


def one_piece(clips: Tensor) -> Tensor:
    """Of the new ink of each frame, the share in its largest connected piece; mean over the frames that add any: (N,).

    A frame adds nothing if fewer than 3 pixels are new. A clip that adds nothing at all is worth 0.
    """
    ink = _ink(clips)
    new = (torch.diff(ink, dim=1, prepend=torch.zeros_like(ink[:, :1])) > 0.5).numpy()
    shares = [np.mean([_largest(frame) for frame in clip if frame.sum() > 2] or [0.0]) for clip in new]
    return torch.tensor(np.array(shares), dtype=torch.float32)


def _largest(new: np.ndarray) -> float:
    pieces, _ = ndimage.label(new, np.ones((3, 3)))  # corners touch too
    return np.bincount(pieces[new]).max() / new.sum()


def stroke_times(clips: Tensor, truth: Tensor) -> Tensor:
    """When each stroke of the true clip appears in the other one, in frames from 1: two (N, ...) -> (N, FRAMES).

    The mean over the stroke's own pixels; a grey pixel counts as partly there. A stroke that never appears
    gets FRAMES + 1; NaN stands where the truth has no further stroke.
    """
    ink, true = _ink(clips), _ink(truth)
    darkest = ink.amax(1, keepdim=True)
    waiting = (1 - ink / darkest.clamp(min=1e-6)).sum(1, keepdim=True)  # frames until the pixel has its ink
    own = torch.diff(true, dim=1, prepend=torch.zeros_like(true[:, :1])).clamp(min=0)  # (N, FRAMES, H, W)
    seen = own * (darkest > 0.25)
    times = torch.where(seen.sum((2, 3)) > 0, 1 + (seen * waiting).sum((2, 3)) / seen.sum((2, 3)).clamp(min=1e-6), FRAMES + 1)
    return torch.where(own.sum((2, 3)) > 0, times, torch.nan)


def greyness(clips: Tensor) -> Tensor:
    """How undecided a clip is: p (1 - p), summed over pixels and frames, p being how much of a pixel's ink is there: (N,).

    0 where every pixel gets all its ink at once; the pixel's own darkness, grey at a stroke's edge, does not count.
    """
    ink = _ink(clips)
    darkest = ink.amax(1, keepdim=True)
    there = ink / darkest.clamp(min=1e-6)
    return (darkest * there * (1 - there)).sum((1, 2, 3))


def in_order(times: Tensor) -> tuple[Tensor, Tensor]:
    """times as from ``stroke_times`` -> share of pairs of strokes in the right order (N,), NaN for one stroke; all right (N,)."""
    first, second = torch.triu_indices(times.shape[1], times.shape[1], 1)
    gap = times[:, second] - times[:, first]
    right = (gap > 0).float().where(~gap.isnan(), torch.nan)
    return right.nanmean(1), ~(right == 0).any(1)


# Exercises: made from the exact strokes, so the answers are right

class Exercise(NamedTuple):
    """kind: 数一数, 第几笔 or 补一笔; stroke: the number (from 1) of the stroke that is marked or missing, 0 for none."""

    kind: str
    character: str
    stroke: int
    answer: str


KINDS = {"数一数": "一共几画？", "第几笔": "粗的是第几笔？",
         "补一笔": "“{}”缺第几笔？"}  # names the character: 尺 without its last stroke is 尸


def make_exercises(strokes: Mapping[str, Sequence[np.ndarray]], n: int, seed: int = 0) -> list[Exercise]:
    """n exercises on different characters of at least two strokes, the kinds in turn. ValueError if there are too few."""
    rng = np.random.default_rng(seed)
    usable = [character for character, lines in strokes.items() if len(lines) > 1]
    if n > len(usable):
        raise ValueError(f"there are {len(usable)} characters of two strokes or more, too few for {n} exercises.")
    exercises = []
    for i, character in enumerate(rng.choice(usable, n, replace=False)):
        kind, count = list(KINDS)[i % 3], len(strokes[character])
        k = int(rng.integers(1, count + 1)) if kind != "数一数" else 0
        exercises.append(Exercise(kind, str(character), k, f"第 {k} 笔" if k else f"{count} 画"))
    return exercises


def draw_exercises(exercises: Sequence[Exercise], strokes: Mapping[str, Sequence[np.ndarray]], answers: bool) -> Figure:
    """The sheet, six exercises a row; with ``answers`` the teacher's copy, on which strokes also carry their numbers."""
    use_style()
    rows = -(-len(exercises) // 6)
    figure, axes = plt.subplots(rows, 6, figsize=(8.4, 1.75 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, exercise) in enumerate(zip(axes.flat, exercises), 1):
        _draw_exercise(axis, exercise, strokes[exercise.character], answers)
        axis.set_title(f"{i}. {exercise.answer if answers else KINDS[exercise.kind].format(exercise.character)}", fontsize=9)
    return figure


def _draw_exercise(axis: Axes, exercise: Exercise, strokes: Sequence[np.ndarray], answers: bool) -> None:
    axis.set(xlim=(-0.05, 1.05), ylim=(1.05, -0.05), aspect="equal")
    for line in ([0, 1, 1, 0, 0], [0, 0, 1, 1, 0]), ([0, 1], [0.5, 0.5]), ([0.5, 0.5], [0, 1]):
        axis.plot(*line, color=COLORS["muted"], linewidth=0.7, linestyle="-" if len(line[0]) > 2 else ":")
    for k, stroke in enumerate(strokes, 1):
        marked = k == exercise.stroke
        if marked and exercise.kind == "补一笔" and not answers:
            continue
        axis.plot(*stroke.T, color=COLORS["baseline" if marked else "data"], linewidth=6 if marked else 3, linestyle="-",
                  solid_capstyle="round", solid_joinstyle="round")
    if answers:
        for k, place in enumerate(number_places(strokes), 1):
            axis.annotate(str(k), place, fontsize=8, ha="center", va="center", color=COLORS["data"],
                          bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": COLORS["data"]})


def number_places(strokes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Where the number of each stroke goes: beside its start, or further along it where another number is in the way."""
    places: list[np.ndarray] = []
    for stroke in strokes:
        length = np.append(0, np.linalg.norm(np.diff(stroke, axis=0), axis=1).cumsum())
        steps = np.arange(0, length[-1], 0.02)
        along = np.column_stack([np.interp(steps, length, stroke[:, axis]) for axis in (0, 1)])
        back = stroke[0] - stroke[1]
        options = [stroke[0] + 0.06 * back / np.linalg.norm(back), *along]
        gaps = [min((np.linalg.norm(option - place) for place in places), default=1) for option in options]
        places.append(next((option for option, gap in zip(options, gaps) if gap > 0.14), options[int(np.argmax(gaps))]))
    return places
