"""Make data/twemoji/ from the npm package emoji-datasource-twitter 16.0.0 (the graphics are Twemoji 16.0.1).

    npm pack emoji-datasource-twitter@16.0.0 && tar xzf emoji-datasource-twitter-16.0.0.tgz
    python data/prepare/twemoji.py package

Keeps the plain form of each emoji in the subcategories that an advertisement can use, on white, at half size;
drops a picture when an earlier one is the same but for its colours, its mirror image or a pixel's shift.
Writes one sheet, and a table with one line a picture: its kind (place in KINDS) and its English name.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

TARGET = Path(__file__).resolve().parents[1] / "twemoji"
KINDS = {"Food & Drink": 0, "Animals & Nature": 1, "Objects": 2, "Activities": 2, "Travel & Places": 3,
         "Smileys & Emotion": 4}
LEFT_OUT = {"time", "heart", "emotion", "cat-face", "monkey-face", "face-costume"}  # clock dials, hearts, masks
SIDE, COLUMNS = 32, 30
ALIKE = 0.9  # correlation of the standardised grey pictures


def picture(path: Path) -> np.ndarray:
    """A 64x64 PNG with transparency on white, each 2x2 pixels averaged: (32, 32, 3) uint8."""
    with Image.open(path) as image:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
    return np.asarray(paper.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))


def standard(x: np.ndarray) -> np.ndarray:
    """Grey, mean 0, length 1, flattened: the dot product of two is their correlation."""
    grey = x.mean(-1).ravel()
    grey = grey - grey.mean()
    return grey / np.linalg.norm(grey)


def views(x: np.ndarray) -> np.ndarray:
    """The picture and its mirror image, each shifted by up to a pixel: (18, pixels), standardised."""
    return np.stack([standard(np.roll(y, (down, right), (0, 1)))
                     for y in (x, x[:, ::-1]) for down in (-1, 0, 1) for right in (-1, 0, 1)])


def main() -> None:
    package = Path(sys.argv[1])
    entries = json.loads((package / "emoji.json").read_text(encoding="utf-8"))
    entries.sort(key=lambda entry: entry["sort_order"])
    entries = [e for e in entries if e["category"] in KINDS and e["subcategory"] not in LEFT_OUT]
    kept, known = [], np.empty((0, SIDE * SIDE))
    for entry in entries:
        x = picture(package / "img" / "twitter" / "64" / entry["image"])
        if len(known) and (views(x) @ known.T).max() > ALIKE:
            continue
        kept.append((x, KINDS[entry["category"]], entry["short_name"]))
        known = np.concatenate([known, standard(x)[None]])
    sheet = np.full((-(-len(kept) // COLUMNS) * COLUMNS, SIDE, SIDE, 3), 255, np.uint8)
    sheet[:len(kept)] = [x for x, _, _ in kept]
    sheet = sheet.reshape(-1, COLUMNS, SIDE, SIDE, 3).swapaxes(1, 2).reshape(-1, COLUMNS * SIDE, 3)
    TARGET.mkdir(exist_ok=True)
    Image.fromarray(sheet).save(TARGET / "pictures.webp", lossless=True, quality=90, method=6, exact=True)
    lines = "".join(f"{kind}\t{name}\n" for _, kind, name in kept)
    (TARGET / "pictures.tsv").write_text(lines, encoding="utf-8", newline="\n")
    print(f"{len(entries)} pictures, {len(kept)} kept; by kind {np.bincount([kind for _, kind, _ in kept])}")


if __name__ == "__main__":
    main()
