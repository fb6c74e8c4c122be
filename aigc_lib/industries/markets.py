"""Finance: what markets look like, a test of strategies that cannot see the future, and how sure its result is.

Returns are simple daily returns: a ``DataFrame`` with a day a row and a stock a column, or windows of them as
arrays (N, T, D): N windows, T days, D stocks.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

DAYS_A_YEAR = 252
FACTS = ["大涨大跌的日子", "波动聚集", "同涨同跌"]


def windows(returns: pd.DataFrame, length: int, every: int = 1) -> np.ndarray:
    """All stretches of ``length`` days, each starting ``every`` days after the one before: (N, length, D).

    ValueError where there is not even one.
    """
    if len(returns) < length:
        raise ValueError(f"{len(returns)} days of returns are too few for a window of {length}.")
    return np.lib.stride_tricks.sliding_window_view(returns.to_numpy(), length, axis=0)[::every].swapaxes(1, 2)


def stylised_facts(paths: np.ndarray) -> np.ndarray:
    """What each window adds to three facts, (N, 3); the mean over windows is the fact of the whole set.

    FACTS: the share of days beyond three standard deviations (0.0027 in a normal world), the autocorrelation of
    absolute returns at lags 1 to 10 (0 if every day is new), the mean correlation of two stocks. Cont 2001.
    """
    z = (paths - paths.mean((0, 1))) / paths.std((0, 1))
    size = np.abs(z) - np.abs(z).mean((0, 1))
    memory = np.mean([(size[:, :-k] * size[:, k:]).mean(1) for k in range(1, 11)], axis=0) / size.var((0, 1))
    n_stocks = z.shape[2]
    together = ((z.sum(2) ** 2 - (z**2).sum(2)) / (n_stocks * (n_stocks - 1))).mean(1)
    return np.stack([(np.abs(z) > 3).mean((1, 2)), memory.mean(1), together], axis=1)


def window_features(paths: np.ndarray) -> np.ndarray:
    """A fuller description of each window for a classifier, (N, 3 + D + 9): the facts, each stock's volatility, and
    the market's mean, volatility, extremes, memory, leverage, dispersion and the largest single moves.
    """
    market = paths.mean(2)
    centred = market - market.mean(1, keepdims=True)
    size = np.abs(centred)
    scale = centred.std(1) + 1e-12
    market_features = [market.mean(1), np.log(scale), market.min(1), market.max(1),
                       (centred[:, :-1] * centred[:, 1:]).mean(1) / scale**2,
                       (centred[:, :-1] * size[:, 1:]).mean(1) / scale**2,
                       (size[:, :-1] * size[:, 1:]).mean(1) / scale**2,
                       np.log(paths.std(2).mean(1)), np.log(np.abs(paths).max((1, 2)))]
    return np.hstack([stylised_facts(paths), np.log(paths.std(1) + 1e-6), np.stack(market_features, axis=1)])


def stationary_bootstrap(returns: np.ndarray, n: int, length: int, block: float, seed: int = 0) -> np.ndarray:
    """Paths (n, length, D) glued from pieces of history (T, D) that are ``block`` days long on average.

    A day brings all of its stocks along; after the last day comes the first. Politis & Romano 1994.
    """
    if block < 1:
        raise ValueError(f"a block must last at least one day on average, found {block}.")
    rng = np.random.default_rng(seed)
    days = rng.integers(len(returns), size=(n, length))
    jump = rng.random((n, length)) < 1 / block
    for t in range(1, length):
        days[:, t] = np.where(jump[:, t], days[:, t], days[:, t - 1] + 1)
    return returns[days % len(returns)]


class Walk(NamedTuple):
    """net: daily returns after costs; weights: what was decided, a row a rebalancing; traded: how much was bought
    and sold then, as a share of the portfolio."""

    net: pd.Series
    weights: pd.DataFrame
    traded: pd.Series


def quarter_starts(days: pd.DatetimeIndex, start: str) -> list[pd.Timestamp]:
    """The first trading day of each quarter from ``start`` on."""
    days = days[days >= start]
    quarter = days.to_period("Q")
    return list(days[np.r_[True, quarter[1:] != quarter[:-1]]])


def walk_forward(returns: pd.DataFrame, decide: Callable[[pd.DataFrame, pd.Timestamp], np.ndarray],
                 start: str, cost: float = 0.001) -> Walk:
    """Live through the history quarter by quarter, with no way to look ahead.

    decide(past, day): gets a copy of the returns up to the day before and answers with weights (D,), none negative,
    sum 1. They are bought at that day's close and earn from the next day on. In between, weights drift with prices.
    cost: share of each amount bought or sold, 0.001 is 10 basis points. ValueError for weights that are none.
    """
    chosen, traded, net = {}, {}, {}
    held = np.zeros(returns.shape[1])
    rebalancings = set(quarter_starts(returns.index, start))
    first = returns.index.searchsorted(pd.Timestamp(start))
    for i, (day, today) in enumerate(zip(returns.index[first:], returns.to_numpy()[first:]), first):
        earned = held @ today
        held = held * (1 + today) / (1 + earned)
        if day in rebalancings:
            wanted = _checked(decide(returns.iloc[:i].copy(), day), held.shape, day)
            chosen[day], traded[day] = wanted, np.abs(wanted - held).sum()
            held = wanted
        net[day] = (1 + earned) * (1 - cost * traded.get(day, 0)) - 1
    return Walk(pd.Series(net), pd.DataFrame(chosen, returns.columns).T, pd.Series(traded))


def _checked(weights: np.ndarray, shape: tuple[int, ...], day: pd.Timestamp) -> np.ndarray:
    weights = np.asarray(weights, float)
    if weights.shape != shape or not np.isfinite(weights).all() or weights.min() < -1e-6 or abs(weights.sum() - 1) > 1e-4:
        raise ValueError(f"on {day:%Y-%m-%d} the strategy gave no weights: wanted {shape[0]} numbers, none negative, "
                         f"sum 1, found shape {weights.shape}, smallest {weights.min():.3g}, sum {weights.sum():.4g}.")
    weights = weights.clip(0)
    return weights / weights.sum()


def sharpe(net: np.ndarray | pd.Series) -> float:
    """Mean over standard deviation of daily returns, a year: times the square root of 252. No riskless rate is taken off."""
    values = np.asarray(net)
    return float(values.mean() / values.std() * DAYS_A_YEAR**0.5)


class Difference(NamedTuple):
    """Sharpe ratio of the first minus the second, with a 95 % interval."""

    value: float
    low: float
    high: float


def sharpe_difference(a: pd.Series, b: pd.Series, block: int = 21, draws: int = 2000, seed: int = 0) -> Difference:
    """Would the difference be there in another history? Both are redrawn day for day together, in blocks.

    Percentiles of the circular block bootstrap (Politis & Romano 1992); Ledoit & Wolf (2008) go a step further
    and studentise. ValueError unless both series have the same days.
    """
    if not a.index.equals(b.index):
        raise ValueError(f"the two series must have the same days, found {len(a)} and {len(b)}.")
    n, rng = len(a), np.random.default_rng(seed)
    starts = rng.integers(n, size=(draws, -(-n // block)))
    days = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :n] % n
    drawn = [x.to_numpy()[days] for x in (a, b)]
    ratios = [x.mean(1) / x.std(1) * DAYS_A_YEAR**0.5 for x in drawn]
    return Difference(sharpe(a) - sharpe(b), *np.quantile(ratios[0] - ratios[1], [0.025, 0.975]).tolist())


def report(walk: Walk) -> dict[str, float]:
    """Yearly return, yearly volatility, Sharpe ratio, deepest fall from a peak, and turnover a year (both ways)."""
    value = (1 + walk.net).cumprod()
    years = len(walk.net) / DAYS_A_YEAR
    return {"年化收益": value.iloc[-1] ** (1 / years) - 1, "年化波动": walk.net.std() * DAYS_A_YEAR**0.5,
            "夏普比率": sharpe(walk.net), "最大回撤": float((value / value.cummax() - 1).min()),
            "年换手": walk.traded.sum() / years}
