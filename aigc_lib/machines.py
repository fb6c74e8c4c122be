"""Machines that wear out: two public fleets in one form, checked before they are used."""

import csv
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np

from aigc_lib.catalog import DamagedData, data_file, dataset

CMAPSS_ZIP = "CMAPSSData.zip"
CMAPSS_FILES = {"train_FD001.txt": (20_631, 26), "test_FD001.txt": (13_096, 26), "RUL_FD001.txt": (100, 1)}
SENSORS = tuple(f"s{i}" for i in range(1, 22))


class Machine(NamedTuple):
    """One machine's record. cycle (T,) int64, rising; readings: name -> (T,) float64."""

    name: str
    cycle: np.ndarray
    readings: Mapping[str, np.ndarray]


class Engines(NamedTuple):
    """C-MAPSS FD001: engines run to failure, engines cut off before it, and what the latter had left (cycles)."""

    train: list[Machine]
    test: list[Machine]
    left: np.ndarray


def load_nasa_batteries() -> list[Machine]:
    """34 lithium-ion cells of NASA Ames, a row a discharge: voltage (V), temperature (°C), capacity (Ah).

    Voltage and temperature are means over the discharge. Saha & Goebel 2007.
    """
    with data_file("nasa_batteries", "cycles.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = np.array([[float(row[k]) for k in ("cycle", "voltage", "temperature", "capacity")] for row in rows])
    return _machines([row["battery"] for row in rows], table, ("voltage", "temperature", "capacity"))


def load_cmapss_fd001() -> Engines:
    """Simulated turbofan engines of NASA, 100 to learn from and 100 to predict. Saxena et al. 2008.

    Reads NASA's zip or its unpacked text files. Raises MissingData where neither is there, DamagedData where rows
    or columns are missing.
    """
    tables = {name: _cmapss_table(name) for name in CMAPSS_FILES}
    names = ("setting1", "setting2", "setting3", *SENSORS)
    train, test = ([*_machines([f"{int(u):03d}" for u in t[:, 0]], t[:, 1:], names)]
                   for t in (tables["train_FD001.txt"], tables["test_FD001.txt"]))
    return Engines(train, test, tables["RUL_FD001.txt"][:, 0])


def _cmapss_table(name: str) -> np.ndarray:
    path = dataset("cmapss").folder / name
    content = path.read_bytes() if path.is_file() else _from_zip(name)
    try:
        table = np.loadtxt(BytesIO(content), ndmin=2)
    except ValueError as error:
        raise DamagedData(f"{path} is damaged: {error}") from error
    if table.shape != CMAPSS_FILES[name]:
        raise DamagedData(f"{name} should hold {CMAPSS_FILES[name]} rows and columns, found {table.shape}. "
                          "Fetch it again: `aigc data fetch cmapss`.")
    return table


def _from_zip(name: str) -> bytes:
    with zipfile.ZipFile(data_file("cmapss", CMAPSS_ZIP)) as archive:  # without it, this says how to get it
        return archive.read(name)


def _machines(owners: Sequence[str], table: np.ndarray, names: Sequence[str]) -> list[Machine]:
    """Rows of (cycle, readings...) -> a machine for each owner, in order of first appearance."""
    owners = np.asarray(owners)
    return [Machine(owner, rows[:, 0].astype(np.int64), dict(zip(names, rows[:, 1:].T)))
            for owner in dict.fromkeys(owners.tolist()) for rows in [table[owners == owner]]]


def check_machine(machine: Machine, wanted: Iterable[str], least: int) -> None:
    """Raise ValueError unless the record can be predicted from: what was found, and what is wanted.

    wanted: the readings that are needed, finite and not constant. least: cycles of history.
    """
    name, wanted = machine.name, tuple(wanted)
    if len(machine.cycle) < least:
        raise ValueError(f"machine {name} has {len(machine.cycle)} cycles of history, at least {least} are needed; "
                         "wait, or decide by age.")
    if missing := [k for k in wanted if k not in machine.readings]:
        raise ValueError(f"machine {name} lacks the readings {missing}; it has {list(machine.readings)}.")
    if (steps := np.flatnonzero(np.diff(machine.cycle) <= 0)).size:
        i = steps[0]
        raise ValueError(f"the cycles of machine {name} are out of order: {machine.cycle[i + 1]} comes after "
                         f"{machine.cycle[i]}; sort the rows and remove duplicates.")
    for k in wanted:
        if not np.isfinite(machine.readings[k]).all():
            raise ValueError(f"{k} of machine {name} holds NaN or infinite values; fill or remove those cycles.")
        if np.ptp(machine.readings[k]) == 0:
            raise ValueError(f"{k} of machine {name} never changes ({machine.readings[k][0]:g}): the sensor may be "
                             "stuck; a constant column cannot be predicted from.")
