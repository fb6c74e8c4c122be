"""Search for the numbers with the lowest cost when every look costs: all methods pay from a counted budget.

    budget = Budget(cost, 5000)
    cross_entropy(budget, decode, codes, seed=0)
    print(budget.best, budget.used)
"""

import time
from collections.abc import Callable

import numpy as np

Cost = Callable[[np.ndarray], np.ndarray]


class Budget:
    """Counts every evaluation of ``cost``: x (B, D) -> costs (B,), and remembers the best.

    trace: a row (used, seconds of processor time, best) a call. Raises ValueError when asked for more than is left.
    """

    def __init__(self, cost: Cost, most: int):
        if most < 1:
            raise ValueError(f"a budget needs at least 1 evaluation, found {most}.")
        self.cost, self.most, self.used = cost, most, 0
        self.best, self.best_x = np.inf, None
        self.trace: list[tuple[int, float, float]] = []
        self._start = time.process_time()

    @property
    def left(self) -> int:
        return self.most - self.used

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self._check(x)
        costs = self.cost(x)
        self.record(x, costs)
        return costs

    def record(self, x: np.ndarray, costs: np.ndarray) -> None:
        """Enter evaluations that were made elsewhere; they count as any other."""
        self._check(x)
        self.used += len(x)
        if costs.min() < self.best:
            self.best, self.best_x = float(costs.min()), x[costs.argmin()].copy()
        self.trace.append((self.used, time.process_time() - self._start, self.best))

    def _check(self, x: np.ndarray) -> None:
        if len(x) > self.left:
            raise ValueError(f"{len(x)} evaluations were asked for, {self.left} of {self.most} are left.")


def random_search(budget: Budget, dim: int, seed: int = 0, size: int = 250) -> None:
    """Spend what is left on uniform numbers in [0, 1]."""
    rng = np.random.default_rng(seed)
    while budget.left:
        budget(rng.random((min(size, budget.left), dim)))


def cross_entropy(budget: Budget, decode: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, *, size: int = 100,
                  share: float = 0.2, smooth: float = 0.5, floor: float = 0.05, seed: int = 0) -> None:
    """Spend what is left on draws from a Gaussian that moves to the best of them.

    codes (N, D): where to begin; their mean and spread are the first Gaussian. decode: (B, D) -> what the budget
    takes. size: draws a round, of which the best ``share`` give the next Gaussian, mixed in by ``smooth``.
    floor: the spread never falls below this part of the first one. Rubinstein 1999.
    """
    rng = np.random.default_rng(seed)
    mean, spread = codes.mean(0), codes.std(0)
    least, keep = floor * spread, max(2, round(share * size))
    while budget.left:
        z = mean + spread * rng.standard_normal((min(size, budget.left), len(mean)))
        best = z[budget(decode(z)).argsort(kind="stable")[:keep]]
        mean = (1 - smooth) * mean + smooth * best.mean(0)
        spread = np.maximum((1 - smooth) * spread + smooth * best.std(0), least)


def genetic(budget: Budget, keys: np.ndarray, costs: np.ndarray, *, elite: float = 0.2, mutants: float = 0.1,
            inherit: float = 0.7, seed: int = 0) -> None:
    """Spend what is left on a genetic algorithm over random keys in [0, 1].

    keys (N, D) and their costs (N,) are the first generation. Each next one keeps the best share ``elite``, adds the
    share ``mutants`` of new random keys, and fills up with children that take each key from an elite parent with
    the chance ``inherit``, else from another. Bean 1994; Gonçalves, Mendes & Resende 2005.
    """
    rng = np.random.default_rng(seed)
    n, dim = keys.shape
    best, new = max(1, round(elite * n)), round(mutants * n)
    while budget.left:
        order = costs.argsort(kind="stable")
        keys, costs = keys[order], costs[order]
        children = n - best - new
        mothers, fathers = keys[rng.integers(best, size=children)], keys[rng.integers(best, n, size=children)]
        crossed = np.where(rng.random((children, dim)) < inherit, mothers, fathers)
        fresh = np.concatenate([crossed, rng.random((new, dim))])[:budget.left]
        keys, costs = np.concatenate([keys[:best], fresh]), np.concatenate([costs[:best], budget(fresh)])
