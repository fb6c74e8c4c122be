"""Patients of four hospitals, referred to have their coronary arteries looked at, and how to check and split them.

Columns keep UCI's names: trestbps blood pressure at rest (mm Hg), chol serum cholesterol (mg/dl), thalach highest heart
rate (a minute), oldpeak ST depression by exercise (mm), fbs fasting blood sugar above 120 mg/dl, ca vessels coloured.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aigc_lib.catalog import data_file

if TYPE_CHECKING:  # imported where it is needed: it takes a second
    import pandas as pd

HEART_LIMITS = {"age": (1, 120), "trestbps": (50, 300), "chol": (50, 1000), "thalach": (30, 250), "oldpeak": (-10, 15)}
HEART_NUMBERS = tuple(HEART_LIMITS)
HEART_CATEGORIES = ("sex", "cp", "fbs", "restecg", "exang", "slope", "ca", "thal")
HOME, AWAY = "Cleveland", ("Hungary", "Switzerland", "Long Beach")
ZERO_IS_A_GAP = ("trestbps", "chol")  # nobody alive has none of it


class Patients(NamedTuple):
    """What was recorded of N patients, and whether an artery was narrowed by half or more: bool (N,)."""

    table: "pd.DataFrame"
    disease: np.ndarray

    def take(self, rows: np.ndarray) -> "Patients":
        """Some of them, by number or by yes and no."""
        return Patients(self.table[rows] if rows.dtype == bool else self.table.iloc[rows], self.disease[rows])


def load_heart_disease() -> dict[str, Patients]:
    """920 patients by hospital, 13 columns each, as recorded: a 0 in trestbps or chol means that nobody measured it.

    Janosi, Steinbrunn, Pfisterer & Detrano 1989, doi 10.24432/C52P4X.
    """
    import pandas as pd

    table = pd.read_csv(data_file("heart_disease", "patients.csv"), dtype=dict.fromkeys(HEART_CATEGORIES, str))
    columns = [*HEART_NUMBERS, *HEART_CATEGORIES]
    return {str(name): Patients(rows[columns].reset_index(drop=True), (rows["num"] > 0).to_numpy())
            for name, rows in table.groupby("hospital", sort=False)}


def zeros_are_gaps(patients: Patients) -> Patients:
    """The same patients; where 0 stands for "not measured", it is missing."""
    table = patients.table.copy()
    for name in ZERO_IS_A_GAP:
        table[name] = table[name].where(table[name] != 0)
    return patients._replace(table=table)


def check_patients(table: "pd.DataFrame") -> None:
    """Raises ``ValueError`` for a missing column and for a number that no living patient has; gaps are allowed."""
    if absent := [name for name in (*HEART_NUMBERS, *HEART_CATEGORIES) if name not in table]:
        raise ValueError(f"the table lacks the column(s) {', '.join(absent)}; leave an unmeasured one empty, but keep it.")
    for name, (low, high) in HEART_LIMITS.items():
        if name in ZERO_IS_A_GAP and (count := int((table[name] == 0).sum())):
            raise ValueError(f"column {name} holds 0 in {count} row(s); 0 is no measurement. "
                             "Say that it is missing (zeros_are_gaps does it).")
        if len(wrong := table[name][(table[name] < low) | (table[name] > high)]):
            raise ValueError(f"column {name} holds {wrong.iloc[0]:g}; a patient has {low} to {high}.")


def split_patients(patients: Patients, seed: int) -> tuple[Patients, Patients]:
    """Three quarters to learn from and a quarter to test on, with equal shares of disease and of rare findings."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(patients.disease)), patients.table["restecg"].astype(str), patients.disease))
    test = np.zeros(len(order), bool)
    test[order[rng.integers(4)::4]] = True
    return patients.take(~test), patients.take(test)
