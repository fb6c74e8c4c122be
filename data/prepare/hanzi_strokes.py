"""Make data/hanzi_strokes/ from the npm package hanzi-writer-data 2.0.1.

    npm pack hanzi-writer-data@2.0.1 && tar xzf hanzi-writer-data-2.0.1.tgz
    python data/prepare/hanzi_strokes.py package

Keeps the median lines (the path of the brush) of the strokes of the common characters of at most MOST strokes,
one character a line in the order of GB 2312; the outlines are left out.
"""

import json
import shutil
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "hanzi_strokes"
MOST = 6  # strokes
COMMON = "".join(bytes([0xB0 + i // 94, 0xA1 + i % 94]).decode("gb2312") for i in range(3755))  # GB 2312, level 1
NOTICE = ("# Changed for the AIGC course in November 2026: median lines only, common characters of at most six strokes, one a line.\n"
          "# From hanzi-writer-data 2.0.1, derived from Arphic fonts; Arphic Public License, see LICENSE.\n")


def main() -> None:
    package = Path(sys.argv[1])
    medians = {c: json.loads((package / f"{c}.json").read_text("utf-8"))["medians"] for c in COMMON}
    lines = [c + "\t" + json.dumps(strokes, separators=(",", ":")) for c, strokes in medians.items() if len(strokes) <= MOST]
    TARGET.mkdir(exist_ok=True)
    (TARGET / "medians.tsv").write_text(NOTICE + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    shutil.copyfile(package / "ARPHICPL.TXT", TARGET / "LICENSE")
    print(f"{len(lines)} characters")


if __name__ == "__main__":
    main()
