"""Solar cells: the package's pictures, modules that stay together, costs in closed form, bad input."""

import importlib.util

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_curve

from aigc_lib import solar_cells
from aigc_lib.catalog import DamagedData, MissingData
from aigc_lib.industries.inspection import (
    cell_features,
    cell_statistics,
    cheapest_threshold,
    infer_modules,
    inspection_cost,
    pool_errors,
    split_modules,
    standardise_cells,
)
from aigc_lib.solar_cells import load_elpv_labels, load_elpv_pictures

needs_package = pytest.mark.skipif(importlib.util.find_spec("elpv_dataset") is None, reason="elpv-dataset is an extra")


def cells(n=4, seed=0):
    return torch.rand(n, 1, 100, 100, generator=torch.Generator().manual_seed(seed)) * 1.6 - 0.8


# the data


@needs_package
def test_labels_are_what_the_authors_say():
    labels = load_elpv_labels()
    assert len(labels.paths) == len(set(labels.paths)) == 2624
    assert [int(np.isclose(labels.probability, p / 3).sum()) for p in range(4)] == [1508, 295, 106, 715]
    assert labels.mono.sum() == 1074
    assert infer_modules(labels.mono).max() + 1 == 44  # the number of modules in the paper


@needs_package
def test_pictures_come_in_the_order_asked_for():
    some = load_elpv_pictures(np.array([2000, 5]))
    assert some.shape == (2, 1, 100, 100) and some.min() >= -1 and some.max() <= 1
    assert torch.equal(some[1:], load_elpv_pictures(np.array([5])))


def test_broken_missing_and_wrong_pictures_are_told_apart(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((300, 300), np.uint8)).save(tmp_path / "good.png")
    assert solar_cells._read_cell(tmp_path / "good.png").shape == (300, 300)
    content = (tmp_path / "good.png").read_bytes()
    (tmp_path / "bad.png").write_bytes(content[:60])
    Image.fromarray(np.zeros((30, 300), np.uint8)).save(tmp_path / "small.png")
    for name, error, words in (("bad.png", DamagedData, "cannot be read"), ("small.png", DamagedData, "300x300"),
                               ("none.png", MissingData, "is missing.*pip install")):
        with pytest.raises(error, match=words):
            solar_cells._read_cell(tmp_path / name)


# modules


def test_runs_are_cut_into_modules():
    mono = np.r_[np.ones(60), np.zeros(118), np.ones(20)].astype(bool)
    assert np.bincount(infer_modules(mono)).tolist() == [60, 59, 59, 20]


@pytest.mark.parametrize("seed", range(3))
def test_a_module_is_on_one_side_only(seed):
    mono = np.repeat([True, False], [600, 1200])
    modules = infer_modules(mono)
    side = split_modules(modules, mono, seed)
    assert all(len(set(side[modules == m])) == 1 for m in set(modules))
    for kind, counts in ((mono, [3, 3, 2, 2]), (~mono, [6, 5, 5, 4])):
        assert [len(set(modules[kind & (side == i)])) for i in (-1, 0, 1, 2)] == counts
    assert (split_modules(modules, mono, seed + 10) != side).any()


# pictures


def test_standard_cells_do_not_depend_on_exposure():
    x = cells()
    dimmer = (x + 1) * 0.6 - 1
    assert torch.allclose(standardise_cells(x), standardise_cells(dimmer), atol=1e-5)
    assert torch.isclose(standardise_cells(x).flatten(1).quantile(0.9, dim=1), torch.tensor(0.6), atol=1e-3).all()


@pytest.mark.parametrize("wrong, words", [
    (torch.zeros(1, 1, 300, 300), r"shape \(any, 1, 100, 100\), found \(1, 1, 300, 300\)"),
    (torch.full((1, 1, 100, 100), 255.0), "rescale"),
    (torch.cat([cells(1), torch.full((1, 1, 100, 100), -1.0)]), r"pictures \[1\] are blank"),
    (torch.zeros(0, 1, 100, 100), "empty"),
])
def test_bad_pictures_get_one_clear_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        standardise_cells(wrong)


def test_features_find_the_direction_of_edges():
    x = torch.linspace(-0.9, 0.9, 100).expand(1, 1, 100, 100).clone()  # brighter to the right
    edges = cell_features(x)[0, :200].reshape(8, 25)
    assert edges[0].min() > 0 and np.abs(edges[1:]).max() == 0
    assert cell_features(cells()).shape == (4, 277)


def test_statistics_do_not_see_where():
    x = cells()
    assert np.allclose(cell_statistics(x), cell_statistics(x.flip(-1).flip(-2)), atol=1e-4)
    assert not np.allclose(cell_features(x), cell_features(x.flip(-1).flip(-2)), atol=1e-2)
    assert cell_statistics(x).shape == (4, 101)
    darker = cell_statistics(x * 0.5 - 0.5)
    assert np.allclose(darker[:, :-2], cell_statistics(x)[:, :-2], atol=1e-3)  # exposure is seen in the whole only
    assert (darker[:, -2] < cell_statistics(x)[:, -2]).all()


def test_errors_are_pooled_in_three_ways():
    error = torch.zeros(1, 1, 100, 100)
    error[0, 0, 50, 50] = 25
    pooled = pool_errors(error)
    assert np.isclose(pooled["平均"], 25 / 10_000) and np.isclose(pooled["最坏的一处"], 1)
    assert np.isclose(pooled["最坏的百分之一"], 25 / 100)


# costs


def test_the_cost_counts_the_line_and_not_the_collection():
    defective = np.array([True] * 3 + [False] * 5)
    nothing, everything = np.zeros(8, bool), np.ones(8, bool)
    assert np.isclose(inspection_cost(nothing, defective, 0.03, 20), 60)
    assert np.isclose(inspection_cost(everything, defective, 0.03, 20), 97)
    rejected = np.array([True, True, False, True, False, False, False, False])
    assert np.isclose(inspection_cost(rejected, defective, 0.1, 20, 2), 100 * (0.1 * 20 / 3 + 0.9 * 2 / 5))
    with pytest.raises(ValueError, match="good and defective"):
        inspection_cost(nothing, nothing, 0.03, 20)


def test_the_cheapest_threshold_is_the_best_point_of_the_roc_curve():
    rng = np.random.default_rng(0)
    defective = rng.random(300) < 0.3
    score = rng.normal(size=300) + 1.5 * defective
    false, true, _ = roc_curve(defective, score, drop_intermediate=False)
    cut = cheapest_threshold(score, defective, 0.03, 20)
    assert np.isclose(inspection_cost(score >= cut, defective, 0.03, 20), 100 * (0.6 * (1 - true) + 0.97 * false).min())
    assert cheapest_threshold(score, defective, 0.03, 0) == np.inf  # misses are free: reject none
    assert cheapest_threshold(score, defective, 0.03, 1e9) <= score[defective].min()
