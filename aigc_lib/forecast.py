"""Forecasts as samples: what a good practitioner would use to say what may come, and how sure it is.

A forecaster learns from x (N, F) and y (N, D), both standardised, and answers with equally likely futures
(B, S, D). Only ``Analogues`` gives whole futures; the others answer each of the D numbers on its own.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor
from sklearn.neighbors import NearestNeighbors

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def from_quantiles(quantiles: np.ndarray, n: int, levels: Sequence[float] = LEVELS) -> np.ndarray:
    """Equally likely values from quantiles (B, Q, D), sorted first where they cross: -> (B, n, D).

    Straight lines between the levels; beyond the outermost, the outermost line goes on (Gneiting & Raftery
    2007 score such a step-free distribution as any other).
    """
    quantiles, levels = np.sort(quantiles, axis=1), np.asarray(levels)
    at = (np.arange(n) + 0.5) / n
    left = np.clip(np.searchsorted(levels, at) - 1, 0, len(levels) - 2)
    weight = ((at - levels[left]) / (levels[left + 1] - levels[left]))[:, None]
    return quantiles[:, left] * (1 - weight) + quantiles[:, left + 1] * weight


class Analogues:
    """The futures that the ``k`` most similar pasts had. Lorenz 1969."""

    def __init__(self, k: int):
        self.k = k

    def fit(self, x: np.ndarray, y: np.ndarray) -> "Analogues":
        self.y, self.near = y, NearestNeighbors(n_neighbors=min(self.k, len(x))).fit(x)
        return self

    def sample(self, x: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
        near = self.near.kneighbors(x, return_distance=False)  # (B, k)
        return self.y[near[:, np.arange(n) % near.shape[1]]]


class LinearQuantiles:
    """A linear quantile regression for each number and level. Koenker & Bassett 1978.

    alpha: the weight of its L1 penalty. thin: learn from every thin-th row only; rows of one machine overlap, and
    the linear program grows faster than they do.
    """

    def __init__(self, alpha: float, thin: int = 1):
        self.alpha, self.thin = alpha, thin

    def fit(self, x: np.ndarray, y: np.ndarray) -> "LinearQuantiles":
        x, y = x[::self.thin], y[::self.thin]
        self.models = [[QuantileRegressor(quantile=q, alpha=self.alpha).fit(x, column) for column in y.T]
                       for q in LEVELS]
        return self

    def sample(self, x: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
        return from_quantiles(np.stack([np.stack([m.predict(x) for m in row], 1) for row in self.models], 1), n)


class Boosting:
    """Gradient-boosted trees over (features, which number): one model a level, or one for the mean.

    ``predict`` is trained on the squared error, ``sample`` on the quantile loss. Friedman 2001; Ke et al. 2017.
    """

    def __init__(self, trees: int, leaves: int, rate: float = 0.1):
        self.settings = {"max_iter": trees, "max_leaf_nodes": leaves, "learning_rate": rate, "early_stopping": False,
                         "min_samples_leaf": 20}

    def fit(self, x: np.ndarray, y: np.ndarray) -> "Boosting":
        self.n_outputs = y.shape[1]
        rows, target = self._rows(x), y.T.ravel()
        self.mean = HistGradientBoostingRegressor(**self.settings).fit(rows, target)
        self.models = [HistGradientBoostingRegressor(loss="quantile", quantile=q, **self.settings).fit(rows, target)
                       for q in LEVELS]
        return self

    def _rows(self, x: np.ndarray) -> np.ndarray:
        """(N, F) -> (D N, F + 1): all rows for the first number, then for the second, ..."""
        return np.concatenate([np.column_stack([x, np.full(len(x), d)]) for d in range(self.n_outputs)])

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.mean.predict(self._rows(x)).reshape(self.n_outputs, -1).T

    def sample(self, x: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
        rows = self._rows(x)
        quantiles = np.stack([m.predict(rows).reshape(self.n_outputs, -1).T for m in self.models], 1)
        return from_quantiles(quantiles, n)


def stretch(samples: np.ndarray, factor: float) -> np.ndarray:
    """Samples (B, S, D) moved away from their median (factor > 1) or towards it."""
    middle = np.median(samples, axis=1, keepdims=True)
    return middle + factor * (samples - middle)


def fitting_stretch(samples: np.ndarray, y: np.ndarray, weights: np.ndarray, share: float = 0.8) -> float:
    """The factor by which ``stretch`` makes the central ``share`` of samples hold that share of y (N, D).

    weights (N,): what each row counts. The split-conformal idea (Vovk et al. 2005) with a relative width.
    """
    low, middle, high = np.quantile(samples, [(1 - share) / 2, 0.5, (1 + share) / 2], axis=1)
    side = np.where(y >= middle, high - middle, middle - low)
    needed = (np.abs(y - middle) / np.maximum(side, 1e-9)).ravel()
    order = needed.argsort()
    total = np.repeat(weights, y.shape[1])[order].cumsum()
    return float(needed[order][np.searchsorted(total, share * total[-1])])


class Standardised:
    """A forecaster behind scales of its own training data: mean 0 and deviation 1 in each column of x and y."""

    def __init__(self, inner):
        self.inner = inner

    def fit(self, x: np.ndarray, y: np.ndarray) -> "Standardised":
        self.x_mean, self.x_scale = x.mean(0), x.std(0) + 1e-12
        self.y_mean, self.y_scale = y.mean(0), y.std(0) + 1e-12
        self.inner.fit((x - self.x_mean) / self.x_scale, (y - self.y_mean) / self.y_scale)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.inner.predict((x - self.x_mean) / self.x_scale) * self.y_scale + self.y_mean

    def sample(self, x: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
        return self.inner.sample((x - self.x_mean) / self.x_scale, n, seed) * self.y_scale + self.y_mean
