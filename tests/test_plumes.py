"""Film smoke: the solver against what physics says, the guard on the controls, and the data."""

import numpy as np
import pytest
import torch

from aigc_lib.datasets import load_plumes
from aigc_lib.industries import plumes
from aigc_lib.industries.plumes import (
    CONTROLS,
    check_controls,
    picture,
    render,
    restless_air,
    scaled,
    side_by_side,
    simulate,
)


def divergence(u, v):
    return np.roll(u, -1, 1) - u + np.diff(v, axis=0)


def test_eddies_do_not_compress_the_air_and_are_the_same_on_any_grid():
    u, v = restless_air(3, 56)
    assert np.abs(divergence(u, v)).max() < 1e-12
    assert np.abs(v[[0, -1]]).max() < 1e-12  # nothing goes through floor and ceiling
    coarse = restless_air(3, 28)[0]
    assert np.corrcoef(((u[::2] + u[1::2]) / 2)[:, ::2].ravel(), coarse.ravel())[0, 1] > 0.99
    speeds = [np.square(restless_air(seed, 28)[0]).mean() + np.square(restless_air(seed, 28)[1]).mean() for seed in range(20)]
    assert np.sqrt(np.mean(speeds)) == pytest.approx(0.04, rel=0.1)


def test_projection_removes_what_compresses_and_leaves_the_rest():
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(28, 28)), np.pad(rng.normal(size=(27, 28)), ((1, 1), (0, 0)))
    once = plumes._project(u, v)
    assert np.abs(divergence(*once)).max() < 1e-10
    assert all(np.allclose(a, b) for a, b in zip(plumes._project(*once), once))
    assert once[0].mean() == pytest.approx(u.mean())  # the wind stays


def test_without_air_wind_or_buoyancy_smoke_stays_where_it_is(monkeypatch):
    monkeypatch.setattr(plumes, "restless_air", lambda seed, cells: (np.zeros((cells, cells)), np.zeros((cells + 1, cells))))
    film = simulate(0.5, 0.0, 0.0, seed=0, cells=28)
    assert np.allclose(film, picture(plumes.source_mask(0.5, 28)))


def test_wind_carries_smoke_at_its_own_speed(monkeypatch):
    """A blob in a uniform stream moves by wind x time."""
    blob = np.exp(-((np.arange(56) - 20.0) ** 2 + (np.arange(56)[:, None] - 28.0) ** 2) / 30)
    smoke, u, v = blob, np.full((56, 56), 0.1), np.zeros((57, 56))
    for _ in range(30):
        smoke, u, v = plumes._step(smoke, u, v, 0.0, np.zeros((56, 56)), 1 / 15)
    assert (smoke.sum(0) * np.arange(56)).sum() / smoke.sum() == pytest.approx(20 + 0.1 * 2 * 56, abs=0.1)
    assert smoke.sum() == pytest.approx(blob.sum(), rel=0.01)


def test_a_mirrored_scene_gives_nearly_the_mirrored_film(monkeypatch):
    """Nearly: the bounds that PhiFlow sets on the air are read half a cell to one side."""
    still = np.zeros((56, 56)), np.zeros((57, 56))
    monkeypatch.setattr(plumes, "restless_air", lambda seed, cells: still)
    left, right = simulate(0.4, 0.05, 0.8, 0), simulate(0.6, -0.05, 0.8, 0)[..., ::-1]
    middle = [(film.sum(1) * np.arange(28)).sum(1) / film.sum((1, 2)) for film in (left, right)]
    assert np.allclose(*middle, atol=0.5)  # pixels
    assert np.abs(left - right)[:5].mean() < 0.005


def test_smoke_rises_faster_with_more_buoyancy_and_stays_in_range():
    def height(b):
        film = simulate(0.5, 0.0, b, seed=1, cells=28)
        assert 0 <= film.min() and film.max() <= 1
        return (film[5].sum(1) * np.arange(28, 0, -1)).sum() / film[5].sum()

    assert height(0.3) < height(0.6) < height(1.0)


@pytest.mark.parametrize(("change", "word"), [
    ({"cells": 30}, "28"), ({"seconds": 0}, "时刻"), ({"wind": np.nan}, "有限"), ({"source": 1.2}, "烟源"),
    ({"wind": 50.0}, "算不准"), ({"buoyancy": 1e4}, "算不准")])
def test_solver_refuses_nonsense(change, word):
    with pytest.raises(ValueError, match=word):
        simulate(**{"source": 0.5, "wind": 0.0, "buoyancy": 0.5, "seed": 0, **change})


def test_controls_outside_the_trained_range_are_refused_by_name():
    middle = np.array([(c.low + c.high) / 2 for c in CONTROLS])
    check_controls(np.stack([middle, [c.low for c in CONTROLS], [c.high for c in CONTROLS]]))
    for i, control in enumerate(CONTROLS):
        for bad in (control.low - 0.01, control.high + 0.01, np.nan, np.inf):
            values = middle.copy()
            values[i] = bad
            with pytest.raises(ValueError, match=f"{control.name}.*不能信"):
                check_controls(values)
    with pytest.raises(ValueError, match="4个数"):
        check_controls(middle[:3])


def test_a_slider_outside_the_trained_range_gets_the_solver_and_the_reason():
    def generate(controls):
        assert controls[1] <= 0.1, "the generator must not be asked"
        return np.stack([np.zeros((28, 28)), np.ones((28, 28))])

    pictures, sentence = plumes.answer(0.5, 0.05, 0.5, 2.0, 0, generate)
    assert len(pictures) == 2 and "50.0%" in sentence
    pictures, sentence = plumes.answer(0.5, 0.2, 0.5, 2.0, 0, generate)
    assert "风速 0.2 不在 [-0.1, 0.1]" in sentence and "求解器" in sentence
    assert np.allclose(pictures, simulate(0.5, 0.2, 0.5, 0, frames=1, seconds=2.0))
    with pytest.raises(ValueError, match="有限"):
        plumes.answer(0.5, np.nan, 0.5, 2.0, 0, generate)


def test_scaling_takes_the_ranges_to_one():
    ends = np.array([[c.low for c in CONTROLS], [c.high for c in CONTROLS]])
    assert np.allclose(scaled(ends), [[-1] * 4, [1] * 4])


def test_films_are_drawn_in_few_colours_side_by_side():
    film = render(np.linspace(0, 1, 3 * 28 * 28).reshape(3, 28, 28), scale=2)
    assert film.shape == (3, 56, 56, 3) and film.dtype == np.uint8
    assert len(np.unique(film.reshape(-1, 3), axis=0)) <= 24
    assert side_by_side([film, film], gap=4)[0].shape == (56, 116, 3)


def test_simulations_keep_their_controls_in_range_and_differ():
    data = load_plumes()
    assert data.frames.shape == (300, 10, 1, 28, 28) and data.controls.shape == (300, 10, 4)
    check_controls(data.controls.numpy())
    assert torch.equal(data.controls[:, :1, :3].expand(-1, 10, -1), data.controls[..., :3])
    assert len(data.controls[:, 0, :3].unique(dim=0)) == 300
    smoke = (data.frames + 1).mean((2, 3, 4))
    assert (smoke[:, -1] > smoke[:, 0]).all()  # the source stays open


def test_our_solver_agrees_with_the_one_that_made_the_data():
    """Same controls, same eddies, same picture to the end, although the flow is chaotic: it is the same scheme."""
    data = load_plumes()
    for number in (0, 1, 299):
        ours = torch.from_numpy(simulate(*data.controls[number, 0, :3].tolist(), seed=number)).float() * 2 - 1
        off = (ours - data.frames[number, :, 0]).abs()
        assert off[0].max() < 0.01 and off[-1].mean() < 0.01, off.amax((1, 2))
