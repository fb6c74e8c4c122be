"""What happens to a picture on its way, and what is done to it on purpose: file in, file out.

Ordinary handling knows nothing of marks; each of HANDLING takes pixels and gives pixels, and is saved anew. The
edits change as little of a PNG file as they can, checksums included, as somebody would who does not want it seen.
"""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aigc_lib.trust.provenance import as_picture, encode, label_plate, xmp_packet
from aigc_lib.trust.reader import PNG, png_chunks, read_marks

Pixels = Callable[[Image.Image], Image.Image]


def load(data: bytes) -> Image.Image:
    """The pixels of a file, RGB."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def _resized(picture: Image.Image, factor: float) -> Image.Image:
    return picture.resize([round(factor * side) for side in picture.size], Image.Resampling.LANCZOS)


def _trimmed(picture: Image.Image, share: float) -> Image.Image:
    """Without ``share`` of its width and height, the same at both ends."""
    dx, dy = (round(share / 2 * side) for side in picture.size)
    return picture.crop((dx, dy, picture.width - dx, picture.height - dy))


def _shot(picture: Image.Image, zoom: float) -> Image.Image:
    """A screenshot of a viewer's window: the picture on a grey desktop, off the corner."""
    shown = picture if zoom == 1 else _resized(picture, zoom)
    screen = Image.new("RGB", (shown.width + 61, shown.height + 87), (225, 228, 232))
    screen.paste(shown, (31, 53))
    return screen


def _noisy(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 8, (picture.height, picture.width, 1))
    return Image.fromarray((np.asarray(picture) + noise).round().clip(0, 255).astype(np.uint8))


# name -> (what happens to the pixels, the file they are saved as)
HANDLING: dict[str, tuple[Pixels, dict[str, Any]]] = {
    "另存为 JPEG，质量 90": (lambda p: p, {"kind": "jpeg", "quality": 90}),
    "另存为 JPEG，质量 50": (lambda p: p, {"kind": "jpeg", "quality": 50}),
    "另存为 WebP，质量 80": (lambda p: p, {"kind": "webp", "quality": 80}),
    "缩到一半再放回": (lambda p: _resized(_resized(p, 0.5), 2), {}),
    "四边共裁去 10%": (lambda p: _trimmed(p, 0.1), {}),
    "四边共裁去 25%": (lambda p: _trimmed(p, 0.25), {}),
    "截屏，原大": (lambda p: _shot(p, 1), {}),
    "截屏，缩到 80%": (lambda p: _shot(p, 0.8), {}),
    "加噪声（标准差 8）": (_noisy, {}),
}


def handle(name: str, data: bytes, keep_metadata: bool = False) -> bytes:
    """Open a file, do what HANDLING calls ``name``, and save it anew; as most programs do, without the metadata.

    keep_metadata: copy the XMP label to the new file, as a careful program would.
    """
    change, options = HANDLING[name]
    record = read_marks(data).aigc if keep_metadata else None
    return encode(change(load(data)), xmp=xmp_packet(record) if record else None, **options)


def regenerate(picture: Image.Image, rebuild: Callable[[Tensor], Tensor], side: int = 28) -> Image.Image:
    """The picture as a model paints it again: rebuild maps (1, 1, side, side) in [-1, 1] to the same.

    Watermarks in pixels are removed by generative models in this way (Zhao et al. 2024).
    """
    small = np.asarray(picture.convert("L").resize((side, side), Image.Resampling.BOX), np.float32)
    with torch.no_grad():
        again = rebuild(torch.from_numpy(small / 127.5 - 1)[None, None])
    return as_picture(again[0]).resize(picture.size, Image.Resampling.BICUBIC)


# edits of a PNG file


def _rewritten(data: bytes, change: Callable[[bytes, bytes], bytes | None]) -> bytes:
    """A PNG with ``change(type, body)`` in place of each chunk's body, checksums put right; None drops the chunk."""
    out = [PNG]
    for kind, body, _ in png_chunks(data):
        if (body := change(kind, body)) is not None:
            out += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(kind + body))]
    return b"".join(out)


def strip_metadata(data: bytes) -> bytes:
    """Every chunk that is not needed to show the picture is dropped; the pixels stay bit for bit."""
    return _rewritten(data, lambda kind, body: body if kind[:1].isupper() else None)


def edit_metadata(data: bytes, old: str, new: str) -> bytes:
    """Another text of the same length in the metadata chunks, the rest of the file as it was."""
    before, after = old.encode(), new.encode()
    if len(before) != len(after) or before not in data:
        raise ValueError(f"{old!r} must be in the file and as long as {new!r}, so that nothing else moves.")
    return _rewritten(data, lambda kind, body: body.replace(before, after) if kind == b"iTXt" else body)


def edit_pixel(data: bytes, row: int, column: int) -> bytes:
    """One pixel's red turned by one level; the metadata and the manifest are kept."""
    pixels = np.array(load(data))
    pixels[row, column, 0] ^= 1
    fresh = [body for kind, body, _ in png_chunks(encode(Image.fromarray(pixels))) if kind == b"IDAT"]
    queue = iter([b"".join(fresh)])
    return _rewritten(data, lambda kind, body: next(queue, None) if kind == b"IDAT" else body)


def flip_bit(data: bytes, bit: int) -> bytes:
    """One bit of the file turned, counted from its start; the checksums are put right where that is possible."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        return _rewritten(bytes(changed), lambda kind, body: body)
    except (ValueError, struct.error):  # the bit was in a chunk's length
        return bytes(changed)


def checksums_hold(data: bytes) -> bool:
    """Are all of a PNG's own checksums (CRC-32) right? They are for accidents; nobody signs them."""
    try:
        return all(zlib.crc32(kind + body) == struct.unpack(">I", data[place.stop - 4:place.stop])[0]
                   for kind, body, place in png_chunks(data))
    except (ValueError, struct.error):
        return False


# the visible label, found by a machine


def label_score(picture: Image.Image, scales: tuple[float, ...] = (0.8, 0.9, 1.0, 1.12)) -> float:
    """How well the label matches anywhere in the picture, -1 to 1: normalised correlation, at a few sizes of label.

    This stands in for an eye: it wants the whole plate, where a person still reads half of one. Works at half size.
    """
    from scipy.ndimage import uniform_filter  # here, because scipy takes a while to import
    from scipy.signal import fftconvolve

    grey = np.asarray(_resized(picture, 0.5).convert("L"), np.float32) / 255
    plate, best = label_plate(min(picture.size)), -1.0
    for scale in scales:
        t = np.asarray(_resized(plate, scale / 2).convert("L"), np.float32) / 255
        t = t - t.mean()
        match = fftconvolve(grey, t[::-1, ::-1], "valid") / t.size
        windows = tuple(slice(n // 2, n // 2 + m) for n, m in zip(t.shape, match.shape))  # those inside the picture
        mean, power = (uniform_filter(v, t.shape)[windows] for v in (grey, grey * grey))
        best = max(best, float((match / np.sqrt((power - mean * mean).clip(1e-3) * (t * t).mean())).max()))
    return best
