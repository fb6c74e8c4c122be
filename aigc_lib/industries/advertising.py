"""Advertisements (section 4.3): a picture in a brand's few colours, with a slogan and both marks of generated media.

The marks follow China's measures of 2025: one that a person sees, one that a program reads (GB 45438-2025).
"""

import io
import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.font_manager import get_font
from PIL import Image, ImageDraw, ImageFilter, ImageFont, PngImagePlugin
from torch import Tensor

from aigc_lib.checks import check_tensor
from aigc_lib.style import FONT_FILE

VISIBLE_MARK = "人工智能生成"
MARK_KEY = "AIGC"  # of the PNG text chunk
MARK_SHARE = 0.055  # height of the visible mark's letters; the standard wants 5 % of the shorter side
SIZE = (210, 290)  # width and height of an ad, pixels
ART = 186  # side of the picture in it
PAPER = 0.94  # lightness from which on a pixel counts as white
SOFTEN = 0.8  # pixels: a generator's grain would become specks of colour
FINER = 2  # drawn so many times larger, then reduced: smooth edges


class Brand(NamedTuple):
    """A name and its colours from dark to light: ink, main colour, accent, paper. Each is (red, green, blue), 0..255."""

    name: str
    palette: tuple[tuple[int, int, int], ...]


def kind_number(kind: str, kinds: Sequence[str]) -> int:
    """The place of a kind in ``kinds``; a ValueError in Chinese that lists them all for one that is not there."""
    if kind not in kinds:
        raise ValueError(f"没有“{kind}”这一类。能画的有：{'、'.join(kinds)}。")
    return list(kinds).index(kind)


def paint(x: Tensor, palette: Sequence[tuple[int, int, int]], side: int) -> Image.Image:
    """A picture (3, H, W) in [-1, 1] as flat areas of the palette, ``side`` pixels wide.

    What is nearly white becomes the last colour, the paper; the rest is cut by lightness into even steps for the
    others. Whatever the picture's own colours were, the ad has the brand's and no others.
    """
    check_tensor(x, "picture", (3, None, None), -1.01, 1.01)
    pixels = ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    grey = Image.fromarray(pixels).convert("L").filter(ImageFilter.GaussianBlur(SOFTEN))
    large = grey.resize((side * FINER, side * FINER), Image.Resampling.BICUBIC)
    place = np.searchsorted(np.linspace(0, PAPER, len(palette))[1:], np.asarray(large, np.float64) / 255)
    if (place == len(palette) - 1).all():
        raise ValueError("the picture is empty: nothing in it is darker than paper.")
    painted = Image.fromarray(np.array(palette, np.uint8)[place])
    return painted.resize((side, side), Image.Resampling.BOX)


def compose(x: Tensor, brand: Brand, slogan: str) -> Image.Image:
    """An ad of SIZE: picture (3, H, W), slogan, brand, and the visible mark. Raises ValueError for a slogan too long."""
    absent = {character for character in slogan + brand.name if ord(character) not in get_font(FONT_FILE).get_charmap()}
    if absent:
        raise ValueError(f"the course's font has no glyph for {'、'.join(sorted(absent))}; choose other words.")
    ink, main, _, paper = brand.palette
    ad = Image.new("RGB", SIZE, paper)
    ad.paste(paint(x, brand.palette, ART), ((SIZE[0] - ART) // 2, 14))
    pen = ImageDraw.Draw(ad)
    words, name, mark = (ImageFont.truetype(str(FONT_FILE), size) for size in (21, 13, _mark_size()))
    if pen.textlength(slogan, words) > SIZE[0] - 24:
        raise ValueError(f"the slogan {slogan!r} does not fit on one line; at most 8 Chinese characters do.")
    pen.text((SIZE[0] / 2, 222), slogan, ink, words, anchor="mm")
    pen.rectangle((0, 246, SIZE[0], SIZE[1]), main)
    pen.text((12, 268), brand.name, paper, name, anchor="lm")
    pen.text((SIZE[0] - 10, 268), VISIBLE_MARK, paper, mark, anchor="rm")
    return ad


def _mark_size() -> int:
    """The smallest font size whose Chinese letters are MARK_SHARE of the shorter side high."""
    wanted = MARK_SHARE * min(SIZE)
    for size in range(6, 60):
        _, top, _, bottom = ImageFont.truetype(str(FONT_FILE), size).getbbox("国")
        if bottom - top >= wanted:
            return size
    raise ValueError("an ad so large needs a larger mark than this module draws")


def to_png(ad: Image.Image, producer: str, number: str) -> bytes:
    """The ad as PNG with the implicit mark: who made it with what number, in a text chunk that no eye sees."""
    record = {"Label": "1", "ContentProducer": producer, "ProduceID": number, "ReservedCode1": "",
              "ContentPropagator": "", "PropagateID": "", "ReservedCode2": ""}
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(MARK_KEY, json.dumps(record, ensure_ascii=False))
    out = io.BytesIO()
    ad.save(out, "PNG", pnginfo=chunks, optimize=True)
    return out.getvalue()


def read_mark(png: bytes) -> dict | None:
    """The implicit mark of a PNG, or None when it carries none."""
    with Image.open(io.BytesIO(png)) as image:
        text = getattr(image, "text", {}).get(MARK_KEY)
    return json.loads(text) if text else None


def as_tensor(pngs: Sequence[bytes]) -> Tensor:
    """PNG files of one size as pictures (N, 3, H, W) in [-1, 1], to be shown in a grid."""
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) for png in pngs])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
