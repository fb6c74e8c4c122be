"""COCO in its official layout: masks against closed forms and pycocotools' own strings, gaps, crowds, turned photos."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc_lib.catalog import DamagedData, MissingData
from aigc_lib.coco import Thing, load_coco, mask, polygon_mask, rle_counts, rle_decode, rle_encode, rle_text
from aigc_lib.tiny_layouts import CATEGORIES, make_coco


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make_coco(tmp_path_factory.mktemp("official") / "coco", photos=14, seed=1)


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "coco")


def change(root, kind, edit):
    path = root / "annotations" / f"{kind}_val2017.json"
    table = json.loads(path.read_text())
    edit(table)
    path.write_text(json.dumps(table))


def block(height, width, top, left, h, w):
    covered = np.zeros((height, width), bool)
    covered[top:top + h, left:left + w] = True
    return covered


# run lengths


def test_rectangle_has_a_closed_form():
    height, width, top, left, h, w = 7, 9, 2, 3, 3, 5
    runs = [left * height + top, *[h, height - h] * (w - 1), h, (width - left - w) * height + height - top - h]
    assert rle_encode(block(height, width, top, left, h, w)) == runs
    assert (rle_decode(runs, height, width) == block(height, width, top, left, h, w)).all()
    assert sum(runs[1::2]) == h * w


def test_runs_go_down_the_columns():
    covered = rle_decode([1, 2, 3], 3, 2)
    assert covered.tolist() == [[False, False], [True, False], [True, False]]
    assert rle_decode([0, 1, 5], 3, 2)[0, 0]  # begins inside: a run of no length comes first


@pytest.mark.parametrize(("covered", "text"), [  # the strings are what pycocotools 2.0 writes
    (block(7, 9, 2, 3, 3, 5), "g03400000005"),
    (np.zeros((3, 5), bool), "?"),
    (np.ones((3, 5), bool), "0?"),
])
def test_short_text_is_that_of_pycocotools(covered, text):
    assert rle_text(rle_encode(covered)) == text
    assert rle_counts(text) == rle_encode(covered)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.floats(0, 1), st.integers(0, 2**31))
def test_nothing_is_lost_on_the_way(height, width, share, seed):
    covered = np.random.default_rng(seed).random((height, width)) < share
    runs = rle_encode(covered)
    assert (rle_decode(runs, height, width) == covered).all()
    assert rle_counts(rle_text(runs)) == runs


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_any_lengths_survive_the_short_text(runs):
    assert rle_counts(rle_text(runs)) == runs


@pytest.mark.parametrize("runs", [[1, 2], [7, -1], [3, 4]])
def test_lengths_that_do_not_fill_the_photo(runs):
    with pytest.raises(DamagedData, match="RLE 掩码"):
        rle_decode(runs, 2, 3)


# polygons


def test_polygon_of_whole_pixels_covers_exactly_those():
    assert (polygon_mask([[3, 2, 8, 2, 8, 5, 3, 5]], 7, 9) == block(7, 9, 2, 3, 3, 5)).all()
    two = polygon_mask([[0, 0, 2, 0, 2, 2, 0, 2], [5, 5, 6, 5, 6, 6, 5, 6]], 7, 9)
    assert two.sum() == 5 and two[5, 5] and two[1, 1]


def test_polygon_of_a_circle_has_its_area():
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.stack([50 + 30 * np.cos(angle), 60 + 30 * np.sin(angle)], 1).ravel().tolist()
    assert abs(polygon_mask([circle], 120, 100).sum() / (np.pi * 900) - 1) < 0.01


def test_a_polygon_with_a_dent():
    dented = [0, 0, 6, 0, 6, 6, 4, 6, 4, 2, 2, 2, 2, 6, 0, 6]  # like a lying C, open below
    covered = polygon_mask([dented], 6, 6)
    assert covered.sum() == 36 - 8 and not covered[3, 3]


def test_all_three_ways_to_write_a_mask_agree():
    covered = block(7, 9, 2, 3, 3, 5)
    for segmentation in ([[3, 2, 8, 2, 8, 5, 3, 5]], {"counts": rle_encode(covered), "size": [7, 9]},
                         {"counts": rle_text(rle_encode(covered)), "size": [7, 9]}):
        assert (mask(Thing(0, (3, 2, 5, 3), 15, False, segmentation), 7, 9) == covered).all()


# the loader


def test_labels_have_no_gaps_and_numbers_do(whole):
    coco = load_coco("val2017", whole)
    assert len(coco.names) == len(coco.ids) == 80 and coco.ids[-1] == 90 and coco.names[-1] == "toothbrush"
    assert sorted(set(range(1, 91)) - set(coco.ids)) == [12, 26, 29, 30, 45, 66, 68, 69, 71, 83]
    assert {t.label for things in coco.things.values() for t in things} <= set(range(80))
    raw = json.loads((whole / "annotations/instances_val2017.json").read_text())["annotations"]
    name_of = {c["id"]: c["name"] for c in CATEGORIES}
    assert [name_of[a["category_id"]] for a in raw if a["image_id"] == raw[0]["image_id"]] == [
        coco.names[t.label] for t in coco.things[raw[0]["image_id"]]]
    assert any(a["category_id"] > 80 for a in raw) or max(a["category_id"] for a in raw) > 50  # number less one is no label


def test_masks_cover_what_was_drawn(whole):
    """Inside a mask the stand-in's plain ground is rare; area and box belong to the mask."""
    coco = load_coco("val2017", whole)
    for photo in coco.photos:
        pixels = np.asarray(coco.open(photo)).astype(int)
        ground = pixels[-1, -1]
        for thing in coco.things[photo.id]:
            covered = mask(thing, photo.height, photo.width)
            assert abs(covered.sum() - thing.area) <= 0.03 * thing.area
            rows, columns = np.nonzero(covered)
            left, top, width, height = thing.box
            assert left <= columns.min() <= columns.max() < left + width
            assert top <= rows.min() <= rows.max() < top + height
            if thing.crowd:
                assert (np.abs(pixels - ground).max(2)[covered] > 8).mean() > 0.7


def test_crowds_are_marked_and_have_run_lengths(whole):
    things = [t for many in load_coco("val2017", whole).things.values() for t in many]
    assert any(t.crowd for t in things) and all(isinstance(t.segmentation, dict) == t.crowd for t in things)


def test_five_captions_and_a_photo_without_things(whole):
    coco = load_coco("val2017", whole)
    assert {len(told) for told in coco.captions.values()} == {5}
    assert sum(not things for things in coco.things.values()) == 1
    assert set(coco.things) == set(coco.captions) == {photo.id for photo in coco.photos}


def test_photos_come_as_their_annotations_say(whole):
    coco = load_coco("val2017", whole)
    turned = 0
    for photo in coco.photos:
        opened = coco.open(photo)
        assert opened.mode == "RGB" and opened.size == (photo.width, photo.height)
        with Image.open(coco.folder / photo.name) as stored:
            turned += stored.size != opened.size
    assert turned == 1


def test_a_photo_of_another_size_is_refused(copy):
    coco = load_coco("val2017", copy)
    photo = coco.photos[0]
    Image.new("RGB", (photo.width + 1, photo.height)).save(copy / "val2017" / photo.name)
    with pytest.raises(DamagedData, match="不是同一个版本"):
        coco.open(photo)


def test_missing_parts_say_what_to_do(copy, tmp_path):
    with pytest.raises(MissingData, match="card.md"):
        load_coco("val2017", tmp_path / "nowhere")
    (copy / "annotations/captions_val2017.json").unlink()
    with pytest.raises(MissingData, match="captions_val2017.json.*annotations_trainval2017.zip"):
        load_coco("val2017", copy)
    photo_gone = tmp_path / "other"
    make_coco(photo_gone, photos=2)
    coco = load_coco("val2017", photo_gone)
    (photo_gone / "val2017" / coco.photos[0].name).unlink()
    with pytest.raises(MissingData, match="没有解全"):
        coco.open(coco.photos[0])


def test_zip_that_is_not_unpacked_yet(copy):
    shutil.rmtree(copy / "val2017")
    (copy / "val2017.zip").write_bytes(b"")
    with pytest.raises(MissingData, match="把 val2017.zip 就地解开"):
        load_coco("val2017", copy)


@pytest.mark.parametrize("content", ["", '{"images": [', "[]", "{}", "\0\1"])
def test_damaged_annotations_are_one_sentence(copy, content):
    (copy / "annotations/instances_val2017.json").write_text(content)
    with pytest.raises(DamagedData) as error:
        load_coco("val2017", copy)
    assert "重新" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("kind", "edit"), [
    ("instances", lambda t: t["annotations"][0].update(category_id=12)),
    ("instances", lambda t: t["annotations"][0].update(image_id=-1)),
    ("instances", lambda t: t["annotations"][0].pop("bbox")),
    ("captions", lambda t: t["annotations"][0].update(image_id=-1)),
], ids=["class in a gap", "no such photo", "no box", "caption of no photo"])
def test_annotations_that_do_not_belong_together(copy, kind, edit):
    change(copy, kind, edit)
    with pytest.raises(DamagedData, match="不配套"):
        load_coco("val2017", copy)


def test_wrong_split():
    with pytest.raises(ValueError, match="split"):
        load_coco("val2014")
