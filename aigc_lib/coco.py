"""COCO (Lin et al. 2014) as it is handed out: annotations/*.json and a folder of photos.

`data/coco/card.md` says how to get it. Masks come as polygons, or as run lengths (RLE) where an annotation covers
a crowd; pycocotools is not needed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from aigc_lib.catalog import DamagedData, MissingData, dataset
from aigc_lib.photos import open_photo

SPLITS = ("train2017", "val2017")
HOW_TO = "取得的办法见 data/coco/card.md。"


class Photo(NamedTuple):
    """One photo: its number, its file, its size in pixels."""

    id: int
    name: str
    width: int
    height: int


class Thing(NamedTuple):
    """One annotation. label: 0, 1, ... without gaps; box: left, top, width, height in pixels; area in pixels.

    crowd: the mask covers many things of the kind at once, and says neither how many nor which is which.
    """

    label: int
    box: tuple[float, float, float, float]
    area: float
    crowd: bool
    segmentation: list | dict


@dataclass(frozen=True)
class Coco:
    """One split: names[label] and ids[label] of the classes; photos; things and captions by a photo's id."""

    folder: Path
    names: list[str]
    ids: list[int]
    photos: list[Photo]
    things: dict[int, list[Thing]]
    captions: dict[int, list[str]]

    def open(self, photo: Photo) -> Image.Image:
        """The photo in RGB, as large as its annotations say."""
        return open_photo(self.folder / photo.name, (photo.width, photo.height))


def load_coco(split: str = "val2017", root: Path | None = None) -> Coco:
    """Instances and captions of "train2017" or "val2017"; reads no photo. root: instead of AIGC_DATA/coco.

    The numbers of the 80 classes run from 1 to 90 with ten gaps; labels run from 0 to 79.
    MissingData where a part is not there, DamagedData where it cannot be read or does not belong together.
    """
    if split not in SPLITS:
        raise ValueError(f"split 应当是 {' 或 '.join(SPLITS)}，现在是 {split!r}。")
    root = root or dataset("coco").folder
    if not (root / split).is_dir():
        packed = (root / f"{split}.zip").is_file()
        raise MissingData(f"没有文件夹 {root / split}：" + (f"把 {split}.zip 就地解开。" if packed else HOW_TO))
    instances, captions = (_read(root, f"{kind}_{split}.json") for kind in ("instances", "captions"))
    try:
        classes = sorted((int(c["id"]), c["name"]) for c in instances["categories"])
        photos = [Photo(p["id"], p["file_name"], p["width"], p["height"]) for p in instances["images"]]
        label_of = {number: label for label, (number, _) in enumerate(classes)}
        things: dict[int, list[Thing]] = {photo.id: [] for photo in photos}
        told: dict[int, list[str]] = {photo.id: [] for photo in photos}
        for a in instances["annotations"]:
            things[a["image_id"]].append(Thing(label_of[a["category_id"]], tuple(a["bbox"]), a["area"],
                                               bool(a["iscrowd"]), a["segmentation"]))
        for a in captions["annotations"]:
            told[a["image_id"]].append(a["caption"].strip())
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedData(f"{split} 的标注里缺项，或指向没有的图片、类别（{error}）：几个 json 不配套，"
                          "请重新解开 annotations_trainval2017.zip。") from error
    return Coco(root / split, [name for _, name in classes], [number for number, _ in classes], photos, things, told)


def _read(root: Path, name: str) -> dict:
    path = root / "annotations" / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingData(f"没有 {path}：把 annotations_trainval2017.zip 就地解开。{HOW_TO}") from error
    except (ValueError, OSError) as error:
        raise DamagedData(f"{path} 读不出来（{error}）：多半没有下完，请重新下载再解开。") from error


def mask(thing: Thing, height: int, width: int) -> np.ndarray:
    """What the annotation covers: bool (height, width)."""
    if isinstance(thing.segmentation, list):
        return polygon_mask(thing.segmentation, height, width)
    counts = thing.segmentation["counts"]
    return rle_decode(rle_counts(counts) if isinstance(counts, str) else counts, height, width)


def polygon_mask(polygons: Sequence[Sequence[float]], height: int, width: int) -> np.ndarray:
    """Polygons [x0, y0, x1, y1, ...] -> bool (height, width): pixels whose centre lies inside one of them.

    pycocotools draws the outline with a brush, so that its edges may differ by a pixel.
    """
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    covered = np.zeros((height, width), bool)
    for polygon in polygons:
        points = np.reshape(polygon, (-1, 2))
        inside = np.zeros((height, width), bool)
        for (x0, y0), (x1, y1) in pairwise([*points, points[0]]):
            if y0 != y1:  # the line from the pixel to the right crosses this side
                inside ^= ((y0 <= y) != (y1 <= y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        covered |= inside
    return covered


def rle_decode(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """Run lengths -> bool (height, width). Runs go down the columns, one after the other, and begin with "outside"."""
    counts = np.asarray(counts, np.int64)
    if (counts < 0).any() or counts.sum() != height * width:
        raise DamagedData(f"RLE 掩码的长度加起来是 {counts.sum()}，应当是 {height}×{width}＝{height * width}："
                          "标注坏了，或图片大小不对。")
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def rle_encode(covered: np.ndarray) -> list[int]:
    """bool (height, width) -> run lengths, the inverse of `rle_decode`."""
    line = covered.T.ravel()
    edges = np.flatnonzero(line[1:] != line[:-1]) + 1
    runs = np.diff([0, *edges, len(line)]).tolist()
    return [0, *runs] if line[0] else runs


def rle_text(counts: Sequence[int]) -> str:
    """Run lengths as COCO's short text: from the fourth on, the difference to two before; 5 bits a character."""
    text = []
    for i, count in enumerate(counts):
        x, more = int(count) - (int(counts[i - 2]) if i > 2 else 0), True
        while more:
            bits, x = x & 31, x >> 5
            more = x != (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + (32 if more else 0)))
    return "".join(text)


def rle_counts(text: str) -> list[int]:
    """COCO's short text -> run lengths, the inverse of `rle_text`."""
    counts, value, shift = [], 0, 0
    for character in text:
        bits = ord(character) - 48
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        value -= (1 << shift) if bits & 16 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts
