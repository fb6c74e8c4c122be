"""Search on a counted budget."""

import numpy as np
import pytest

from aigc_lib.search import Budget, cross_entropy, genetic, random_search

TARGET = np.linspace(0.2, 0.8, 12)


def cost(x):
    return ((x - TARGET) ** 2).sum(1)


def spend(search, most=4000, seed=0):
    budget = Budget(cost, most)
    search(budget, seed)
    return budget


def by_genes(budget, seed):
    keys = np.random.default_rng(seed).random((100, 12))
    genetic(budget, keys, budget(keys), seed=seed)


def by_gaussian(budget, seed):
    cross_entropy(budget, lambda z: z, np.random.default_rng(seed).random((50, 12)), seed=seed)


def by_chance(budget, seed):
    random_search(budget, 12, seed)


@pytest.mark.parametrize("search", [by_genes, by_gaussian, by_chance])
def test_all_is_spent_nothing_more_and_the_same_seed_gives_the_same(search):
    for most in (101, 250, 777):
        budget = spend(search, most)
        assert budget.used == most == budget.trace[-1][0] and budget.left == 0
    assert spend(search).best == spend(search).best != spend(search, seed=1).best
    assert cost(spend(search).best_x[None])[0] == spend(search).best
    bests = [best for _, _, best in spend(search).trace]
    assert bests == sorted(bests, reverse=True)


def test_the_clever_ones_beat_chance_by_far():
    chance, genes, gaussian = (np.mean([spend(s, seed=seed).best for seed in range(3)])
                               for s in (by_chance, by_genes, by_gaussian))
    assert genes < chance / 3 and gaussian < chance / 20


def test_the_search_goes_on_in_the_code_not_in_what_it_decodes_to():
    budget = Budget(cost, 2000)
    directions = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 3)))[0]
    cross_entropy(budget, lambda z: z @ directions.T, np.random.default_rng(1).standard_normal((40, 3)))
    assert budget.best == pytest.approx((TARGET**2).sum() - ((TARGET @ directions) ** 2).sum(), abs=0.01)


def test_a_budget_cannot_be_overdrawn():
    budget = Budget(cost, 5)
    budget(np.zeros((3, 12)))
    with pytest.raises(ValueError, match="3 evaluations were asked for, 2 of 5 are left"):
        budget(np.zeros((3, 12)))
    with pytest.raises(ValueError, match="2 of 5 are left"):
        budget.record(np.zeros((3, 12)), np.zeros(3))
    assert budget.used == 3
    budget.record(np.ones((2, 12)), np.array([9.0, 0.5]))
    assert budget.left == 0 and budget.best == 0.5 and budget.best_x.tolist() == [1.0] * 12
    with pytest.raises(ValueError, match="at least 1"):
        Budget(cost, 0)
