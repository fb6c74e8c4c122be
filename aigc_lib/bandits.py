"""Which of several ads to show next, when only clicks tell? A simulation (模拟) of many markets at once.

M markets with K ads each. A policy is called with the showings and clicks so far, both (M, K), and returns the
ad to show next in each market, (M,). Regret: clicks that the best ad would have brought more, in expectation.
"""

from collections.abc import Callable

import numpy as np

Policy = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def draw_markets(n: int, ads: int, seed: int, typical: float = 0.03, spread: float = 0.3) -> np.ndarray:
    """Made-up click rates (n, ads): log odds normal around those of ``typical``."""
    odds = np.log(typical / (1 - typical)) + spread * np.random.default_rng(seed).standard_normal((n, ads))
    return 1 / (1 + np.exp(-odds))


def simulate(policy: Policy, rates: np.ndarray, rounds: int, batch: int = 20, seed: int = 0) -> np.ndarray:
    """Cumulative regret in clicks after each round, (M, rounds). In a round, ``batch`` visitors see one ad."""
    rng = np.random.default_rng(seed)
    markets = np.arange(len(rates))
    shown, clicked, lost = (np.zeros(rates.shape) for _ in range(3))
    history = np.empty((len(rates), rounds))
    for i in range(rounds):
        ad = policy(shown, clicked, rng)
        rate = rates[markets, ad]
        shown[markets, ad] += batch
        clicked[markets, ad] += rng.binomial(batch, rate)
        lost[markets, ad] += batch * (rates.max(1) - rate)
        history[:, i] = lost.sum(1)
    return history


def _best(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The place of each row's largest value, ties by lot."""
    return (values + 1e-12 * rng.random(values.shape)).argmax(1)


def evenly(shown: np.ndarray, clicked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every ad equally often, for ever."""
    return _best(-shown, rng)


def ab_test(showings: int) -> Policy:
    """Each ad ``showings`` times, then for ever the one with the best click rate in that test."""
    def choose(shown: np.ndarray, clicked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rate = clicked / np.maximum(shown, 1)
        # once the test is over only its winner is shown, so the winner is who has been shown most
        over = (shown >= showings).all(1, keepdims=True)
        won = np.where(shown.max(1, keepdims=True) > shown.min(1, keepdims=True), shown, rate)
        return _best(np.where(over, won, -shown), rng)
    return choose


def epsilon_greedy(epsilon: float) -> Policy:
    """The ad with the best click rate so far; with chance ``epsilon`` any of them."""
    def choose(shown: np.ndarray, clicked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rate = np.where(shown > 0, clicked / np.maximum(shown, 1), np.inf)  # first each of them once
        explore = rng.random(len(shown)) < epsilon
        return np.where(explore, rng.integers(shown.shape[1], size=len(shown)), _best(rate, rng))
    return choose


def thompson(clicks: float = 1.0, misses: float = 1.0) -> Policy:
    """Draw a click rate for each ad from what is known of it, and show the best draw. Thompson 1933.

    What is known: Beta(clicks + seen clicks, misses + seen misses). Chapelle & Li 2011.
    """
    def choose(shown: np.ndarray, clicked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rng.beta(clicks + clicked, misses + shown - clicked).argmax(1)
    return choose
