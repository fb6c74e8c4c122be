"""Make data/fashion_mnist/ from the four official files of Fashion-MNIST.

    python data/prepare/fashion_mnist.py [FOLDER]

FOLDER holds the four .gz files: the official ones, or those of Debian's package
dataset-fashion-mnist (the default folder). The result is deterministic: the first
TRAIN_PER_CLASS pictures of each class in official order, and the whole test split.
Every sheet is decoded again and compared with the source pixel by pixel.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np
from sheets import write_split

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
TARGET = Path(__file__).resolve().parents[1] / "fashion_mnist"
TRAIN_PER_CLASS = 1800
# Of the decompressed bytes, because Debian compressed the files again.
SHA256 = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def read_idx(path: Path) -> bytes:
    """The decompressed bytes of one official file, checked."""
    content = gzip.decompress(path.read_bytes())
    if hashlib.sha256(content).hexdigest() != SHA256[path.name]:
        raise ValueError(f"{path} is not the official file: sha256 of its content differs")
    return content


def read_split(folder: Path, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, 28, 28) uint8 and labels (N,) uint8 in official order."""
    images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")
    return (
        np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28),
        np.frombuffer(labels, np.uint8, offset=8),
    )


def balanced_subset(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Positions of the first per_class rows of each class, in official order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:per_class] for c in range(10)]))


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else DEBIAN
    images, labels = read_split(source, "train")
    keep = balanced_subset(labels, TRAIN_PER_CLASS)
    write_split(TARGET, "train", images[keep], labels[keep])
    write_split(TARGET, "test", *read_split(source, "t10k"))


if __name__ == "__main__":
    main()
