"""Solar cells that glow in the dark: the ELPV electroluminescence pictures, read from the package elpv-dataset."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from aigc_lib.catalog import DamagedData, MissingData, data_file

RAW_SIDE = 300  # pixels of a picture in the package
CELL_SIDE = 100  # pixels of a picture here: means of 3x3


class CellLabels(NamedTuple):
    """What is known of each of the 2,624 cells, in the order of the package's files."""

    paths: list[str]
    probability: np.ndarray  # (N,) float64: 0, 1/3, 2/3 or 1, how sure the experts were that it is defective
    mono: np.ndarray  # (N,) bool: monocrystalline; else polycrystalline


def load_elpv_labels() -> CellLabels:
    """The table of labels; no picture is opened. Buerhop-Lutz et al. 2018; Deitsch et al. 2019, 2021."""
    lines = data_file("elpv", "data/labels.csv").read_text(encoding="utf-8").split("\n")
    rows = [line.split() for line in lines if line.strip()]
    probability = np.array([round(3 * float(row[1])) / 3 for row in rows])  # written as 0.3333333333333333
    return CellLabels([row[0] for row in rows], probability, np.array([row[2] == "mono" for row in rows]))


def load_elpv_pictures(rows: np.ndarray | None = None) -> Tensor:
    """Pictures (N, 1, 100, 100) in [-1, 1], dark is -1; ``rows``: which of the labels' rows, in which order.

    The PNG files carry checksums of their own; one that cannot be read whole is DamagedData.
    """
    labels, folder = load_elpv_labels(), data_file("elpv", "data/labels.csv").parent
    paths = labels.paths if rows is None else [labels.paths[row] for row in rows]
    pixels = np.stack([_read_cell(folder / path) for path in paths])
    parts = [F.avg_pool2d(torch.from_numpy(part).float()[:, None], RAW_SIDE // CELL_SIDE)
             for part in np.array_split(pixels, -(-len(pixels) // 256))]
    return torch.cat(parts) / 127.5 - 1


def _read_cell(path) -> np.ndarray:
    remedy = "Run `pip install --force-reinstall elpv-dataset`."
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image)
    except FileNotFoundError as error:
        raise MissingData(f"{path} is missing. {remedy}") from error
    except (OSError, SyntaxError) as error:  # how Pillow reports a broken PNG
        raise DamagedData(f"{path} cannot be read as a picture ({error}). {remedy}") from error
    if pixels.shape != (RAW_SIDE, RAW_SIDE) or pixels.dtype != np.uint8:
        raise DamagedData(f"{path} should be {RAW_SIDE}x{RAW_SIDE} grey pixels, found {pixels.shape}. {remedy}")
    return pixels
