"""The n-gram model against what can be worked out by hand."""

import math

import pytest
import torch

from aigc_lib.baselines import KneserNey

FREE = [0]


def test_chances_of_all_texts_sum_to_one():
    seen = torch.tensor([[1, 2, 0, 3], [1, 1, 0, 2], [2, 3, 0, 1]])
    every = torch.cartesian_prod(torch.arange(1, 5), torch.arange(1, 5), torch.tensor([0]), torch.arange(1, 5))
    for order in (1, 2, 3):
        model = KneserNey(5, order, 0.7, FREE).fit(seen)
        assert (-model.nats(every)).exp().sum().item() == pytest.approx(1)


def test_a_bigram_by_hand():
    """One text 1 2: after 1 came 2, once."""
    model = KneserNey(5, 2, 0.5, FREE).fit(torch.tensor([[1, 2]]))
    alone = {1: 0.5 / 2 + 0.5 * 2 / 2 / 4, 2: 0.5 / 2 + 0.5 * 2 / 2 / 4}  # two kinds of two uses, then uniform over 4
    placed = 0.5 + 0.5 * alone[2]
    assert model.nats(torch.tensor([[1, 2]])).item() == pytest.approx(
        -math.log(0.5 + 0.5 * (0.5 + 0.5 * alone[1])) - math.log(0.5 + 0.5 * placed))


def test_kinds_count_below_the_longest_context():
    """2 follows only 1, however often; 3 follows as many characters as it can: after a new one, 3 is likelier."""
    seen = torch.tensor([[1, 2]] * 9 + [[1, 3], [2, 3], [3, 3]])
    model = KneserNey(6, 2, 0.5, FREE).fit(seen)
    after_unknown = [(), (9,), (4,)]
    assert model._chance(after_unknown, 3) > model._chance(after_unknown, 2)


def test_free_tokens_cost_nothing_and_wrong_settings_are_named():
    model = KneserNey(5, 2, 0.5, FREE).fit(torch.tensor([[1, 0, 2]]))
    assert model.nats(torch.tensor([[0, 0, 0]])).item() == 0
    with pytest.raises(ValueError, match="order"):
        KneserNey(5, 0, 0.5)
    with pytest.raises(ValueError, match="discount"):
        KneserNey(5, 2, 1.0)
