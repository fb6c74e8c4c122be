"""Photographs as they lie in large public collections: colours, formats and turns that a loader must settle."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from aigc_lib.catalog import DamagedData, MissingData

SMALLER_SIDE = 256 / 224  # a photo is shrunk until its smaller side is this many times the square cut from it


def open_photo(path: Path, size: tuple[int, int] | None = None) -> Image.Image:
    """The photo in three colours, whatever its file holds: grey, CMYK, a palette, PNG under a JPEG's name.

    Pixels stay as they are stored, since labels and boxes were drawn on those. Only where ``size`` (width, height)
    is known and fits no other way, the camera's note of how it was held (EXIF) turns the photo.
    MissingData without the file, DamagedData where it cannot be read, in one Chinese sentence each.
    """
    try:
        with Image.open(path) as image:
            photo = image.convert("RGB")
            turned = ImageOps.exif_transpose(image).convert("RGB") if size not in (None, photo.size) else photo
    except FileNotFoundError as error:
        raise MissingData(f"图片 {path.name} 不在 {path.parent} 里：压缩包没有解全，请再解一遍。") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DamagedData(f"图片 {path.name} 打不开（{error}）：多半是没有下完，请从官方压缩包重新解出这一张。") from error
    for fitting in (photo, turned):
        if size in (None, fitting.size):
            return fitting
    raise DamagedData(f"图片 {path.name} 是 {photo.width}×{photo.height}，标注说是 {size[0]}×{size[1]}："
                      "图片和标注不是同一个版本，请换成配套的。")


def squares(photos: list[Image.Image], side: int) -> Tensor:
    """Photos of any size -> (N, 3, side, side) in [-1, 1]: shrunk to the smaller side, then cut from the middle.

    The usual way to test on ImageNet; what lies at the long ends is lost.
    """
    made = torch.empty(len(photos), 3, side, side)
    for row, photo in enumerate(photos):
        scale = SMALLER_SIDE * side / min(photo.size)
        width, height = (max(side, round(length * scale)) for length in photo.size)
        left, top = (width - side) // 2, (height - side) // 2
        small = photo.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + side, top + side))
        made[row] = torch.from_numpy(np.asarray(small, np.float32) / 127.5 - 1).permute(2, 0, 1)
    return made
