"""Data: what lies in the repository, and what the loaders return."""

import hashlib
import re
import time
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib import catalog as cat
from aigc_lib import datasets
from aigc_lib.datasets import (
    DamagedData,
    MissingData,
    Poem,
    balanced_rows,
    load_fashion_mnist,
    load_mnist_digits,
    load_tang_quatrains,
)

EMBEDDED = [name for name, entry in cat.catalog().items() if entry.kind == "embedded"]
MOST_BYTES = 25_000_000


# what is in the repository


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_data_is_whole_and_documented(name):
    entry = cat.dataset(name)
    assert cat.verify(name) == len(entry.files) > 0
    assert {p.name for p in entry.folder.rglob("*")} - {"card.md", "LICENSE"} == {Path(f.path).name for f in entry.files}
    card = (entry.folder / "card.md").read_text(encoding="utf-8")
    assert [word for word in ("来源", "许可", "准备", "已知", "谁") if word not in card] == []
    assert (entry.folder / "LICENSE").stat().st_size > 0


def test_data_stays_small():
    files = [path for path in cat.CATALOG.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


def test_catalog_names_loaders_that_exist():
    from aigc_lib import metrics

    for entry in cat.catalog().values():
        assert hasattr(datasets, entry.loader) or hasattr(metrics, entry.loader), entry.loader
        assert entry.kind in ("embedded", "fetch", "package")
        if entry.kind == "fetch":
            by_hand = not any(file.url for file in entry.files)  # wants an account: then its card says how
            card = (cat.CATALOG.parent / entry.name / "card.md").read_text(encoding="utf-8") if by_hand else ""
            assert "注册" in card if by_hand else all(file.url.startswith("http") for file in entry.files)
            assert all(file.sha256 or file.md5 for file in entry.files)


def test_subset_script_and_catalog_agree_on_the_official_checksums():
    text = (cat.CATALOG.parent / "prepare" / "fashion_mnist.py").read_text(encoding="utf-8")
    for file in cat.dataset("fashion_mnist_full").files:
        assert f'"{file.path}": "{file.sha256}"' in text


def test_catalog_is_plain_toml_without_unknown_keys():
    for table in tomllib.loads(cat.CATALOG.read_text(encoding="utf-8"))["dataset"]:
        cat.Dataset(**{**table, "files": tuple(cat.File(**file) for file in table.get("files", ()))})


# loaders


@pytest.mark.parametrize(("load", "split", "each"), [
    (load_fashion_mnist, "train", 1800), (load_fashion_mnist, "test", 1000),
    (load_mnist_digits, "train", 400), (load_mnist_digits, "test", 100)])
def test_pictures_are_balanced_and_in_range(load, split, each):
    x, y = load(split)
    assert x.shape == (10 * each, 1, 28, 28)
    assert x.dtype == torch.float32
    assert y.dtype == torch.int64
    assert y.bincount().tolist() == [each] * 10
    assert (x.min(), x.max()) == (-1, 1)


def test_digits_look_like_their_labels():
    """Nearest class mean: a wrong order of labels would leave one in ten."""
    (x, y), (x_test, y_test) = load_mnist_digits("train"), load_mnist_digits("test")
    means = torch.stack([x[y == k].mean(0).flatten() for k in range(10)])
    assert (torch.cdist(x_test.flatten(1), means).argmin(1) == y_test).float().mean() > 0.75


def test_fashion_mnist_keeps_official_order():
    x, y = load_fashion_mnist("test")
    assert y[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert load_fashion_mnist("train")[1][:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    pixels = ((x + 1) * 127.5).round().byte()
    official = cat.dataset("fashion_mnist_full").files[2]
    header = bytes.fromhex("00000803" "00002710" "0000001c" "0000001c")
    assert hashlib.sha256(header + pixels.numpy().tobytes()).hexdigest() == official.sha256


def test_fashion_mnist_loads_quickly():
    load_fashion_mnist("test", n=10)
    start = time.process_time()
    load_fashion_mnist("train")
    assert time.process_time() - start < 2  # 0.5 s on a quiet machine


def test_subset_is_deterministic_and_grows():
    x, y = load_fashion_mnist("train", n=100, seed=3)
    again, _ = load_fashion_mnist("train", n=100, seed=3)
    smaller, _ = load_fashion_mnist("train", n=30, seed=3)
    other, _ = load_fashion_mnist("train", n=100, seed=4)
    assert torch.equal(x, again)
    assert torch.equal(x[:30], smaller)
    assert not torch.equal(x, other)
    assert y.bincount().tolist() == [10] * 10


@given(st.integers(1, 200), st.integers(0, 5))
def test_balanced_rows(n, seed):
    labels = torch.arange(200) % 7
    rows = balanced_rows(labels, n, seed)
    counts = labels[rows].bincount(minlength=7)
    assert len(set(rows.tolist())) == n
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("n", [0, -1, 10_001])
def test_subset_of_impossible_size(n):
    with pytest.raises(ValueError, match="between 1 and 10000"):
        load_fashion_mnist("test", n=n)


@pytest.mark.parametrize("load", [load_fashion_mnist, datasets.load_fashion_mnist_full])
def test_unknown_split(load):
    with pytest.raises(ValueError, match='"train" or "test", got \'valid\''):
        load("valid")


def test_full_set_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="aigc data fetch fashion_mnist_full"):
        datasets.load_fashion_mnist_full("train")


DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_full_set_from_files_that_are_there(tmp_path, monkeypatch):
    (tmp_path / "fashion_mnist_full").symlink_to(DEBIAN)
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    x, y = datasets.load_fashion_mnist_full("test")
    ours, labels = load_fashion_mnist("test")
    assert torch.equal(x, ours)
    assert torch.equal(y, labels)


def test_timeline_is_in_order_and_sourced():
    works = datasets.load_timeline()
    assert [work.year for work in works] == sorted(work.year for work in works)
    assert {work.family for work in works} == {"自动编码器", "生成对抗网络", "扩散模型", "自回归模型"}
    assert all(all(work) for work in works)
    assert len({work.name for work in works}) == len(works) >= 20


def test_quatrains_are_four_lines_of_five_and_unique():
    poems = load_tang_quatrains()
    assert len(poems) == len({poem.text for poem in poems}) == 3083
    assert all(re.fullmatch("(?:[一-龥]{5}，[一-龥]{5}。){2}", poem.text) for poem in poems)
    assert Poem("朱斌", "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。") in poems  # first under that name there


def test_strokes_of_common_characters():
    strokes = datasets.load_hanzi_strokes()
    assert Counter(len(lines) for lines in strokes.values()) == {1: 2, 2: 18, 3: 52, 4: 120, 5: 162, 6: 264}
    assert all(len(character.encode("gb2312")) == 2 and character.encode("gb2312") < b"\xd8" for character in strokes)
    counts = {"一": 1, "二": 2, "三": 3, "四": 5, "五": 4, "六": 4, "七": 2, "八": 2, "九": 2, "十": 2}
    assert {character: len(strokes[character]) for character in counts} == counts
    points = np.concatenate([line for lines in strokes.values() for line in lines])
    assert points.shape[1] == 2 and points.min() > 0 and points.max() < 1
    across, down = strokes["十"]
    assert np.ptp(across[:, 0]) > 3 * np.ptp(across[:, 1]) and across[0, 0] < across[-1, 0]
    assert np.ptp(down[:, 1]) > 3 * np.ptp(down[:, 0]) and down[0, 1] < down[-1, 1]  # downwards is positive


def test_loader_refuses_a_damaged_picture(tmp_path, monkeypatch):
    copy = tmp_path / "data"
    entry = cat.dataset("fashion_mnist")
    (copy / entry.name).mkdir(parents=True)
    for file in entry.files:
        (copy / entry.name / file.path).symlink_to(entry.folder / file.path)
    (copy / "catalog.toml").write_bytes(cat.CATALOG.read_bytes())
    broken = copy / entry.name / "test_3.webp"
    content = bytearray(broken.read_bytes())
    broken.unlink()
    content[len(content) // 2] ^= 1
    broken.write_bytes(content)
    monkeypatch.setattr(cat, "CATALOG", copy / "catalog.toml")
    with pytest.raises(DamagedData, match=r"test_3\.webp"):
        load_fashion_mnist("test")


# news


PAPER = """
两段正文之间的标题
本报记者王某
新华社北京１月２日电（记者张某）第一件事今天在京发生了，各方都说这件事很要紧，事情的经过大家都看到了。
第二段说明了原因。（李某）
本报讯没有标题的简讯，说的是另一件谁也不知道的事，只有这一段，写到这里就算写完了。
一行引题在这里
一行主题在这里
本报讯两行标题的，分不清哪一行，这里按规矩不要，虽然正文写得足够长了也还是一样不要的。
孩子们放风筝（图片）
春天来了，’９８风筝会在某地开幕，孩子们在广场上放风筝，天上飞的是老鹰和蜈蚣，好看极了。（王某摄）
""".strip().splitlines()


def test_news_items_follow_the_rules():
    first, second = datasets.news_items(PAPER)
    assert first.headline == "两段正文之间的标题"
    assert first.body.splitlines() == ["第一件事今天在京发生了，各方都说这件事很要紧，事情的经过大家都看到了。", "第二段说明了原因。"]
    assert second.headline == "孩子们放风筝"
    assert second.body.startswith("春天来了，’98风筝会") and second.body.endswith("好看极了。")


def test_news_from_the_package():
    news = datasets.load_news_headlines()
    assert len(news) == 1412
    assert all(6 <= len(item.headline) <= 30 and len(item.body) >= 40 for item in news)
    assert news[2].headline == "国务院侨办发表新年贺词"
    assert news[2].body.startswith("新年将至，国务院侨务办公室主任郭东坡今天")
    assert not any(re.match("据?(新华社|本报)[^。，]{0,9}(日电|讯)", item.body) for item in news)


def test_every_package_set_has_a_card():
    for entry in cat.catalog().values():
        if entry.kind == "package":
            card = (cat.CATALOG.parent / entry.name / "card.md").read_text(encoding="utf-8")
            assert [word for word in ("来源", "许可", "准备", "已知", "谁") if word not in card] == []


# answers of students


def test_student_quiz_is_what_its_documentation_says():
    given, items, students = datasets.load_student_quiz()
    assert given.shape == (1075, 45) and set(given.unique().tolist()) == {-1, 1}
    assert [item.topic for item in items] == [t for t in ("政治", "历史", "经济", "文化", "自然") for _ in range(9)]
    assert sum(s["gender"] == "female" for s in students) == 417
    right = (given > 0).float().mean(0)
    assert right[44] > 0.9 and "内角和" in items[44].question  # the triangle's angles: nearly everybody
    assert right.argmin() == 13 and "1928" in items[13].question


def test_math_exam_splits_the_items_that_differ_between_batches():
    given, items, students = datasets.load_math_exam()
    assert given.shape == (729, 21)
    assert ((given != 0).sum(1) == 13).all()
    for batch, other in (("1", "乙卷"), ("2", "甲卷")):
        rows = [s["batch"] == batch for s in students]
        columns = [item.question == other for item in items]
        assert sum(columns) == 8 and (given[rows][:, columns] == 0).all()
    assert (given > 0).sum() / len(given) == pytest.approx(7.324, abs=1e-3)  # the package's mean of nsolved
