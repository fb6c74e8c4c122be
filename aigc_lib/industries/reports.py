"""Reports in which every number says where it comes from, so that each can be worked out again and compared."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np


class Number(NamedTuple):
    """A number of a report: as printed, its value before rounding, and its source, a key of the facts."""

    printed: str
    value: float
    source: str


class Sentence(NamedTuple):
    """A template without digits, with one {} a number."""

    template: str
    numbers: tuple[Number, ...] = ()

    def __str__(self) -> str:
        return self.template.format(*(number.printed for number in self.numbers))


class Report(NamedTuple):
    """Sentences about one person."""

    sentences: list[Sentence]

    def __str__(self) -> str:
        return "\n".join(map(str, self.sentences))

    @property
    def trace(self) -> list[Number]:
        """Every number in the order of the text."""
        return [number for sentence in self.sentences for number in sentence.numbers]


def untraced(report: Report, facts: Mapping[str, float], printed: Callable[[str, float], str]) -> list[Number]:
    """The numbers of a report that the facts, computed again, do not give. printed: (source, value) -> text."""
    return [n for n in report.trace if n.source not in facts or not np.isclose(facts[n.source], n.value)
            or n.printed != printed(n.source, n.value)]
