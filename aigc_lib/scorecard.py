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
        features = self._features(x)
        self.owner = np.repeat(np.arange(len(self.columns)), [f.shape[1] for f in features])
        both = np.concatenate(features, axis=1)
        self.average = both.mean(0)  # points are counted from the average row
        self.regression = LogisticRegression(C=self.strength, max_iter=2000).fit(both - self.average, event)
        return self

    def calibrate(self, x: Tensor, event: np.ndarray) -> "Scorecard":
        """Stretch and shift the log odds to fit other rows (Platt 1999); sums of points stay exact."""
        self.slope, self.shift = 1.0, 0.0
        self.slope, self.shift = platt(self.predict(x), event)
        return self

    def points(self, x: Tensor) -> np.ndarray:
        """What each column adds to the log odds, (N, columns), against the average row of the training table."""
        weighted = (np.concatenate(self._features(x), axis=1) - self.average) * self.regression.coef_[0]
        summed = np.stack([weighted[:, self.owner == i].sum(1) for i in range(len(self.columns))], axis=1)
        return self.slope * summed

    @property
    def base(self) -> float:
        """Log odds of a row whose points are all 0."""
        return float(self.slope * self.regression.intercept_[0] + self.shift)

    def predict(self, x: Tensor) -> np.ndarray:
        """The chance of the event, (N,)."""
        return expit(self.base + self.points(x).sum(1))

    def _curve(self, x: Tensor, column: Column) -> SplineTransformer:
        known = x[:, column.start + 1] > 0
        return SplineTransformer(self.knots, min(3, self.knots - 1), extrapolation="constant", include_bias=False).fit(
            x[known, column.start, None].double().numpy())

    def _features(self, x: Tensor) -> list[np.ndarray]:
        parts = []
        for c in self.columns:
            part = x[:, c.start:c.stop].double().numpy()
            if c.categories:
                parts.append(np.column_stack([part, 1 - part.sum(1)]))
            else:
                curve = self.curves[c.name].transform(part[:, :1])
                parts.append(np.column_stack([curve * part[:, 1:], 1 - part[:, 1]]))
        return parts


def platt(chance: np.ndarray, event: np.ndarray) -> tuple[float, float]:
    """Slope and shift that fit the log odds of ``chance`` to what happened. Platt 1999."""
    fitted = LogisticRegression(C=np.inf).fit(_log_odds(chance), event)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def recalibrated(chance: np.ndarray, slope: float, shift: float) -> np.ndarray:
    return expit(slope * _log_odds(chance)[:, 0] + shift)


def _log_odds(chance: np.ndarray) -> np.ndarray:
    return logit(np.clip(chance, 1e-6, 1 - 1e-6))[:, None]
