"""Small scenes and the Chinese captions that go with them: one real garment, coloured, sized and placed.

A scene is a row of four whole numbers, one for each of ``ATTRIBUTES``, each an index into its ``WORDS``.
The garments are Fashion-MNIST pictures; colour, size and place are ours, so the caption is right by construction.
"""

from functools import cache
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

ATTRIBUTES = ["种类", "颜色", "大小", "位置"]
WORDS = {
    "种类": ["T恤", "裤子", "连衣裙", "运动鞋", "包", "短靴"],
    "颜色": ["红色", "黄色", "绿色", "青色", "蓝色", "紫色"],
    "大小": ["大", "小"],
    "位置": ["左上角", "右上角", "左下角", "右下角", "正中间"],
}
MEASURES = ["件", "条", "条", "只", "个", "只"]
FASHION_LABELS = torch.tensor([0, 1, 3, 7, 8, 9])  # of the kinds, in Fashion-MNIST
COLOURS = torch.tensor([[255, 60, 60], [255, 220, 40], [60, 200, 60], [60, 220, 230], [70, 110, 255], [200, 80, 240]]) / 255
SIDES = (20, 14)  # pixels of a big and of a small garment on a canvas of 28
CANVAS = 28
FORMS = ["{place}有一{measure}{colour}的{size}{kind}", "一{measure}{size}的{colour}{kind}，在{place}"]


def all_scenes() -> Tensor:
    """Every combination of the attributes: (360, 4)."""
    return torch.tensor(list(product(*(range(len(WORDS[a])) for a in ATTRIBUTES))))


def describe(scene: Tensor, form: int = 0) -> str:
    """A scene (4,) in words; ``form`` picks one of ``FORMS``."""
    kind, colour, size, place = (WORDS[a][int(i)] for a, i in zip(ATTRIBUTES, scene))
    return FORMS[form].format(kind=kind, colour=colour, size=size, place=place, measure=MEASURES[int(scene[0])])


@cache
def _alphabet() -> frozenset[str]:
    return frozenset("".join(describe(scene, form) for scene in all_scenes() for form in range(len(FORMS))))


def understand(text: str) -> Tensor:
    """The scene (4,) that a text names. ValueError, with the known words, for what is unknown, missing or twofold."""
    known = "；".join(f"{a}：{'、'.join(WORDS[a])}" for a in ATTRIBUTES)
    strange = "".join(dict.fromkeys(c for c in text if c not in _alphabet()))
    if strange:
        raise ValueError(f"不认识“{strange}”。认识的词有：{known}。")
    found = {a: [i for i, word in enumerate(WORDS[a]) if word in text] for a in ATTRIBUTES}
    for attribute, hits in found.items():
        if len(hits) != 1:
            raise ValueError(f"{attribute}要说一个，这里说了 {len(hits)} 个。认识的词有：{known}。")
    return torch.tensor([hits[0] for hits in found.values()])


def draw(scenes: Tensor, pictures: Tensor, labels: Tensor, seed: int = 0) -> Tensor:
    """One canvas a scene, each with a garment drawn at random from ``pictures`` (N, 1, 28, 28) of its kind.

    scenes (M, 4), labels (N,) of Fashion-MNIST -> (M, 3, 28, 28) in [-1, 1]. The garment stands up to one
    pixel beside its place.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = {k: (labels == FASHION_LABELS[k]).nonzero()[:, 0] for k in range(len(WORDS["种类"]))}
    canvas = torch.zeros(len(scenes), 3, CANVAS, CANVAS)
    for i, (kind, colour, size, place) in enumerate(scenes.tolist()):
        pick = rows[kind][torch.randint(len(rows[kind]), (1,), generator=generator)]
        side = SIDES[size]
        garment = F.interpolate(pictures[pick], side, mode="bilinear", antialias=True)[0]
        top, left = _corner(place, CANVAS - side, generator)
        canvas[i, :, top:top + side, left:left + side] = ((garment + 1) / 2).clamp(0, 1) ** 0.7 * COLOURS[colour, :, None, None]
    return canvas * 2 - 1


def _corner(place: int, room: int, generator: torch.Generator) -> tuple[int, int]:
    """Top and left of a garment that leaves ``room`` pixels free."""
    top, left = [(0, 0), (0, room), (room, 0), (room, room), (room // 2, room // 2)][place]
    down, right = torch.randint(-1, 2, (2,), generator=generator).tolist()
    return min(max(top + down, 0), room), min(max(left + right, 0), room)
