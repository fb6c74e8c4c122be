"""Reports in which every number says where it comes from, so that each can be worked out again and compared."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from aigc_lib.metrics import wilson

Printer = Callable[[str, float], str]  # (source, value) -> text


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


def speaker(facts: Mapping[str, float], printed: Printer) -> Callable[..., Sentence]:
    """``say(template, *sources)``: a sentence that states the facts under these sources."""
    def say(template: str, *sources: str) -> Sentence:
        return Sentence(template, tuple(Number(printed(s, facts[s]), facts[s], s) for s in sources))

    return say


def alike(chance: float, chances: np.ndarray, events: np.ndarray, most: int) -> tuple[int, int, float, float]:
    """Of the ``most`` people (N,) whose chances are nearest: how many, how many events, the share's 95 % interval."""
    nearest = np.argsort(np.abs(chances - chance), kind="stable")[:most]
    hits = events[nearest].sum()
    return len(nearest), hits, *wilson(hits, len(nearest))


def untraced(report: Report, facts: Mapping[str, float], printed: Printer) -> list[Number]:
    """The numbers of a report that the facts, computed again, do not give."""
    return [n for n in report.trace if n.source not in facts or not np.isclose(facts[n.source], n.value)
            or n.printed != printed(n.source, n.value)]
