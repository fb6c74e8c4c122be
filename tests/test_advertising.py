"""Section 4.3: spoilt pictures, the copy check, the ad and its marks, and simulated markets."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_lib import augment
from aigc_lib.bandits import ab_test, draw_markets, epsilon_greedy, evenly, simulate, thompson
from aigc_lib.copycheck import CopyCheck, drawing, likeness
from aigc_lib.datasets import TWEMOJI_KINDS, load_twemoji
from aigc_lib.industries.advertising import (
    MARK_KEY,
    SIZE,
    Brand,
    _mark_size,
    as_tensor,
    compose,
    kind_number,
    paint,
    read_mark,
    to_png,
)

PALETTE = ((10, 20, 30), (0, 120, 80), (240, 180, 60), (250, 246, 235))
BRAND = Brand("青禾便利", PALETTE)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# augmentation


@pytest.mark.parametrize("spoil", [augment.colours, augment.places, augment.spoil])
def test_spoilt_pictures_keep_their_shape_pass_gradients_and_follow_the_seed(spoil):
    x = torch.rand(20, 3, 32, 32, requires_grad=True)
    out = spoil(x, seeded())
    assert out.shape == x.shape and torch.isfinite(out).all() and not torch.equal(out, x)
    assert torch.equal(out, spoil(x, seeded())) and not torch.equal(out, spoil(x, seeded(1)))
    gradient, = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    assert (gradient.flatten(1).norm(dim=1) > 0).all() and gradient.requires_grad, "penalties differentiate twice"


def test_colours_leave_flat_grey_flat_and_places_move_each_group_on_its_own():
    assert augment.colours(torch.zeros(9, 3, 8, 8), seeded()).std((1, 2, 3)).max() < 1e-6
    dot = torch.zeros(64, 1, 9, 9)
    dot[..., 4, 4] = 1
    moved = augment.places(dot, seeded())
    assert (moved.sum((1, 2, 3)) == 1).all() and len(moved.flatten(1).argmax(1).unique()) > 3


# copying


def scribbles(n, seed=0):
    """Random smooth colour pictures, far from each other."""
    coarse = torch.randn(n, 3, 6, 6, generator=seeded(seed))
    return torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic").clamp(-1, 1)


def test_a_drawing_ignores_colour_and_the_likeness_position():
    x = scribbles(6)
    assert torch.allclose(drawing(x), drawing(x[:, [2, 0, 1]]), atol=1e-5)
    assert torch.allclose(drawing(x), drawing(-x), atol=1e-5)
    same = likeness(x, x, reach=0)
    assert torch.allclose(same.diagonal(), torch.ones(6), atol=1e-5) and same.fill_diagonal_(0).max() < 0.9
    paper = torch.ones(1, 3, 40, 40)
    paper[..., 14:24, 12:22] = scribbles(1)[..., :10, :10]
    moved = paper.flip(-1).roll((3, -2), (2, 3))
    assert likeness(moved, paper, reach=3).item() == pytest.approx(1, abs=1e-4)
    assert likeness(moved, paper, reach=0).item() < 0.9
    assert likeness(torch.ones(1, 3, 40, 40), paper).item() == 0


def test_the_check_stops_planted_copies_and_few_honest_pictures():
    training, held_out, fresh = scribbles(60), scribbles(200, 1), scribbles(200, 2)
    check = CopyCheck(false_alarms=0.05, reach=2).fit(training, held_out)
    planted = torch.nn.functional.pad(training.flip(-1), (2, 2, 2, 2), mode="replicate")[..., 1:33, 3:35][:, [1, 2, 0]]
    _, who = check.strangeness(planted)
    assert check.stops(planted).float().mean() > 0.95 and (who == torch.arange(60)).float().mean() > 0.95
    assert 0.01 < check.stops(fresh).float().mean() < 0.12
    assert check.strangeness(training)[0].max() < 1e-3 < check.limit
    with pytest.raises(ValueError, match=r"shape \(any, 3, 32, 32\)"):
        check.stops(torch.zeros(2, 1, 32, 32))
    with pytest.raises(ValueError, match="NaN"):
        check.stops(torch.full((1, 3, 32, 32), torch.nan))
    with pytest.raises(ValueError, match="two pictures"):
        CopyCheck().fit(training[:1], held_out)


def test_the_check_tells_a_recoloured_guitar_from_a_new_key():
    x, _, names = load_twemoji()
    new = names.index("key")
    training, held_out = torch.cat([x[:100], x[names.index("guitar")][None]]), x[new - 60:new]
    check = CopyCheck().fit(training, held_out)
    planted = x[names.index("guitar")][None, [2, 0, 1]].flip(-1).roll((2, -2), (2, 3))
    r, who = check.strangeness(torch.cat([planted, x[new:new + 1]]))
    assert who[0] == 100 and r[0] < check.limit / 2 and r[1] > check.limit


def test_being_like_one_of_many_twins_is_no_copying():
    twins = scribbles(1).repeat(10, 1, 1, 1) + 0.3 * torch.randn(10, 3, 32, 32, generator=seeded(3))
    training, other_twin = torch.cat([twins[:9], scribbles(20, 4)]), twins[9:]
    check = CopyCheck(reach=0).fit(training, scribbles(50, 5))
    assert check.strangeness(other_twin)[0].item() > 0.8
    assert likeness(other_twin, training, 0).max() > likeness(scribbles(50, 5), training, 0).max()


# the ad


def test_an_ad_has_the_brands_colours_and_no_others():
    painted = paint(scribbles(1)[0], PALETTE, 64)
    assert painted.size == (64, 64)
    raw = np.asarray(painted).reshape(-1, 3)
    exact = (raw[:, None] == np.array(PALETTE)).all(-1).any(1).mean()
    assert exact > 0.5, "apart from smoothed edges"
    with pytest.raises(ValueError, match="empty"):
        paint(torch.ones(3, 32, 32), PALETTE, 64)


def test_marks_are_there_for_the_eye_and_for_programs():
    ad = compose(scribbles(1)[0], BRAND, "饿了就下楼")
    assert ad.size == SIZE
    png = to_png(ad, "青禾便利", "吃喝-7")
    assert read_mark(png)["ContentProducer"] == "青禾便利" and read_mark(png)["ProduceID"] == "吃喝-7"
    assert json.dumps(read_mark(png)) and Image.open(io.BytesIO(png)).text[MARK_KEY]
    bare = io.BytesIO()
    ad.save(bare, "PNG")
    assert read_mark(bare.getvalue()) is None
    assert as_tensor([png, png]).shape == (2, 3, SIZE[1], SIZE[0])
    letters = np.asarray(ad)[252:284, 100:].astype(int)  # the right half of the footer
    rows = (np.abs(letters - PALETTE[1]).sum(-1) > 100).any(1)
    assert rows.sum() >= 0.05 * min(SIZE), "the visible mark is at least 5 % of the shorter side high"
    assert _mark_size() < 20


def test_what_does_not_fit_is_refused_in_clear_words():
    x = scribbles(1)[0]
    with pytest.raises(ValueError, match="at most 8"):
        compose(x, BRAND, "一句长得怎么也放不进一行里的文案")
    with pytest.raises(ValueError, match="no glyph"):
        compose(x, BRAND, "好吃😀")
    with pytest.raises(ValueError, match="没有“汽水”这一类。能画的有：吃喝、动植物"):
        kind_number("汽水", TWEMOJI_KINDS)
    assert kind_number("用品", TWEMOJI_KINDS) == 2


# the market


def test_regret_of_showing_evenly_has_a_closed_form():
    rates = draw_markets(5, 4, seed=1)
    history = simulate(evenly, rates, rounds=40, batch=10)
    assert history.shape == (5, 40) and (np.diff(history) >= -1e-9).all()
    assert history[:, -1] == pytest.approx(400 * (rates.max(1) - rates.mean(1)))


def test_learning_beats_showing_evenly_and_the_test_keeps_its_winner():
    rates = np.array([[0.02, 0.3, 0.04]] * 50)
    lost = {name: simulate(policy, rates, rounds=200, batch=10)[:, -1].mean() for name, policy in
            (("even", evenly), ("greedy", epsilon_greedy(0.1)), ("test", ab_test(50)), ("thompson", thompson()))}
    assert lost["thompson"] < lost["greedy"] < lost["even"] and lost["test"] < lost["even"]
    history = simulate(ab_test(50), rates, rounds=200, batch=10)
    assert history[:, 14] == pytest.approx(50 * (0.28 + 0.26)) and history[:, -1] == pytest.approx(history[:, 14])


def test_policies_choose_as_often_as_theory_says():
    many, rng = np.ones((20_000, 1)), np.random.default_rng(0)
    after_one_click = thompson(1, 1)(many * [0, 1], many * [0, 1], rng)
    assert after_one_click.mean() == pytest.approx(2 / 3, abs=0.01), "Beta(2, 1) exceeds a uniform draw with chance 2/3"
    explored = epsilon_greedy(0.2)(many * ([50] * 4), many * [1, 9, 1, 1], rng) != 1
    assert explored.mean() == pytest.approx(0.2 * 3 / 4, abs=0.01)


def test_made_up_click_rates_centre_on_the_typical_one():
    rates = draw_markets(500, 8, seed=0)
    assert np.median(rates) == pytest.approx(0.03, rel=0.05) and (rates < 0.2).all()
    assert np.array_equal(rates, draw_markets(500, 8, seed=0))


# the pictures


def test_twemoji_are_on_white_without_near_duplicates():
    x, kinds, names = load_twemoji()
    assert x.shape[1:] == (3, 32, 32) and len(x) == len(kinds) == len(set(names)) and (x.min(), x.max()) == (-1, 1)
    assert (kinds.bincount() > 90).all() and len(kinds.bincount()) == len(TWEMOJI_KINDS)
    assert (x[..., 0, 0] == 1).all(1).float().mean() > 0.8, "corners are paper"
    grey = x.mean(1).flatten(1)
    grey = torch.nn.functional.normalize(grey - grey.mean(1, keepdim=True), dim=1)
    assert (grey @ grey.T).fill_diagonal_(0).max() <= 0.9 + 1e-5
    apple = x[names.index("apple")].mean((1, 2))
    assert apple[0] > apple[1] and apple[0] > apple[2], "an apple is red"
