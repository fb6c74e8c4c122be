"""Prices that cannot be trusted, facts about markets, and a walk through history that cannot look ahead."""

import numpy as np
import pandas as pd
import pytest
import torch

from aigc_lib.industries.markets import (
    quarter_starts,
    report,
    sharpe,
    sharpe_difference,
    stationary_bootstrap,
    stylised_facts,
    walk_forward,
    window_features,
    windows,
)
from aigc_lib.prices import daily_returns, load_sp500_prices


def random_returns(days=600, stocks=3, seed=0, mean=0.0005):
    index = pd.bdate_range("2018-01-01", periods=days)
    values = np.random.default_rng(seed).normal(mean, 0.01, (days, stocks))
    return pd.DataFrame(values, index, [f"S{i}" for i in range(stocks)])


def equal(past, day):
    return np.full(past.shape[1], 1 / past.shape[1])


# prices


def test_prices_of_the_package_are_whole():
    prices = load_sp500_prices()
    assert prices.shape == (8313, 20)
    assert daily_returns(prices).shape == (8312, 20)
    assert prices.loc["1990-01-02", "AAPL"] == 0.264


def test_returns_are_simple_returns():
    prices = pd.DataFrame({"A": [1.0, 1.1, 0.99], "B": [2.0, 1.0, 1.5]}, pd.bdate_range("2020-01-01", periods=3))
    assert np.allclose(daily_returns(prices, least=2), [[0.1, -0.5], [-0.1, 0.5]])


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda p: p.iloc[:100], "100 days of prices are too few: 250 returns need 251"),
    (lambda p: p.drop(p.index[30]).reindex(p.index), "S0 has 1 prices missing, the first on 2018-02-12"),
    (lambda p: p.assign(S1=np.nan), "S1 has 599 prices missing"),
    (lambda p: p.assign(S2=5.0), "the price never moves: S2"),
    (lambda p: p.assign(S2=-p.S2), "S2 has 599 prices of zero or less"),
    (lambda p: p.assign(S2=p.S2.replace(p.S2.iloc[3], np.inf)), "S2 has 1 infinite prices"),
    (lambda p: p.drop(p.index[100:120]), "no prices for 31 days before 2018-06-18"),
    (lambda p: p.iloc[::-1], "must increase"),
    (lambda p: pd.concat([p.iloc[:1], p]), "must increase"),
    (lambda p: p.reset_index(drop=True), "dates as their index"),
])
def test_prices_with_a_fault_are_refused(spoil, message):
    prices = (1 + random_returns(599)).cumprod()
    daily_returns(prices)
    with pytest.raises((TypeError, ValueError), match=message):
        daily_returns(spoil(prices))


# facts


def test_windows_are_stretches_of_history():
    returns = random_returns(50)
    found = windows(returns, 20, every=5)
    assert found.shape == (7, 20, 3)
    assert np.array_equal(found[2], returns.iloc[10:30])
    with pytest.raises(ValueError, match="50 days of returns are too few for a window of 51"):
        windows(returns, 51)


def test_a_normal_world_has_none_of_the_three_facts():
    far, memory, together = stylised_facts(np.random.default_rng(0).normal(size=(4000, 40, 3))).mean(0)
    assert far == pytest.approx(0.0027, abs=0.0003)
    assert memory == pytest.approx(0, abs=0.005)
    assert together == pytest.approx(0, abs=0.005)


def test_facts_are_seen_where_they_were_put():
    rng = np.random.default_rng(0)
    market = rng.normal(size=(4000, 40, 1))
    paths = (market + rng.normal(size=(4000, 40, 3))) * np.exp(rng.normal(0, 0.5, (4000, 1, 1)))
    far, memory, together = stylised_facts(paths).mean(0)
    assert together == pytest.approx(0.5, abs=0.02)  # variance 1 in common, 1 of its own
    assert far > 0.008
    assert memory > 0.1  # calm and wild windows
    assert window_features(paths).shape == (4000, 15)
    assert np.isfinite(window_features(paths)).all()


def test_facts_do_not_depend_on_scale_and_agree_with_numpy():
    paths = np.random.default_rng(1).standard_t(4, size=(50, 40, 3)).cumsum(2)
    facts = stylised_facts(paths)
    assert np.allclose(facts, stylised_facts(5 * paths))
    correlations = np.corrcoef(paths.reshape(-1, 3).T)[np.triu_indices(3, 1)]
    assert facts[:, 2].mean() == pytest.approx(correlations.mean())


# bootstrap


def test_bootstrap_brings_whole_days_in_pieces_of_the_right_length():
    history = np.arange(1000)[:, None] * [1, 10]
    paths = stationary_bootstrap(history, 2000, 40, block=10, seed=3)
    assert np.array_equal(paths[..., 1], 10 * paths[..., 0])
    goes_on = (np.diff(paths[..., 0], axis=1) % 1000 == 1).mean()
    assert goes_on == pytest.approx(0.9, abs=0.01)
    assert np.array_equal(paths, stationary_bootstrap(history, 2000, 40, block=10, seed=3))
    with pytest.raises(ValueError, match="at least one day"):
        stationary_bootstrap(history, 1, 40, block=0.5)


# walking forward


def test_a_planted_future_is_not_seen():
    """Whatever is put into the future, no earlier decision and no earlier return changes."""
    def momentum(past, day):
        seen.append((past.index[-1], day))
        return (past.sum() == past.sum().max()).to_numpy(float)

    returns, seen = random_returns(), []
    honest = walk_forward(returns, momentum, "2019-01-01")
    assert all(last < day for last, day in seen)
    planted = returns.copy()
    day = honest.weights.index[3]
    planted.loc[day:, "S2"] = 0.5  # whoever saw this would buy it
    walk = walk_forward(planted, momentum, "2019-01-01")
    assert np.array_equal(walk.weights.loc[:day], honest.weights.loc[:day])
    assert np.array_equal(walk.net[walk.net.index < day], honest.net[honest.net.index < day])
    assert not np.array_equal(walk.weights, honest.weights)  # later on, it is the past, and is used


def test_a_strategy_cannot_change_history():
    def vandal(past, day):
        past.iloc[:] = 9.0
        return equal(past, day)

    returns = random_returns()
    assert np.allclose(walk_forward(returns, vandal, "2019-01-01").net, walk_forward(returns, equal, "2019-01-01").net)


def test_one_stock_earns_its_own_return_after_the_first_day():
    returns = random_returns()
    walk = walk_forward(returns, lambda past, day: [0, 1, 0], "2019-01-01", cost=0.001)
    assert walk.net.iloc[0] == pytest.approx(-0.001)  # bought at the close of that day
    assert np.allclose(walk.net.iloc[1:], returns["S1"]["2019":].iloc[1:])
    assert walk.traded.tolist() == pytest.approx([1] + [0] * (len(walk.traded) - 1))


def test_costs_are_what_is_traded():
    turns = iter([[1, 0, 0], [0, 1, 0], [0, 1, 0]])
    returns = random_returns(590)
    walk = walk_forward(returns, lambda past, day: next(turns), "2019-10-01", cost=0.01)
    assert walk.traded.iloc[:2].tolist() == pytest.approx([1, 2])
    day = walk.traded.index[1]
    assert walk.net[day] == pytest.approx((1 + returns.loc[day, "S0"]) * 0.98 - 1)


def test_between_rebalancings_weights_drift():
    returns = random_returns(590)
    walk = walk_forward(returns, equal, "2020-01-01", cost=0)
    value = (1 + returns["2020":].iloc[1:]).cumprod().mean(axis=1)
    end = quarter_starts(returns.index, "2020-01-01")[1]
    assert (1 + walk.net[:end].iloc[1:]).prod() == pytest.approx(value[end])


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.5, 0.5, 0.5], [1.5, -0.5, 0], [np.nan, 0.5, 0.5]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match="on 2019-01-01 the strategy gave no weights"):
        walk_forward(random_returns(), lambda past, day: weights, "2019-01-01")


# how sure


def test_interval_of_the_sharpe_difference_matches_theory():
    """Independent normal returns: the standard error is sqrt(2 (1 - rho) / years). Jobson & Korkie 1981."""
    rng = np.random.default_rng(0)
    days, rho = pd.bdate_range("2000-01-01", periods=2520), 0.8
    common, own = rng.normal(size=2520), rng.normal(size=(2, 2520))
    a, b = (pd.Series(0.01 * (rho**0.5 * common + (1 - rho) ** 0.5 * x), days) for x in own)
    gap = sharpe_difference(a, b, seed=1)
    assert gap.value == pytest.approx(sharpe(a) - sharpe(b))
    assert gap.high - gap.low == pytest.approx(2 * 1.96 * (2 * (1 - rho) / 10) ** 0.5, rel=0.15)
    assert sharpe_difference(a, a) == pytest.approx((0, 0, 0))


def test_sharpe_difference_wants_the_same_days():
    a = random_returns()["S0"]
    with pytest.raises(ValueError, match="same days, found 600 and 599"):
        sharpe_difference(a, a.iloc[1:])


def test_report_of_a_known_walk():
    returns = random_returns(590)
    found = report(walk_forward(returns, equal, "2019-01-01"))
    assert found["最大回撤"] < 0 < found["年化波动"] < 0.2
    growing = report(walk_forward(returns * 0 + 0.001, equal, "2019-01-01", cost=0))
    assert growing["最大回撤"] == 0
    assert growing["年化收益"] == pytest.approx(1.001**252 - 1, rel=0.01)


# networks for paths


def test_generator_starts_as_noise_of_constant_volatility():
    from aigc_lib.sequences import PathDiscriminator, PathGenerator

    torch.manual_seed(0)
    generator, discriminator = PathGenerator(40, 5), PathDiscriminator(5)
    x = generator(torch.randn(500, generator.latent_dim))
    assert x.shape == (500, 40, 5)
    assert x.var().item() == pytest.approx(1, abs=0.5)
    assert discriminator(x).shape == (500,)


def test_a_day_hears_only_of_noise_within_reach():
    from aigc_lib.sequences import PathGenerator

    generator = PathGenerator(40, 2, mood=1)
    z = torch.randn(1, generator.latent_dim)
    changed = z.clone()
    changed[0, 1] += 1  # the first stock's noise on the first day
    moved = (generator(z) - generator(changed)).abs().sum(2)[0] > 0
    assert moved[0] and not moved[16:].any()
