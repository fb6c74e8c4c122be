"""Glucose data: 30 virtual patients, traces of the simulator they come from, and one person's real readings."""

import csv
import gzip
from typing import NamedTuple

import numpy as np

from aigc_lib.catalog import data_file

KNOWN = ("age", "weight", "daily_insulin", "carb_ratio", "correction")  # what a clinic has on file
GROUPS = ("child", "adolescent", "adult")


class Patients(NamedTuple):
    """N virtual patients. known (N, 5): the KNOWN, in years, kg, U/day, g/U, mg/dL a U; basal (N,) in U/min.

    model: the simulator's own parameters, name -> (N,); start (13, N): its fasting state. In life nobody knows these.
    """

    names: list[str]
    known: np.ndarray
    basal: np.ndarray
    model: dict[str, np.ndarray]
    start: np.ndarray

    def take(self, rows: np.ndarray) -> "Patients":
        """These rows, in this order, repeated if asked."""
        return Patients([self.names[i] for i in rows], self.known[rows], self.basal[rows],
                        {k: v[rows] for k, v in self.model.items()}, self.start[:, rows])


def load_virtual_patients() -> Patients:
    """10 adolescents, 10 adults and 10 children of simglucose 0.2.11 (模拟). Xie 2018; Kovatchev et al. 2009."""
    rows, quest = (_rows("virtual_patients", name) for name in ("patients.csv", "clinic.csv"))
    model = {k: np.array([float(row[k]) for row in rows]) for k in rows[0] if k not in ("Name", "i") and k[:3] != "x0_"}
    start = np.array([[float(row[f"x0_{i:2d}"]) for row in rows] for i in range(1, 14)])
    known = np.array([[float(q["Age"]), w, *(float(q[k]) for k in ("TDI", "CR", "CF"))]
                      for q, w in zip(quest, model["BW"])])
    return Patients([row["Name"] for row in rows], known, model["u2ss"] * model["BW"] / 6000, model, start)


class Trace(NamedTuple):
    """One day of the original simulator: minutes and grams of its meals, doses (U), glucose (288,) every 5 minutes."""

    name: str
    minute: np.ndarray
    carbs: np.ndarray
    dose: np.ndarray
    glucose: np.ndarray


def load_simglucose_traces() -> list[Trace]:
    """A day of each virtual patient as simglucose itself computes it, to hold our own integration against."""
    def numbers(text: str) -> np.ndarray:
        return np.array([float(v) for v in text.split()])

    return [Trace(row["name"], *(numbers(row[k]) for k in ("minute", "carbs", "dose", "glucose")))
            for row in _rows("virtual_patients", "traces.csv")]


def load_cgm_days() -> tuple[np.ndarray, np.ndarray]:
    """Real CGM days of ONE person: day numbers (N,), rising, and glucose (N, 96) in mg/dL, a mean every 15 minutes.

    From bokeh-sampledata (public domain); about ten months of 2010. See data/cgm_days/card.md.
    """
    with gzip.open(data_file("cgm_days", "days.csv.gz"), "rt", encoding="utf-8") as file:
        table = np.loadtxt(file, delimiter=",")
    return table[:, 0].astype(int), table[:, 1:]


def _rows(name: str, path: str) -> list[dict[str, str]]:
    with data_file(name, path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
