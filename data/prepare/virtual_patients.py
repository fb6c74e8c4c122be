"""Make data/virtual_patients/ from the Python package simglucose 0.2.11, and run it for a day of each patient.

    python -m venv venv && venv/bin/pip install 'setuptools<82' numpy scipy pandas gym==0.9.4 gymnasium==0.29.1 pathos
    venv/bin/pip install --no-deps simglucose==0.2.11
    venv/bin/python data/prepare/virtual_patients.py

Copies the parameters of the 30 virtual patients and what a clinic has on file for them, and writes traces.csv: glucose
as simglucose's own T1DPatient computes it (SciPy's dopri5, about 6 s a day). The meals are drawn once, so that they
differ from patient to patient; two of the days have a second course while the first is still being eaten.
"""

import csv
import shutil
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from simglucose.patient.t1dpatient import Action, T1DPatient

TARGET = Path(__file__).resolve().parents[1] / "virtual_patients"
PACKAGE = distribution("simglucose")


def run(name: str, minute: np.ndarray, carbs: np.ndarray, dose: np.ndarray) -> list[float]:
    """Glucose under the skin, mg/dL, at minute 0, 5, ... 1435."""
    patient, found = T1DPatient.withName(name), []
    basal = patient._params.u2ss * patient._params.BW / 6000
    for t in range(1440):
        if t % 5 == 0:
            found.append(patient.observation.Gsub)
        now = minute == t
        patient.step(Action(CHO=float(carbs[now].sum()), insulin=basal + float(dose[now].sum())))
    return found


def main() -> None:
    if PACKAGE.version != "0.2.11":
        raise SystemExit(f"simglucose 0.2.11 is wanted, found {PACKAGE.version}")
    TARGET.mkdir(exist_ok=True)
    for file, name in (("vpatient_params.csv", "patients.csv"), ("Quest.csv", "clinic.csv")):
        text = Path(PACKAGE.locate_file(f"simglucose/params/{file}")).read_text(encoding="utf-8")
        (TARGET / name).write_text(text, encoding="utf-8", newline="\n")
    shutil.copyfile(PACKAGE.locate_file("simglucose-0.2.11.dist-info/LICENSE"), TARGET / "LICENSE")
    clinic = list(csv.DictReader((TARGET / "clinic.csv").open(encoding="utf-8")))
    rng = np.random.default_rng(83)
    with (TARGET / "traces.csv").open("w", encoding="utf-8", newline="\n") as out:
        out.write("name,minute,carbs,dose,glucose\n")
        for i, row in enumerate(clinic):
            minute = np.sort(rng.integers((360, 660, 1020), (540, 840, 1200)))
            minute = np.append(minute, minute[0] + 8) if i % 15 == 0 else minute
            carbs = rng.integers(20, 90, len(minute)).astype(float)
            dose = np.round(carbs / float(row["CR"]) * rng.uniform(0.6, 1.3, len(minute)), 2)
            columns = [minute, carbs, dose, np.round(run(row["Name"], minute, carbs, dose), 2)]
            out.write(",".join([row["Name"], *(" ".join(f"{v:g}" for v in c) for c in columns)]) + "\n")
            out.flush()
    print("30 patients, 30 days")


if __name__ == "__main__":
    main()
