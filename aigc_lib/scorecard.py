"""The scorecard: logistic regression in which every column adds its own points (credit scoring's workhorse).

A number adds a smooth curve of its normal score, a category one value each, and not being known adds its own.
Points are log odds; a sum of points is exact, so any prediction can be taken apart by column.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import SplineTransformer
from torch import Tensor

from aigc_lib.tables import Column, TableCoder, by_known_columns


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

    def resample(self, x: Tensor, event: np.ndarray, other: Tensor | None, other_event: np.ndarray | None,
                 times: int, seed: int) -> None:
        """Learn the weights again from ``times`` draws of the rows x with replacement, each calibrated on ``other``.

        Without other rows, each keeps this card's own calibration. The bootstrap (Efron 1979) of the weights; the
        knots of the curves stay where they are.
        """
        features, rng, slope, shift = self._features(x), np.random.default_rng(seed), self.slope, self.shift
        elsewhere = None if other is None else self._features(other)
        self.weights, self.bases = np.empty((times, features.shape[1])), np.empty(times)
        for i in range(times):
            rows = rng.integers(len(features), size=len(features))
            again = self._regression().fit(features[rows], event[rows])
            if elsewhere is not None:
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


class PatternScorecards:
    """A scorecard for each set of known columns, learnt when it is first asked for; gaps are never filled.

    table, event: rows to learn from, (N, columns) and (N,); numbers: which columns are numbers; draws: how often each
    card's weights are learnt again (``Scorecard.resample``). Pattern submodels: Mercaldo & Blume 2020.
    """

    def __init__(self, table: pd.DataFrame, event: np.ndarray, numbers: Collection[str], knots: int, strength: float,
                 draws: int = 0, seed: int = 0):
        self.table, self.event, self.numbers, self.setting = table, event, numbers, (knots, strength)
        self.draws, self.seed, self.learnt, self.unseen = draws, seed, {}, {}

    def card(self, names: tuple[str, ...]) -> tuple[TableCoder, Scorecard]:
        """What was learnt from these columns alone."""
        if names not in self.learnt:
            coder = TableCoder([n for n in names if n in self.numbers], [n for n in names if n not in self.numbers])
            x = coder.fit(self.table).encode(self.table)
            card = Scorecard(coder, *self.setting).fit(x, self.event)
            if self.draws:
                card.resample(x, self.event, None, None, self.draws, self.seed)
            self.learnt[names] = coder, card
        return self.learnt[names]

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        """The chance of the event, (N,), each row by the card of its known columns."""
        def learn(names: tuple[str, ...]):
            coder, card = self.card(names)
            return lambda rows: card.predict(coder.encode(rows))
        return by_known_columns(table, learn)

    def held_out(self, names: tuple[str, ...], folds: int = 5) -> np.ndarray:
        """The chance, (N,), of each row that was learnt from, by a card of these columns that had not seen it."""
        if (names, folds) not in self.unseen:
            coder, said = self.card(names)[0], np.empty(len(self.event))
            x = coder.encode(self.table)
            for seen, rest in StratifiedKFold(folds, shuffle=True, random_state=self.seed).split(x, self.event):
                said[rest] = Scorecard(coder, *self.setting).fit(x[seen], self.event[seen]).predict(x[rest])
            self.unseen[names, folds] = said
        return self.unseen[names, folds]


def platt(chance: np.ndarray, event: np.ndarray) -> tuple[float, float]:
    """Slope and shift that fit the log odds of ``chance`` to what happened. Platt 1999."""
    fitted = LogisticRegression(C=np.inf).fit(_log_odds(chance), event)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def recalibrated(chance: np.ndarray, slope: float, shift: float | np.ndarray) -> np.ndarray:
    return expit(slope * _log_odds(chance)[:, 0] + shift)


def local_shift(chance: np.ndarray, event: np.ndarray) -> float:
    """What to add to the log odds so that as many events are expected as were seen; the cure for another prevalence.

    Half an event and half a non-event are added to what was seen, so that a few rows of one outcome do not make
    others impossible. Calibration in the large: Steyerberg 2009, chapter 20.
    """
    seen = (event.sum() + 0.5) / (len(event) + 1)
    return float(brentq(lambda shift: recalibrated(chance, 1.0, shift).mean() - seen, -30, 30))


def _log_odds(chance: np.ndarray) -> np.ndarray:
    return logit(np.clip(chance, 1e-6, 1 - 1e-6))[:, None]
