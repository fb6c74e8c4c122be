"""Make data/colin27/ from ch2.nii.gz of Debian's mricron-data (Colin27 in MNI space, 1 mm).

    apt-get download mricron-data && dpkg-deb -x mricron-data_*.deb unpacked
    python data/prepare/colin27.py unpacked/usr/share/mricron/templates/ch2.nii.gz

Keeps 12 axial slices, 8 mm apart, centred in a square of 256 mm and halved to 2 mm, nose up, as one column.
The header is read by hand: 348 bytes, little-endian, uint8 voxels from the offset at byte 108 (NIfTI-1).
"""

import gzip
import sys
from pathlib import Path

import numpy as np
from PIL import Image

TARGET = Path(__file__).resolve().parents[1] / "colin27"
SHAPE, UINT8 = (181, 217, 181), 2
FIRST, APART, SLICES, FRAME = 45, 8, 12, 256  # the lowest slice is 26 mm below the origin of MNI space


def read_nifti(path: Path) -> np.ndarray:
    """Voxels (right, front, up) uint8; SystemExit for another file than the one described above."""
    content = gzip.decompress(path.read_bytes())
    shape = tuple(np.frombuffer(content, "<i2", 3, 42))
    kind, offset = int(np.frombuffer(content, "<i2", 1, 70)[0]), int(np.frombuffer(content, "<f4", 1, 108)[0])
    if shape != SHAPE or kind != UINT8:
        raise SystemExit(f"{path} holds voxels {shape} of type {kind}, expected {SHAPE} of type {UINT8}")
    return np.frombuffer(content, np.uint8, np.prod(SHAPE), offset).reshape(SHAPE, order="F")


def main() -> None:
    voxels = read_nifti(Path(sys.argv[1]))[:, :, FIRST:FIRST + APART * SLICES:APART]
    sheet = np.zeros((SLICES, FRAME, FRAME), np.uint8)
    down, right = (FRAME - SHAPE[1]) // 2, (FRAME - SHAPE[0]) // 2
    sheet[:, down:down + SHAPE[1], right:right + SHAPE[0]] = voxels.transpose(2, 1, 0)[:, ::-1]
    halved = sheet.reshape(SLICES * FRAME // 2, 2, FRAME // 2, 2).mean((1, 3)).round().astype(np.uint8)
    TARGET.mkdir(exist_ok=True)
    Image.fromarray(halved).save(TARGET / "slices.webp", lossless=True, quality=90, method=6, exact=True)
    print(halved.shape, (TARGET / "slices.webp").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
