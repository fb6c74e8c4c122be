"""Measure the facts that data/fashion_mnist/card.md states about duplicates and classes.

python data/prepare/fashion_mnist_facts.py [FOLDER]      (FOLDER as for fashion_mnist.py)
"""

import sys
from pathlib import Path

import torch
from fashion_mnist import DEBIAN, read_split

from aigc_lib.datasets import FASHION_CLASSES, load_fashion_mnist


def duplicates(folder: Path) -> None:
    """Pictures that are the same, pixel by pixel, in the official files."""
    train, test = ([picture.tobytes() for picture in read_split(folder, prefix)[0]] for prefix in ("train", "t10k"))
    print("same picture within train:", len(train) - len(set(train)))
    print("same picture within test:", len(test) - len(set(test)))
    print("same picture in train and test:", len(set(train) & set(test)))


def neighbours() -> None:
    """The nearest training picture of each test picture: how near, and of which class."""
    (train, train_y), (test, test_y) = load_fashion_mnist("train"), load_fashion_mnist("test")
    nearest = [torch.cdist(part.flatten(1), train.flatten(1)).min(1) for part in test.split(500)]
    rms = torch.cat([n.values for n in nearest]) / 28 * 127.5  # grey levels
    found = train_y[torch.cat([n.indices for n in nearest])]
    for limit in (5, 10):
        near = rms < limit
        print(f"nearer than {limit} grey levels: {near.sum()}, of another class: {(found != test_y)[near].sum()}")
    print(f"1-NN accuracy: {(found == test_y).float().mean():.4f}")
    shirts = found[test_y == 6].bincount(minlength=10)
    print("shirts are taken for:", {name: int(n) for name, n in zip(FASHION_CLASSES, shirts)})


if __name__ == "__main__":
    duplicates(Path(sys.argv[1]) if len(sys.argv) > 1 else DEBIAN)
    neighbours()
