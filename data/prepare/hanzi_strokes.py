"""Make data/hanzi_strokes/ from the npm package hanzi-writer-data 2.0.1.

    npm pack hanzi-writer-data@2.0.1 && tar xzf hanzi-writer-data-2.0.1.tgz
    python data/prepare/hanzi_strokes.py package

Keeps the median lines (the path of the brush) of the strokes of CHARACTERS, one character a line in the order
of CHARACTERS; the outlines are left out. To add characters, extend CHARACTERS and print new checksums.
"""

import json
import shutil
import sys
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "hanzi_strokes"
CHARACTERS = "一二三四五六七八九十"
NOTICE = ("# Changed for the AIGC course in November 2026: median lines only, selected characters, one a line.\n"
          "# From hanzi-writer-data 2.0.1, derived from Arphic fonts; Arphic Public License, see LICENSE.\n")


def main() -> None:
    package = Path(sys.argv[1])
    lines = [character + "\t" + json.dumps(json.loads((package / f"{character}.json").read_text("utf-8"))["medians"],
                                           separators=(",", ":")) for character in CHARACTERS]
    TARGET.mkdir(exist_ok=True)
    (TARGET / "medians.tsv").write_text(NOTICE + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    shutil.copyfile(package / "ARPHICPL.TXT", TARGET / "LICENSE")
    print(f"{len(lines)} characters")


if __name__ == "__main__":
    main()
