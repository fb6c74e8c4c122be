"""ImageNet (ILSVRC 2012) as it is handed out: train/ by class, val/ flat, the labels in the devkit.

Deng et al. 2009; Russakovsky et al. 2015. Nothing is copied or renamed: the index holds names, a photo is read
when it is asked for. `data/imagenet/card.md` says how to get it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from scipy.io import loadmat
from scipy.io.matlab import MatReadError
from torch import Tensor

from aigc_lib.catalog import DamagedData, MissingData, dataset
from aigc_lib.photos import open_photo, squares

DEVKIT = "ILSVRC2012_devkit_t12/data"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"
VAL_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")
HOW_TO = "ImageNet 要在 image-net.org 注册、接受条款后自己下载，放法见 data/imagenet/card.md。"


class Synset(NamedTuple):
    """One class: its number in the devkit (from 1), its WordNet id, its names, how many training photos it has."""

    number: int
    wnid: str
    words: str
    photos: int


@dataclass(frozen=True)
class ImageNet:
    """An index of one split. classes[label] is sorted by WordNet id, as everyone trains; labels (N,) int64."""

    folder: Path
    classes: list[Synset]
    names: list[str]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.names)

    def photo(self, row: int) -> Image.Image:
        """One photo, in RGB, as large as it is stored."""
        return open_photo(self.folder / self.names[row])

    def batch(self, rows: Sequence[int], side: int) -> tuple[Tensor, Tensor]:
        """Photos (N, 3, side, side) in [-1, 1], cut from the middle, and their labels (N,)."""
        rows = [int(row) for row in rows]
        return squares([self.photo(row) for row in rows], side), self.labels[rows]


def load_imagenet(split: str, root: Path | None = None) -> ImageNet:
    """The index of "train" or "val"; reads names and labels, no photo. root: instead of AIGC_DATA/imagenet.

    "val" may lie flat, as handed out, or sorted into folders by class, as many keep it.
    MissingData where a part is not there, DamagedData where files are missing or do not belong together.
    """
    if split not in ("train", "val"):
        raise ValueError(f'split 应当是 "train" 或 "val"，现在是 {split!r}。')
    root = root or dataset("imagenet").folder
    classes = read_synsets(root / DEVKIT / "meta.mat")
    folder = root / split
    if not folder.is_dir():
        raise MissingData(f"没有文件夹 {folder}。{HOW_TO}")
    if split == "val" and any(VAL_NAME.fullmatch(path.name) for path in folder.iterdir()):
        names, labels = _flat(folder, classes, root / DEVKIT / TRUTH)
    else:
        names, labels = _by_class(folder, classes, whole=split == "train")
    return ImageNet(folder, classes, names, torch.tensor(labels, dtype=torch.int64))


def read_synsets(path: Path) -> list[Synset]:
    """The classes in meta.mat, sorted by WordNet id. Those with children are groups of classes and are left out."""
    if not path.is_file():
        raise MissingData(f"没有 {path}：把 ILSVRC2012_devkit_t12.tar.gz 解开，放在 imagenet/ 里。{HOW_TO}")
    try:
        table = loadmat(path, squeeze_me=True)["synsets"]
        fields = zip(*(table[name].tolist() for name in
                       ("ILSVRC2012_ID", "WNID", "words", "num_train_images", "num_children")), strict=True)
        found = [Synset(int(number), str(wnid), str(words), int(photos))
                 for number, wnid, words, photos, children in fields if not children]
    except (MatReadError, ValueError, KeyError, IndexError, TypeError, OSError, NotImplementedError) as error:
        raise DamagedData(f"{path} 读不出类别表（{error}）：请重新下载 devkit，再解一遍。") from error
    return sorted(found, key=lambda synset: synset.wnid)


def _flat(folder: Path, classes: list[Synset], truth: Path) -> tuple[list[str], list[int]]:
    """val/ as handed out. A photo's number, not its place in the list, says which line is its label."""
    if not truth.is_file():
        raise MissingData(f"没有 {truth}：val 的答案在 devkit 里，请把它解开。{HOW_TO}")
    label_of = {synset.number: label for label, synset in enumerate(classes)}
    try:
        answers = [label_of[int(line)] for line in truth.read_text(encoding="ascii").split()]
    except (KeyError, ValueError) as error:
        raise DamagedData(f"{truth.name} 里有类别表没有的编号（{error}）：devkit 的两个文件不配套，请重新解开。") from error
    names = sorted(path.name for path in folder.iterdir() if VAL_NAME.fullmatch(path.name))
    numbers = {int(VAL_NAME.fullmatch(name)[1]) for name in names}
    if lost := sorted(set(range(1, len(answers) + 1)) - numbers):
        raise DamagedData(f"val 应有 {len(answers)} 张，少了 {len(lost)} 张，第一张是 ILSVRC2012_val_{lost[0]:08d}.JPEG："
                          "请重新解开 ILSVRC2012_img_val.tar。")
    if len(names) > len(answers):
        raise DamagedData(f"val 有 {len(names)} 张，答案只有 {len(answers)} 行：答案文件不完整，请重新解开 devkit。")
    return names, answers


def _by_class(folder: Path, classes: list[Synset], whole: bool) -> tuple[list[str], list[int]]:
    """A folder a class. whole: there must be as many photos of each as meta.mat says."""
    names, labels = [], []
    for label, synset in enumerate(classes):
        here = folder / synset.wnid
        if not here.is_dir():
            packed = (folder / f"{synset.wnid}.tar").is_file()
            raise DamagedData(f"{folder} 里没有 {synset.wnid}（{synset.words}）："
                              + ("里面那些 .tar 还要各自解开一次。" if packed else "请重新解开这一类。"))
        found = sorted(path.name for path in here.iterdir() if path.suffix == ".JPEG")
        if whole and len(found) != synset.photos:
            raise DamagedData(f"{synset.wnid}（{synset.words}）应有 {synset.photos} 张，现在 {len(found)} 张："
                              "没有解全，请重新解开这一类。")
        names += [f"{synset.wnid}/{name}" for name in found]
        labels += [label] * len(found)
    return names, labels
