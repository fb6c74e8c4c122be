"""Loaders: each data set of the catalog as tensors or rows, checked before it is used.

Pictures are float32 tensors (N, C, H, W) in [-1, 1], labels int64 (N,).
"""

import csv
import gzip
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
    labels = np.array(list(data_file(name, f"{split}_labels.txt").read_text().strip()), np.int64)
    pixels = np.empty((len(labels), 28, 28), np.uint8)
    for c in range(10):
        pixels[labels == c] = _read_sheet(name, f"{split}_{c}.webp", side=28)
    x, y = _to_unit(pixels), torch.from_numpy(labels)
    if n is None:
        return x, y
    rows = balanced_rows(y, n, seed)
    return x[rows], y[rows]


def _to_unit(pixels: np.ndarray) -> Tensor:
    """uint8 (N, H, W) -> float32 (N, 1, H, W) in [-1, 1]."""
    return torch.from_numpy(pixels.astype(np.float32)).div_(127.5).sub_(1)[:, None]


def _read_sheet(name: str, path: str, side: int) -> np.ndarray:
    """A sheet of square grey pictures, row by row -> uint8 (N, side, side)."""
    with Image.open(data_file(name, path)) as image:
        sheet = np.asarray(image.convert("L"))
    rows, columns = sheet.shape[0] // side, sheet.shape[1] // side
    return sheet.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
