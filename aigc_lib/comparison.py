"""Makers of data side by side on one kind of data: is what they make of use, true to life, complete, nobody's copy?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from aigc_lib.metrics import fidelity, nearest

Reader = Callable[[Tensor], float]  # real examples -> how well it does on them


class Marks(NamedTuple):
    """valid, test: what a reader that learnt from the made examples is worth on real ones, in the field's measure;
    precision, coverage: as in ``metrics.Fidelity``; copied: share nearer to the training examples than honest ones."""

    valid: float
    test: float
    precision: float
    coverage: float
    copied: float


@dataclass(frozen=True)
class Field:
    """One kind of data: real examples (N, ...) in three parts, and how made ones are judged.

    learn: made examples -> a reader ("train on synthetic, test on real": Esteban, Hyland & Rätsch 2017).
    features: examples -> (N, D), where likeness is measured. nearness: examples -> (N,), the larger the nearer to
    some training example; left out, minus the distance to the nearest one.
    """

    train: Tensor
    valid: Tensor
    test: Tensor
    learn: Callable[[Tensor], Reader]
    higher_is_better: bool
    features: Callable[[Tensor], np.ndarray] = lambda x: x.double().numpy()
    nearness: Callable[[Tensor], np.ndarray] | None = None

    def judge(self, made: Tensor) -> Marks:
        """Raises ValueError for examples of another shape than the real ones."""
        if made.shape[1:] != self.train.shape[1:]:
            raise ValueError(f"made examples must have shape (N, {', '.join(map(str, self.train.shape[1:]))}), "
                             f"found {tuple(made.shape)}.")
        reader, n = self.learn(made), min(len(made), len(self.test))
        near = self.nearness or (lambda x: -nearest(x, self.train)[0].numpy())
        alike = fidelity(self.features(self.test[:n]), self.features(made[:n]))
        limit = np.quantile(near(self.test), 0.99)  # an honest maker passes it about once in a hundred
        return Marks(reader(self.valid), reader(self.test), alike.precision, alike.coverage,
                     float((near(made) > limit).mean()))

    def best(self, marks: dict[str, Marks], part: str = "valid") -> list[str]:
        """Names from the most useful to the least; equals keep their order."""
        return sorted(marks, key=lambda name: getattr(marks[name], part), reverse=self.higher_is_better)
