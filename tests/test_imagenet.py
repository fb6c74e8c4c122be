"""ImageNet in its official layout: labels, traps of the real files, and what damaged copies get."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import loadmat, savemat

from aigc_lib.catalog import DamagedData, MissingData, fetch
from aigc_lib.imagenet import DEVKIT, TRUTH, load_imagenet, read_synsets
from aigc_lib.photos import open_photo, squares
from aigc_lib.tiny_layouts import WNIDS, make_imagenet


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make_imagenet(tmp_path_factory.mktemp("official") / "imagenet", train=3, val=20, seed=3)


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "imagenet")


def garment_of(photo: Image.Image) -> np.ndarray:
    """How dark a stand-in is at each place of a 28x28 grid; fabrics are darker than the ground."""
    grey = np.asarray(photo.convert("L").resize((28, 28)), float)
    return (grey.max() - grey) / (grey.max() - grey.min())


def test_labels_follow_the_sorted_wordnet_ids(whole):
    for split in ("train", "val"):
        index = load_imagenet(split, whole)
        assert [synset.wnid for synset in index.classes] == sorted(WNIDS)
        assert index.labels.dtype == torch.int64 and len(index.labels) == len(index)
    train = load_imagenet("train", whole)
    assert all(train.classes[label].wnid == name.split("/")[0] for label, name in zip(train.labels.tolist(), train.names))


def test_numbers_of_the_devkit_are_not_labels(whole):
    """The bad reading, which raises no error: the number less one. Not one photo gets its class."""
    val = load_imagenet("val", whole)
    numbers = torch.tensor([int(line) for line in (whole / DEVKIT / TRUTH).read_text().split()])
    assert not (numbers - 1 == val.labels).any()
    assert [val.classes[label].number for label in val.labels.tolist()] == numbers.tolist()


def test_val_labels_belong_to_the_photos(whole):
    """The same class looks alike: the nearest training photo by shape is of the same class far more often than chance."""
    train, val = load_imagenet("train", whole), load_imagenet("val", whole)
    known = np.stack([garment_of(train.photo(i)) for i in range(len(train))]).reshape(len(train), -1)
    asked = np.stack([garment_of(val.photo(i)) for i in range(len(val))]).reshape(len(val), -1)
    nearest = ((asked[:, None] - known[None]) ** 2).sum(2).argmin(1)
    right = (train.labels[nearest] == val.labels).float().mean()
    assert right > 0.35, right
    assert (train.labels[nearest] == val.labels.roll(1)).float().mean() < right - 0.15


def test_groups_of_classes_are_no_classes(whole):
    assert "n03122748" in str(loadmat(whole / DEVKIT / "meta.mat")["synsets"]["WNID"].tolist())
    assert "n03122748" not in {synset.wnid for synset in read_synsets(whole / DEVKIT / "meta.mat")}


def test_every_kind_of_file_becomes_three_colours(whole):
    train = load_imagenet("train", whole)
    stored = set()
    for row, name in enumerate(train.names):
        with Image.open(train.folder / name) as image:
            stored.add((image.format, image.mode, bool(image.getexif())))
            assert train.photo(row).size == image.size  # a note of how it was held does not turn it
        assert train.photo(row).mode == "RGB"
    assert {("JPEG", "CMYK", False), ("PNG", "RGB", False), ("JPEG", "L", False), ("JPEG", "RGB", True)} <= stored
    x, y = train.batch(torch.arange(len(train)), 32)
    assert x.shape == (30, 3, 32, 32) and x.min() >= -1 and x.max() <= 1 and y.tolist() == train.labels.tolist()


def test_cmyk_keeps_its_colours(tmp_path):
    """Adobe's JPEGs hold the inks inverted; read without that, white paper comes out black."""
    Image.new("RGB", (16, 16), (250, 240, 10)).convert("CMYK").save(tmp_path / "a.JPEG", "JPEG", quality=95)
    found = np.asarray(open_photo(tmp_path / "a.JPEG")).reshape(-1, 3).mean(0)
    assert np.abs(found - (250, 240, 10)).max() < 6


def test_squares_against_a_closed_form():
    """A photo that is red left of the middle and blue right of it keeps the edge in the middle, whatever its size."""
    for size in ((60, 40), (40, 90), (33, 33)):
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        pixels[:, :size[0] // 2, 0] = pixels[:, size[0] // 2:, 2] = 255
        x = squares([Image.fromarray(pixels)], 16)[0]
        assert x.shape == (3, 16, 16)
        assert x[0, :, 0].min() > 0.9 and x[2, :, -1].min() > 0.9 and x[2, :, 0].max() < -0.9


def test_val_sorted_into_folders_is_read_too(copy):
    flat = load_imagenet("val", copy)
    for name, label in zip(flat.names, flat.labels.tolist()):
        target = copy / "val" / flat.classes[label].wnid
        target.mkdir(exist_ok=True)
        (copy / "val" / name).rename(target / name)
    for synset in flat.classes:
        (copy / "val" / synset.wnid).mkdir(exist_ok=True)
    sorted_in = load_imagenet("val", copy)
    assert {(name.split("/")[1], label) for name, label in zip(sorted_in.names, sorted_in.labels.tolist())} == set(
        zip(flat.names, flat.labels.tolist()))


def test_nothing_is_opened_until_asked(copy):
    for path in (copy / "train").rglob("*.JPEG"):
        path.write_bytes(b"")
    index = load_imagenet("train", copy)
    with pytest.raises(DamagedData, match="打不开"):
        index.photo(0)


def test_aigc_data_is_where_it_looks(whole, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(whole.parent))
    assert len(load_imagenet("val")) == 20


# missing and damaged


def test_missing_parts_say_what_to_do(copy, tmp_path):
    with pytest.raises(MissingData, match="devkit.*card.md"):
        load_imagenet("val", tmp_path / "nowhere")
    shutil.rmtree(copy / "train")
    with pytest.raises(MissingData, match="没有文件夹.*train.*注册"):
        load_imagenet("train", copy)
    (copy / DEVKIT / TRUTH).unlink()
    with pytest.raises(MissingData, match=TRUTH):
        load_imagenet("val", copy)


def test_a_lost_photo_does_not_shift_the_others(copy):
    (copy / "val" / "ILSVRC2012_val_00000007.JPEG").unlink()
    with pytest.raises(DamagedData, match="应有 20 张，少了 1 张.*00000007"):
        load_imagenet("val", copy)


def test_too_many_photos_for_the_answers(copy):
    shutil.copy(copy / "val" / "ILSVRC2012_val_00000007.JPEG", copy / "val" / "ILSVRC2012_val_00000021.JPEG")
    with pytest.raises(DamagedData, match="答案只有 20 行"):
        load_imagenet("val", copy)


def test_half_unpacked_training_set(copy):
    victim = next((copy / "train" / "n03594734").iterdir())
    victim.unlink()
    with pytest.raises(DamagedData, match="n03594734.*应有 3 张，现在 2 张"):
        load_imagenet("train", copy)
    shutil.rmtree(copy / "train" / "n03594734")
    with pytest.raises(DamagedData, match="没有 n03594734"):
        load_imagenet("train", copy)
    (copy / "train" / "n03594734.tar").write_bytes(b"")
    with pytest.raises(DamagedData, match=r"\.tar 还要各自解开"):
        load_imagenet("train", copy)


@pytest.mark.parametrize("answers", ["1\n2\n99\n", "1\nzwei\n", "0\n"])
def test_answers_that_do_not_fit_the_classes(copy, answers):
    (copy / DEVKIT / TRUTH).write_text(answers)
    with pytest.raises(DamagedData, match="不配套"):
        load_imagenet("val", copy)


@pytest.mark.parametrize("content", [b"", b"MATLAB", b"\0" * 200, None], ids=["empty", "short", "zeros", "other table"])
def test_damaged_table_of_classes(copy, content):
    path = copy / DEVKIT / "meta.mat"
    if content is None:
        savemat(path, {"something": np.arange(3)})
    else:
        path.write_bytes(content)
    with pytest.raises(DamagedData, match=r"meta\.mat 读不出类别表"):
        load_imagenet("val", copy)


@pytest.mark.parametrize("keep", [0, 10, 700])
def test_damaged_photo_is_one_sentence(copy, keep):
    path = copy / "val" / "ILSVRC2012_val_00000003.JPEG"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedData, match="00000003.JPEG 打不开") as error:
        load_imagenet("val", copy).photo(2)
    assert "\n" not in str(error.value)


def test_wrong_split():
    with pytest.raises(ValueError, match="split"):
        load_imagenet("test")


def test_fetching_says_that_one_needs_an_account(tmp_path):
    with pytest.raises(MissingData, match=r"account.*data/imagenet/card\.md"):
        fetch("imagenet", tmp_path)
    assert not list(tmp_path.rglob("*"))
