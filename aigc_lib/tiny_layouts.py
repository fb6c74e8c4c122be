"""Small stand-ins for ImageNet and COCO in their official layout, drawn from the course's own pictures.

Names, numbers and folders are those of the real collections, the photos are not: garments of Fashion-MNIST stand
for ten classes of ImageNet, Twemoji for classes of COCO. Each known trap of the real files is in them.
"""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import savemat
from scipy.spatial import ConvexHull

from aigc_lib.coco import rle_encode
from aigc_lib.datasets import load_fashion_mnist, load_twemoji
from aigc_lib.imagenet import DEVKIT, TRUTH

# class of Fashion-MNIST -> the nearest of ImageNet's 1,000
WNIDS = {"n03595614": "jersey, T-shirt, tee shirt", "n03594734": "jean, blue jean, denim",
         "n04370456": "sweatshirt", "n03450230": "gown", "n04479046": "trench coat", "n04133789": "sandal",
         "n02963159": "cardigan", "n04120489": "running shoe", "n04026417": "purse", "n03124170": "cowboy boot"}
COCO_NAMES = """person bicycle car motorcycle airplane bus train truck boat traffic-light fire-hydrant - stop-sign
parking-meter bench bird cat dog horse sheep cow elephant bear zebra giraffe - backpack umbrella - - handbag tie
suitcase frisbee skis snowboard sports-ball kite baseball-bat baseball-glove skateboard surfboard tennis-racket bottle
- wine-glass cup fork knife spoon bowl banana apple sandwich orange broccoli carrot hot-dog pizza donut cake chair
couch potted-plant bed - dining-table - - toilet - tv laptop mouse remote keyboard cell-phone microwave oven toaster
sink refrigerator - book clock vase scissors teddy-bear hair-drier toothbrush"""
CATEGORIES = [{"id": i, "name": name.replace("-", " "), "supercategory": ""}
              for i, name in enumerate(COCO_NAMES.split(), 1) if name != "-"]
DRAWN = ("car", "bus", "train", "airplane", "cat", "dog", "horse", "cow", "umbrella", "banana", "apple", "pizza",
         "cake", "broccoli", "carrot", "scissors", "book")
SENTENCES = ("There is {} on a plain ground.", "A picture of {}.", "Someone has drawn {} here.",
             "We see {} and nothing behind.", "{} on a pale sheet of paper.")


def make_imagenet(root: Path, train: int = 12, val: int = 40, seed: int = 0, sides: tuple[int, int] = (64, 130)) -> Path:
    """root/train, root/val and root/ILSVRC2012_devkit_t12 with ten classes, ``train`` photos each; returns root.

    sides: width and height of a photo lie between these, in pixels (in the real one most lie near 500 and 375).

    Among them: a CMYK JPEG, a PNG called .JPEG, grey photos, one with a note of how it was held (EXIF). The
    devkit's numbers do not follow the WordNet ids, and one group of classes is listed too, as in the real one.
    """
    rng = np.random.default_rng(seed)
    garments, kinds = load_fashion_mnist("test", 10 * train + val, seed)
    place = np.argsort(np.argsort(list(WNIDS)))  # of each class among the sorted WordNet ids
    order = (place + rng.integers(1, 10)) % 10  # its number in the devkit, less one: never the place
    for kind, wnid in enumerate(WNIDS):
        (root / "train" / wnid).mkdir(parents=True)
        for k, garment in enumerate(garments[:10 * train][kinds[:10 * train] == kind]):
            photo = _snap(garment, rng, sides)
            special = {(3, 0): "CMYK", (5, 0): "PNG", (7, 0): "EXIF"}.get((kind, k), "L" if k == 2 else "")
            _save(photo, root / "train" / wnid / f"{wnid}_{100 * k + kind + 7}.JPEG", special)
    (root / "val").mkdir()
    for k, garment in enumerate(garments[10 * train:], 1):
        _save(_snap(garment, rng, sides), root / "val" / f"ILSVRC2012_val_{k:08d}.JPEG", "L" if k % 9 == 0 else "")
    (root / DEVKIT).mkdir(parents=True)
    answers = [str(order[kind] + 1) for kind in kinds[10 * train:].tolist()]
    (root / DEVKIT / TRUTH).write_text("\n".join(answers) + "\n", encoding="ascii")
    rows = [(order[kind] + 1, wnid, words, "", 0, [], 0, train) for kind, (wnid, words) in enumerate(WNIDS.items())]
    rows += [(11, "n03122748", "covering", "", 10, list(range(1, 11)), 1, 0)]
    names = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images")
    table = np.empty(len(rows), [(name, object) for name in names])
    table[:] = sorted(rows, key=lambda row: row[0])
    savemat(root / DEVKIT / "meta.mat", {"synsets": table[:, None]})
    return root


def make_coco(root: Path, photos: int = 24, seed: int = 0) -> Path:
    """root/annotations and root/val2017 with ``photos`` drawn scenes and all 80 classes; returns root.

    Among them: a crowd with an RLE mask, a photo stored lying on its side, a grey one, one without any thing.
    """
    rng = np.random.default_rng(seed)
    pictures, _, names = load_twemoji()
    art = {name: _cut_out(pictures[names.index(name)]) for name in DRAWN}
    number_of = {c["name"]: c["id"] for c in CATEGORIES}
    images, annotations, captions = [], [], []
    (root / "val2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    for k in range(photos):
        canvas = np.full((int(rng.integers(90, 130)), int(rng.integers(130, 180)), 3), rng.integers(205, 245, 3), np.uint8)
        number = 139 + 146 * k
        found = [] if k == 4 else _scene(canvas, art, rng, crowd=k % 6 == 1)
        for name, covered, crowd in found:
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": number_of[name],
                                "iscrowd": int(crowd)} | _outline(covered, crowd))
        said = " and ".join(f"a {name}" if not crowd else f"many {name}s" for name, _, crowd in found) or "nothing"
        captions += [{"id": len(captions) + i, "image_id": number, "caption": text.format(said)}
                     for i, text in enumerate(SENTENCES)]
        images.append({"id": number, "file_name": f"{number:012d}.jpg", "height": canvas.shape[0], "width": canvas.shape[1]})
        _save(Image.fromarray(canvas), root / "val2017" / images[-1]["file_name"], {2: "L", 3: "EXIF"}.get(k, ""))
    shared = {"info": {"description": "drawn stand-in, not COCO"}, "licenses": [], "images": images}
    for kind, more in (("instances", {"annotations": annotations, "categories": CATEGORIES}),
                       ("captions", {"annotations": captions})):
        (root / "annotations" / f"{kind}_val2017.json").write_text(json.dumps(shared | more), encoding="utf-8")
    return root


def _snap(garment: torch.Tensor, rng: np.random.Generator, sides: tuple[int, int]) -> Image.Image:
    """A grey 28x28 garment (1, 28, 28) -> a coloured photo of some size, as no two in ImageNet are alike."""
    ground, fabric = rng.integers(150, 256, 3), rng.integers(0, 120, 3)
    light = (garment[0].numpy()[..., None] + 1) / 2
    pixels = (ground * (1 - light) + fabric * light).astype(np.uint8)
    return Image.fromarray(pixels).resize(tuple(rng.integers(*sides, 2).tolist()), Image.Resampling.BICUBIC)


def _save(photo: Image.Image, path: Path, special: str) -> None:
    if special == "PNG":
        photo.save(path, "PNG")
    elif special == "EXIF":  # stored lying on its side, with a note to turn it back
        note = Image.Exif()
        note[0x0112] = 6
        photo.transpose(Image.Transpose.ROTATE_90).save(path, "JPEG", quality=90, exif=note)
    else:
        photo.convert(special or "RGB").save(path, "JPEG", quality=90)


def _cut_out(picture: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """A Twemoji (3, 32, 32) on white, twice as large -> pixels (64, 64, 3) uint8 and where it is not white."""
    pixels = ((picture.permute(1, 2, 0).numpy() + 1) * 127.5).round().astype(np.uint8).repeat(2, 0).repeat(2, 1)
    return pixels, (pixels < 250).any(2)


def _scene(canvas: np.ndarray, art: dict, rng: np.random.Generator, crowd: bool) -> list[tuple[str, np.ndarray, bool]]:
    """Paints one or two things side by side, or a crowd and a thing; says what covers which pixels."""
    things, shift = [], int(rng.integers(0, canvas.shape[1] - 129))
    for slot, name in enumerate(rng.choice(list(art), 2 if crowd else int(rng.integers(1, 3)), replace=False)):
        pixels, covered = art[name]
        many = crowd and slot == 0
        step = 3 if many else 1
        small, cover = pixels[::step, ::step], covered[::step, ::step]
        here = np.zeros(canvas.shape[:2], bool)
        for k in range(6 if many else 1):
            left, top = shift + slot * 66 + (k % 3) * 21, int(rng.integers(0, 20)) + (k // 3) * 24
            window = slice(top, top + len(small)), slice(left, left + len(small))
            canvas[window][cover] = small[cover]
            here[window] |= cover
        things.append((str(name), here, many))
    return things


def _outline(covered: np.ndarray, crowd: bool) -> dict:
    """box, area and mask of an annotation: RLE for a crowd, else the polygon around all its pixels."""
    rows, columns = np.nonzero(covered)
    left, top = int(columns.min()), int(rows.min())
    box = [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]
    if crowd:
        return {"bbox": box, "area": int(covered.sum()),
                "segmentation": {"counts": rle_encode(covered), "size": list(covered.shape)}}
    corners = np.stack([columns, rows], 1)[:, None] + np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    hull = ConvexHull(corners.reshape(-1, 2))
    return {"bbox": box, "area": float(hull.volume), "segmentation": [hull.points[hull.vertices].ravel().tolist()]}
