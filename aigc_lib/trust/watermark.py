"""A mark in the pixels themselves: weak noise that only its key finds again.

Spread spectrum (Cox, Kilian, Leighton & Shamoon 1997): much too weak to see at any one pixel, it adds up over
all of them. The noise is one tile, repeated over the picture, so that a cut or a shifted picture still holds
whole tiles and the shift is found by correlation (Kalker, Depovere, Haitsma & Maes 1999). It withstands cutting,
not turning or a changed scale: both change the tile.
"""

import numpy as np

TILE = 60  # pixels; no multiple of 8, or the blocks of JPEG would add up to a tile of their own
BAND = 0.04, 0.2  # waves a pixel: below lies the picture, above lies what JPEG and a smaller copy throw away
FLAT = 8.0  # grey levels: whatever stands out more from its surroundings is an edge, and is cut off to this


def _frequencies() -> np.ndarray:
    waves = np.fft.fftfreq(TILE)
    return np.hypot(waves, waves[:, None])


def tile(key: int) -> np.ndarray:
    """The key's tile (TILE, TILE): noise within BAND, mean 0, standard deviation 1."""
    noise = np.random.default_rng(key).standard_normal((TILE, TILE))
    inside = (BAND[0] <= _frequencies()) & (_frequencies() <= BAND[1])
    shaped = np.fft.ifft2(np.fft.fft2(noise) * inside).real
    return shaped / shaped.std()


def embed(pixels: np.ndarray, key: int, strength: float = 3.0) -> np.ndarray:
    """Pixels (H, W, 3) of uint8 with the key's noise added, ``strength`` grey levels of standard deviation."""
    height, width = _check(pixels)
    noise = np.tile(tile(key), (-(-height // TILE), -(-width // TILE)))[:height, :width, None]
    return (pixels + strength * noise).round().clip(0, 255).astype(np.uint8)


def detect(pixels: np.ndarray, key: int) -> float:
    """How clearly the key's tile is in pixels (H, W, 3): the highest correlation over all shifts, in deviations.

    An unmarked picture scores about 4, being the largest of many chance values. What counts as found has to be
    set on unmarked pictures.
    """
    seen, wanted = np.fft.fft2(_folded(pixels)), np.fft.fft2(tile(key))
    phases = seen / (np.abs(seen) + 1e-9)  # every frequency counts alike, however strong the picture is there
    match = np.fft.ifft2(phases * wanted.conj()).real
    return float((match.max() - match.mean()) / match.std())


def _folded(pixels: np.ndarray) -> np.ndarray:
    """What the tiles of a picture have in common, (TILE, TILE): fine detail, averaged over all tiles."""
    from scipy.ndimage import gaussian_filter  # here, because scipy takes a while to import

    height, width = _check(pixels)
    grey = pixels.astype(np.float32).mean(2)
    fine = (grey - gaussian_filter(grey, 4)).clip(-FLAT, FLAT)
    rows, columns = height // TILE, width // TILE
    return fine[:rows * TILE, :columns * TILE].reshape(rows, TILE, columns, TILE).mean((0, 2))


def _check(pixels: np.ndarray) -> tuple[int, int]:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < TILE:
        raise ValueError(f"expected pixels (H, W, 3) of uint8, at least {TILE} a side, found {pixels.dtype} {pixels.shape}.")
    return pixels.shape[:2]
