"""Make data/cgm_days/ from the CGM.csv.gz of the Python package bokeh-sampledata 2026.1.

    python data/prepare/cgm_days.py CGM.csv.gz

Readings come every five minutes. A day is 96 means over 15 minutes; holes of up to 45 minutes are bridged by a straight
line, days with longer ones are left out. The date becomes the number of days since the first reading.
"""

import csv
import gzip
import io
import sys
from datetime import datetime
from pathlib import Path

import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "cgm_days"
SLOTS, LONGEST_HOLE = 96, 3


def whole_day(slots: np.ndarray) -> np.ndarray | None:
    """96 means with NaN for holes -> the day without holes, or None when a hole is too long or at an end."""
    known = np.flatnonzero(~np.isnan(slots))
    if not len(known) or known[0] > 0 or known[-1] < SLOTS - 1 or np.diff(known).max(initial=1) > LONGEST_HOLE + 1:
        return None
    return np.interp(np.arange(SLOTS), known, slots[known])


def main() -> None:
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
        rows = [(datetime.fromisoformat(row["datetime"]), float(row["glucose"])) for row in csv.DictReader(file)
                if row["glucose"]]
    first = min(when for when, _ in rows).date()
    total, count = {}, {}
    for when, value in rows:
        key = ((when.date() - first).days, (when.hour * 60 + when.minute) // 15)
        total[key], count[key] = total.get(key, 0.0) + value, count.get(key, 0) + 1
    lines = []
    for day in sorted({day for day, _ in total}):
        slots = np.array([total[day, s] / count[day, s] if (day, s) in total else np.nan for s in range(SLOTS)])
        if (whole := whole_day(slots)) is not None:
            lines.append(",".join([str(day), *(f"{v:.0f}" for v in whole)]))
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as file:
        file.write(("\n".join(lines) + "\n").encode())
    TARGET.mkdir(exist_ok=True)
    (TARGET / "days.csv.gz").write_bytes(out.getvalue())
    print(f"{len(lines)} whole days of {len({d for d, _ in total})}")


if __name__ == "__main__":
    main()
