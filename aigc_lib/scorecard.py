"""The scorecard: logistic regression in which every column adds its own points (credit scoring's workhorse).

A number adds a smooth curve of its normal score, a category one value each, and not being known adds its own.
Points are log odds; a sum of points is exact, so any prediction can be taken apart by column.
"""

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import SplineTransformer
from torch import Tensor

from aigc_lib.tables import Column, TableCoder


class Scorecard:
    """Rows x (N, S) of a fitted ``TableCoder`` -> chance of the event.

    knots: of each number's spline: 2 for a line, 3 for a bent parabola, more for cubic curves; strength: the inverse
    of the penalty's, as scikit-learn's C.
    """

    def __init__(self, coder: TableCoder, knots: int = 4, strength: float = 1.0):
        self.columns, self.knots, self.strength = list(coder.columns), knots, strength
        self.slope, self.shift = 1.0, 0.0  # of the calibration

    def fit(self, x: Tensor, event: np.ndarray) -> "Scorecard":
        self.curves = {c.name: self._curve(x, c) for c in self.columns if not c.categories}
        self.average = 0.0
        features = self._features(x)
        self.average = features.mean(0)  # points are counted from the average row
        self.regression = self._regression().fit(features - self.average, event)
        return self

    def calibrate(self, x: Tensor, event: np.ndarray) -> "Scorecard":
        """Stretch and shift the log odds to fit other rows (Platt 1999); sums of points stay exact."""
        self.slope, self.shift = 1.0, 0.0
        self.slope, self.shift = platt(self.predict(x), event)
        return self

    def points(self, x: Tensor) -> np.ndarray:
        """What each column adds to the log odds, (N, columns), against the average row of the training table."""
        features, weights = self.terms(x)
        return (features * weights) @ self._owned()

    def terms(self, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, F) and weights (F,): the log odds are ``base`` + features @ weights."""
        return self._features(x), self.slope * self.regression.coef_[0]

    @property
    def base(self) -> float:
        """Log odds of a row whose points are all 0."""
        return float(self.slope * self.regression.intercept_[0] + self.shift)

    def predict(self, x: Tensor) -> np.ndarray:
        """The chance of the event, (N,)."""
        return expit(self.base + self.points(x).sum(1))

    def resample(self, x: Tensor, event: np.ndarray, other: Tensor, other_event: np.ndarray, times: int, seed: int) -> None:
        """Learn the weights again from ``times`` draws of the rows x with replacement, each calibrated on ``other``.

        The bootstrap (Efron 1979) of the weights; the knots of the curves stay where they are.
        """
        features, elsewhere, rng = self._features(x), self._features(other), np.random.default_rng(seed)
        self.weights, self.bases = np.empty((times, features.shape[1])), np.empty(times)
        for i in range(times):
            rows = rng.integers(len(features), size=len(features))
            again = self._regression().fit(features[rows], event[rows])
            slope, shift = platt(expit(again.decision_function(elsewhere)), other_event)
            self.weights[i], self.bases[i] = slope * again.coef_[0], slope * again.intercept_[0] + shift

    def resampled_points(self, x: Tensor) -> np.ndarray:
        """As ``points``, from each draw: (times, N, columns)."""
        return (self._features(x) * self.weights[:, None]) @ self._owned()

    def resampled(self, x: Tensor) -> np.ndarray:
        """As ``predict``, from each draw: (times, N)."""
        return expit(self.bases[:, None] + self.weights @ self._features(x).T)

    def _regression(self) -> LogisticRegression:
        return LogisticRegression(C=self.strength, max_iter=2000)

    def _curve(self, x: Tensor, column: Column) -> SplineTransformer:
        known = x[:, column.start + 1] > 0
        return SplineTransformer(self.knots, min(3, self.knots - 1), extrapolation="constant", include_bias=False).fit(
            x[known, column.start, None].double().numpy())

    def _features(self, x: Tensor) -> np.ndarray:
        """(N, F): the curves' and categories' values and the gaps, column after column, less their average."""
        parts = []
        for c in self.columns:
            part = x[:, c.start:c.stop].double().numpy()
            if c.categories:
                parts += [part, 1 - part.sum(1, keepdims=True)]
            else:
                parts += [self.curves[c.name].transform(part[:, :1]) * part[:, 1:], 1 - part[:, 1:]]
        return np.concatenate(parts, axis=1) - self.average

    def _owned(self) -> np.ndarray:
        """(F, columns) of 0 and 1: which feature belongs to which column."""
        sizes = [len(c.categories) or self.curves[c.name].n_features_out_ for c in self.columns]
        return np.repeat(np.eye(len(self.columns)), np.array(sizes) + 1, axis=0)


def platt(chance: np.ndarray, event: np.ndarray) -> tuple[float, float]:
    """Slope and shift that fit the log odds of ``chance`` to what happened. Platt 1999."""
    fitted = LogisticRegression(C=np.inf).fit(_log_odds(chance), event)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def recalibrated(chance: np.ndarray, slope: float, shift: float) -> np.ndarray:
    return expit(slope * _log_odds(chance)[:, 0] + shift)


def _log_odds(chance: np.ndarray) -> np.ndarray:
    return logit(np.clip(chance, 1e-6, 1 - 1e-6))[:, None]
