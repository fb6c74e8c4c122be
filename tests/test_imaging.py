"""Simulated heads against phantominator, patients that stay together, real pictures, bad input."""

import io

import numpy as np
import pytest
import torch

from aigc_lib import catalog as cat
from aigc_lib import scans
from aigc_lib.datasets import DamagedData, MissingData, load_colin27, load_pneumonia_mnist
from aigc_lib.industries.imaging import (
    NOTICE,
    SHEPP_LOGAN,
    check_scans,
    draw_ellipses,
    inside_ellipse,
    odd_maps,
    reading_note,
    simulate_patients,
    some_patients,
    split_patients,
)

# simulated heads


@pytest.mark.parametrize("side", [64, 200])
def test_the_phantom_is_phantominators(side):
    phantominator = pytest.importorskip("phantominator")
    assert np.allclose(draw_ellipses(SHEPP_LOGAN[None], side)[0], phantominator.ct_shepp_logan(side), atol=1e-6)


def test_a_turned_ellipse_has_the_right_size():
    for angle in (0, 0.7):
        inside = inside_ellipse(np.array([[1, 0.5, 0.2, 0.1, -0.2, angle]]), 801)[0]
        assert inside.mean() * 4 == pytest.approx(np.pi * 0.5 * 0.2, rel=0.01)
        rows, columns = inside.nonzero()
        assert (columns.mean() / 400 - 1, rows.mean() / 400 - 1) == pytest.approx((0.1, -0.2), abs=2e-3)


def test_patients_are_as_ordered():
    some = simulate_patients(healthy=6, ill=4, seed=3, slices=3)
    assert some.pictures.shape == some.masks.shape == (30, 1, 32, 32)
    assert some.pictures.min() >= -1 and some.pictures.max() <= 1
    assert np.bincount(some.patients).tolist() == [3] * 10
    assert (some.masks.flatten(1).any(1).numpy() == some.ill).all() and some.ill.sum() == 12
    again, other = (simulate_patients(6, 4, seed, 3) for seed in (3, 4))
    assert torch.equal(some.pictures, again.pictures) and not torch.equal(some.pictures, other.pictures)


def test_only_the_lesion_tells_the_ill():
    """Without noise, a sick head differs from the same healthy head nowhere but in its lesion."""
    ill, healthy = (simulate_patients(*counts, seed=0, slices=1, noise=0) for counts in ((0, 20), (20, 0)))
    apart = (ill.pictures - healthy.pictures).abs()
    assert (apart[ill.masks] > 0).float().mean() > 0.7  # a dark one in a dark chamber cannot be seen
    wide = torch.nn.functional.max_pool2d(ill.masks.float(), 3, stride=1, padding=1) > 0  # its edge is softened
    assert apart[~wide].max() < 1e-5


def test_parts_share_no_patient_and_all_their_pictures():
    everyone = simulate_patients(healthy=10, ill=8, seed=0)
    parts = split_patients(everyone, {"a": (5, 0), "b": (3, 4), "c": (2, 4)}, seed=1)
    owners = [set(part.patients) for part in parts.values()]
    assert sum(map(len, owners)) == len(set().union(*owners)) == 18
    assert [len(part.pictures) for part in parts.values()] == [10, 14, 12]
    assert [len(set(part.patients[part.ill])) for part in parts.values()] == [0, 4, 4]
    assert len(set(some_patients(everyone, 5, 0).patients)) == 5


@pytest.mark.parametrize("call, words", [
    (lambda: simulate_patients(0, 0, 0), "at least one patient"),
    (lambda: split_patients(simulate_patients(3, 1, 0), {"a": (2, 1), "b": (2, 0)}, 0), "want 4 healthy and 1 ill.*found 3 and 1"),
    (lambda: some_patients(simulate_patients(3, 1, 0), 4, 0), "want 2 healthy and 2 ill"),
    (lambda: check_scans(torch.zeros(1, 1, 64, 64)), r"shape \(any, 1, 32, 32\)"),
    (lambda: check_scans(torch.full((1, 1, 32, 32), 40.0)), "must lie in"),
    (lambda: check_scans(torch.full((3, 1, 32, 32), -1.0)), r"\[0, 1, 2\] are blank"),
    (lambda: check_scans(torch.full((1, 1, 32, 32), float("nan"))), "NaN"),
])
def test_bad_input_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_odd_maps_see_what_is_unusual_for_its_place():
    usual = torch.full((1, 32, 32), 0.01)
    usual[0, 5, 5] = 1.0  # everybody differs there
    error = usual[None].clone()
    error[0, 0, 20, 20] = 0.5
    maps = odd_maps(error, usual)
    assert maps["原样"].argmax() == 5 * 32 + 5 and maps["除以平常"].argmax() == 20 * 32 + 20
    assert maps["平滑"][0, 0, 20, 20] == pytest.approx((0.5 + 8 * 0.01) / 9)


def test_a_note_points_and_warns():
    odd = torch.zeros(1, 32, 32)
    odd[0, 30, 2] = 1
    note = reading_note(2.0, 1.0, odd)
    assert "请先看" in note and "下部左侧（第 31 行第 3 列）" in note and NOTICE in note
    assert "可以按顺序看" in reading_note(0.5, 1.0, odd)


# real pictures


def test_the_real_head():
    head = load_colin27()
    assert head.shape == (12, 1, 128, 128) and head.min() == -1
    assert (head.mean((1, 2, 3)) > -0.95).all() and (head[..., :8, :] == -1).all()  # a head, with air above it


def write_xrays(folder, **changes):
    arrays = {f"{s}_images": np.full((4, 28, 28), 255, np.uint8) for s in scans.XRAY_SPLITS}
    arrays |= {f"{s}_labels": np.array([[0], [1], [1], [1]], np.uint8) for s in scans.XRAY_SPLITS} | changes
    out = io.BytesIO()
    np.savez(out, **{name: array for name, array in arrays.items() if array is not None})
    (folder / "medmnist").mkdir(exist_ok=True)
    (folder / "medmnist" / scans.XRAYS).write_bytes(out.getvalue())


def test_xrays_are_read_and_said_to_be_unofficial(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="aigc data fetch medmnist"):
        load_pneumonia_mnist()
    write_xrays(tmp_path)
    found = load_pneumonia_mnist()
    assert not found.official and found.pictures["val"].shape == (4, 1, 28, 28) and found.pictures["val"].max() == 1
    assert found.labels["test"].tolist() == [0, 1, 1, 1]
    with pytest.raises(DamagedData, match="checksum differs"):
        cat.verify("medmnist")


@pytest.mark.parametrize("changes, words", [
    ({"train_images": np.zeros((4, 28, 28, 3), np.uint8)}, r"train should hold uint8 pictures \(N, 28, 28\)"),
    ({"val_images": np.zeros((4, 28, 28))}, "found float64"),
    ({"test_labels": np.array([[0], [1], [2], [1]])}, "4 labels 0 or 1"),
    ({"test_labels": np.array([[0]])}, "4 labels 0 or 1"),
    ({"val_labels": None}, "val_labels"),
])
def test_damaged_xrays_are_refused(changes, words, tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    write_xrays(tmp_path, **changes)
    with pytest.raises(DamagedData, match=words):
        load_pneumonia_mnist()


def test_a_file_that_is_no_archive_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    (tmp_path / "medmnist").mkdir()
    (tmp_path / "medmnist" / scans.XRAYS).write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DamagedData, match="is damaged"):
        load_pneumonia_mnist()
