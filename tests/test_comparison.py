"""What made data are worth: a field's marks on makers whose worth is known."""

import numpy as np
import pytest
import torch

from aigc_lib.comparison import Field


def _line(n: int, seed: int) -> torch.Tensor:
    """Points (N, 2) about the line y = 2 x."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, generator=generator)
    return torch.stack([x, 2 * x + 0.1 * torch.randn(n, generator=generator)], dim=1)


def _learn(made: torch.Tensor):
    """A straight line through the made points; its error on real ones."""
    slope, shift = np.polyfit(made[:, 0], made[:, 1], 1)
    return lambda real: float((slope * real[:, 0] + shift - real[:, 1]).square().mean())


FIELD = Field(_line(400, 0), _line(200, 1), _line(200, 2), _learn, higher_is_better=False)


def test_an_honest_maker_is_useful_complete_and_no_copyist():
    marks = FIELD.judge(_line(400, 3))
    assert marks.test == pytest.approx(0.01, rel=0.3)  # the noise itself
    assert marks.precision > 0.9 and marks.coverage > 0.9
    assert marks.copied < 0.04


def test_a_copyist_is_found_out_though_it_is_useful():
    marks = FIELD.judge(FIELD.train[:200])
    assert marks.test == pytest.approx(0.01, rel=0.3)
    assert marks.copied == 1


def test_a_collapsed_maker_is_true_to_life_but_covers_little():
    small = 0.05 * _line(400, 4)
    assert FIELD.judge(small).coverage < 0.3


def test_a_maker_that_has_it_wrong_is_of_no_use():
    assert FIELD.judge(_line(400, 5) * torch.tensor([1.0, -1.0])).test > 1


def test_the_order_follows_the_direction_of_the_measure_and_the_part():
    good, bad = FIELD.judge(_line(400, 3)), FIELD.judge(_line(400, 5) * torch.tensor([1.0, -1.0]))
    assert FIELD.best({"bad": bad, "good": good}) == ["good", "bad"]
    swapped = {"bad": bad._replace(valid=0.0), "good": good}
    assert FIELD.best(swapped) == ["bad", "good"]
    assert FIELD.best(swapped, "test") == ["good", "bad"]
    upward = Field(FIELD.train, FIELD.valid, FIELD.test, _learn, higher_is_better=True)
    assert upward.best({"bad": bad, "good": good}) == ["bad", "good"]


def test_nearness_may_be_something_else_than_a_distance():
    field = Field(FIELD.train, FIELD.valid, FIELD.test, _learn, False, nearness=lambda x: x[:, 0].numpy())
    assert field.judge(_line(400, 6) + 10).copied == 1


def test_examples_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(N, 2\), found \(5, 3\)"):
        FIELD.judge(torch.zeros(5, 3))
