"""Electricity meters: days of households, a row a day."""

import csv
from typing import NamedTuple

import numpy as np

from aigc_lib.catalog import data_file


class MeterDays(NamedTuple):
    """N days: whose they are, how many live there, day of the year, weekend or not, and watts (N, 48), half-hour means."""

    household: np.ndarray
    persons: np.ndarray
    day: np.ndarray
    weekend: np.ndarray
    watts: np.ndarray

    def controls(self) -> np.ndarray:
        """What is known beforehand, (N, 4) in [-1, 1]: persons, the season as two numbers, weekend."""
        angle = 2 * np.pi * self.day / 365
        return np.column_stack([(self.persons - 3) / 2, np.cos(angle), np.sin(angle), 2.0 * self.weekend - 1])

    def take(self, rows: np.ndarray) -> "MeterDays":
        return MeterDays(*(column[rows] for column in self))


def load_household_days() -> MeterDays:
    """3,200 simulated days (模拟) of 800 households, four a household. Made by data/prepare/household_load.py."""
    with data_file("household_load", "days.csv").open(encoding="utf-8", newline="") as file:
        rows = np.array(list(csv.reader(file))[1:], dtype=int)
    household, persons, day, weekend = rows[:, :4].T
    return MeterDays(household, persons, day, weekend == 1, rows[:, 4:].astype(float))


def split_days(days: MeterDays, seed: int = 0) -> tuple[MeterDays, MeterDays, MeterDays]:
    """Training, validation and test days, 60 : 20 : 20 by household: nobody is in two of them."""
    homes = np.random.default_rng(seed).permutation(np.unique(days.household))
    parts = np.split(homes, [round(0.6 * len(homes)), round(0.8 * len(homes))])
    return tuple(days.take(np.isin(days.household, part)) for part in parts)
