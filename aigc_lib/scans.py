"""Medical pictures: slices of one real head, and small chest X-rays that stay with whoever fetched them."""

from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aigc_lib.catalog import DamagedData, data_file, dataset

HEAD_SLICES, HEAD_SIDE = 12, 128
XRAYS = "pneumoniamnist.npz"
XRAY_SPLITS = ("train", "val", "test")


def load_colin27() -> Tensor:
    """12 axial slices, bottom to top, of the MRI of one man's head: (12, 1, 128, 128) in [-1, 1], nose up.

    The average of 27 scans of the same volunteer, Holmes et al. 1998. One person: nothing to split, train or test on.
    """
    with Image.open(data_file("colin27", "slices.webp")) as image:
        pixels = np.asarray(image.convert("L")).reshape(HEAD_SLICES, 1, HEAD_SIDE, HEAD_SIDE)
    return torch.from_numpy(pixels.astype(np.float32)) / 127.5 - 1


class XRays(NamedTuple):
    """PneumoniaMNIST: split -> pictures (N, 1, 28, 28) in [-1, 1] and labels (N,), 1 pneumonia; is it the official file."""

    pictures: dict[str, Tensor]
    labels: dict[str, Tensor]
    official: bool


def load_pneumonia_mnist() -> XRays:
    """Chest X-rays of children, 28x28, in the official splits train, val and test. Yang et al. 2023; Kermany et al. 2018.

    A file that is not the official one is read all the same, if it holds what it should; ``official`` tells. Who is
    in which picture is not recorded. MissingData without the file, DamagedData where it cannot be used.
    """
    path = dataset("medmnist").folder / XRAYS
    try:
        path, official = data_file("medmnist", XRAYS), True  # without it, this says how to get it
    except DamagedData:
        official = False
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        pictures = {s: _xray_pictures(arrays[f"{s}_images"], s) for s in XRAY_SPLITS}
        labels = {s: _xray_labels(arrays[f"{s}_labels"], len(pictures[s]), s) for s in XRAY_SPLITS}
    except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
        raise DamagedData(f"{path} is damaged: {error}. Fetch it again: `aigc data fetch medmnist`.") from error
    return XRays(pictures, labels, official)


def _xray_pictures(pixels: np.ndarray, split: str) -> Tensor:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[1:] != (28, 28) or not len(pixels):
        raise ValueError(f"{split} should hold uint8 pictures (N, 28, 28), found {pixels.dtype} {pixels.shape}")
    return torch.from_numpy(pixels.astype(np.float32))[:, None] / 127.5 - 1


def _xray_labels(labels: np.ndarray, n: int, split: str) -> Tensor:
    if labels.shape != (n, 1) or not np.isin(labels, (0, 1)).all():
        raise ValueError(f"{split} should hold {n} labels 0 or 1, found {labels.shape}")
    return torch.from_numpy(labels[:, 0].astype(np.int64))
