"""Grey pictures as lossless WebP sheets, one a class: what `datasets._read_sheet` reads."""

from pathlib import Path

import numpy as np
from PIL import Image

COLUMNS = 25


def write_sheet(path: Path, images: np.ndarray) -> None:
    """Pictures (N, 28, 28) of one class as a sheet of COLUMNS a row; proves that nothing was lost."""
    sheet = images.reshape(-1, COLUMNS, 28, 28).transpose(0, 2, 1, 3).reshape(-1, COLUMNS * 28)
    Image.fromarray(sheet).save(path, "WEBP", lossless=True, quality=90, method=6, exact=True)
    with Image.open(path) as written:
        if not np.array_equal(np.asarray(written.convert("L")), sheet):
            raise ValueError(f"{path}: decoded pixels differ from the source")


def write_split(folder: Path, name: str, images: np.ndarray, labels: np.ndarray) -> None:
    """Ten sheets, and the labels in order, from which the loader restores the row order."""
    for c in range(10):
        write_sheet(folder / f"{name}_{c}.webp", images[labels == c])
        print(f"{name}_{c}.webp", flush=True)
    (folder / f"{name}_labels.txt").write_text("".join(map(str, labels)) + "\n", encoding="ascii", newline="\n")
