"""The n-gram model against what can be worked out by hand."""

import math

import pytest
import torch

from aigc_lib.baselines import GaussianControls, KneserNey

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


def test_gaussian_controls_find_the_mean_and_a_spread_that_depends_on_the_controls():
    """x = c^2 + (1 + c) noise in two directions; the noise is found where the control is."""
    g = torch.Generator().manual_seed(0)
    c = torch.rand(4000, 1, generator=g) * 2 - 1
    x = torch.cat([c.square(), 0.1 * c], dim=1) + 0.1 * (1.2 + c) * torch.randn(4000, 2, generator=g)
    model = GaussianControls(width=2, degree=2, neighbours=200).fit(x.view(-1, 1, 1, 2), c)
    for value in (-0.8, 0.0, 0.8):
        drawn = model.generate(torch.randn(3000, 2, generator=g), torch.full((3000, 1), value))
        assert drawn.shape == (3000, 1, 1, 2)
        assert (drawn.mean((0, 1, 2)) - torch.tensor([value**2, 0.1 * value])).abs().max() < 0.03
        assert abs(drawn[..., 1].std() / (0.1 * (1.2 + value)) - 1) < 0.2


def test_kneser_ney_writes_texts_as_often_as_it_says():
    seen = torch.tensor([[1, 2, 0, 3, 4], [1, 3, 0, 3, 2], [2, 2, 0, 1, 4], [1, 2, 0, 3, 3]])
    model = KneserNey(5, 2, 0.5, free=[0]).fit(seen)
    texts = model.generate(20_000, [None, None, 0, None, None], seed=1)
    assert (texts[:, 2] == 0).all() and (texts[:, [0, 1, 3, 4]] != 0).all()
    kinds, counts = texts.unique(dim=0, return_counts=True)
    chances = (-model.nats(kinds)).exp()
    for chance, count in zip(chances[counts > 200], counts[counts > 200]):
        assert count.item() / len(texts) == pytest.approx(chance.item(), rel=0.15)
    never = model.generate(200, [None] * 4, never=[2], seed=1)
    assert not (never == 2).any()
    assert torch.equal(never, model.generate(200, [None] * 4, never=[2], seed=1))
