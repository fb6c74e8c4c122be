"""Tables of mixed columns as vectors and back: numbers and categories, any of them missing.

A number becomes two entries: its normal score (0 where missing) and whether it is known. A category becomes
one entry for each of its values, all 0 where missing. So hiding a value and not having it look alike, and a
model may be asked about a value by hiding it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.preprocessing import QuantileTransformer
from torch import Tensor


class Column(NamedTuple):
    """Where a column lies in the vector. categories: its values, empty for a number."""

    name: str
    start: int
    categories: tuple[str, ...] = ()

    @property
    def stop(self) -> int:
        return self.start + (len(self.categories) or 2)


class TableCoder:
    """DataFrame of N rows <-> float tensor (N, size). ``columns`` says which entries belong to which column.

    numbers, categories: names of the columns to use; lowest: the least value that a number may have.
    """

    def __init__(self, numbers: Sequence[str], categories: Sequence[str], lowest: Mapping[str, float] | None = None):
        self.numbers, self.categories, self.lowest = list(numbers), list(categories), dict(lowest or {})
        self.columns: list[Column] = []

    @property
    def size(self) -> int:
        return self.columns[-1].stop

    def fit(self, table: pd.DataFrame) -> "TableCoder":
        """Learn scales and categories. Raises ``ValueError`` for a missing, empty or constant column."""
        self._check(table)
        for name in (*self.numbers, *self.categories):
            if table[name].nunique() < 2:
                raise ValueError(f"column {name} holds the same value in every row, or none; leave it out.")
        self.scales = {name: QuantileTransformer(n_quantiles=min(200, len(table)), output_distribution="normal",
                                                 random_state=0).fit(self._number(table, name)) for name in self.numbers}
        self.columns, start = [], 0
        for name in (*self.numbers, *self.categories):
            values = () if name in self.scales else tuple(sorted(table[name].dropna().astype(str).unique()))
            self.columns.append(Column(name, start, values))
            start = self.columns[-1].stop
        return self

    def encode(self, table: pd.DataFrame) -> Tensor:
        """Raises ``ValueError`` for a missing column, an unknown category and a number below its least value."""
        self._check(table)
        parts = [self._category(table, column) if column.categories else self._score(table, column.name)
                 for column in self.columns]
        return torch.from_numpy(np.concatenate(parts, axis=1)).float()

    def decode(self, x: Tensor) -> pd.DataFrame:
        """The number at each score and the likeliest category; nothing is missing in it."""
        if x.ndim != 2 or x.shape[1] != self.size:
            raise ValueError(f"rows must have shape (any, {self.size}), found {tuple(x.shape)}.")
        table = {}
        for column in self.columns:
            part = x[:, column.start:column.stop].double().numpy()
            if column.categories:
                table[column.name] = np.array(column.categories)[part.argmax(1)]
            else:
                table[column.name] = self.scales[column.name].inverse_transform(part[:, :1])[:, 0]
        return pd.DataFrame(table)

    def _check(self, table: pd.DataFrame) -> None:
        wanted = (*self.numbers, *self.categories)
        if absent := [name for name in wanted if name not in table]:
            raise ValueError(f"the table lacks the column(s) {', '.join(absent)}; it needs {', '.join(wanted)}.")
        if not len(table):
            raise ValueError("the table has no rows; give at least one.")
        for name in self.numbers:
            if not pd.api.types.is_numeric_dtype(table[name]):
                raise ValueError(f"column {name} must hold numbers, found {table[name].dropna().iloc[:1].tolist()}.")
            low = table[name].min()
            if low < self.lowest.get(name, -np.inf):
                raise ValueError(f"column {name} holds {low:g}; it cannot be below {self.lowest[name]:g}.")
            if np.isinf(table[name]).any():
                raise ValueError(f"column {name} holds an infinite value.")

    def _number(self, table: pd.DataFrame, name: str) -> np.ndarray:
        return table[name].to_numpy(float, na_value=np.nan)[:, None]

    def _score(self, table: pd.DataFrame, name: str) -> np.ndarray:
        score = self.scales[name].transform(self._number(table, name)).clip(-3, 3)  # the ends are not at infinity
        return np.concatenate([np.nan_to_num(score), ~np.isnan(score)], axis=1)

    def _category(self, table: pd.DataFrame, column: Column) -> np.ndarray:
        values = table[column.name]
        known = values.notna().to_numpy()
        strange = sorted(set(values[known].astype(str)) - set(column.categories))
        if strange:
            raise ValueError(f"column {column.name} holds {', '.join(strange)}, never seen before; "
                             f"known are {', '.join(column.categories)}.")
        return (values.astype(str).to_numpy()[:, None] == np.array(column.categories)) & known[:, None]


def by_known_columns(table: pd.DataFrame, learn: Callable[[tuple[str, ...]], Callable[[pd.DataFrame], np.ndarray]]) -> np.ndarray:
    """Predictions (N,) for rows with gaps, none of them filled: each row by what was learnt from its known columns.

    learn: names of columns -> a function from rows of those columns to (N,); asked once for each set of known
    columns. Pattern submodels: Mercaldo & Blume 2020.
    """
    known, said = table.notna(), np.empty(len(table))
    for pattern, rows in known.groupby(list(table), sort=False).indices.items():
        names = tuple(name for name, there in zip(table, pattern) if there)
        if not names:
            raise ValueError("a row holds nothing but gaps; there is nothing to predict from.")
        said[rows] = learn(names)(table.iloc[rows][list(names)])
    return said
