"""Make data/tang_quatrains/poems.txt from the npm package chinese-poetry 2.0.1.

    npm pack chinese-poetry@2.0.1 && tar xzf chinese-poetry-2.0.1.tgz
    python data/prepare/tang_quatrains.py package/dist/quantangshi      (needs: pip install opencc)

Keeps the poems of the Complete Tang Poems that are four lines of five characters, once each, in the
package's order; turns them into simplified characters; drops those with a character outside
GB 2312, which the course's font lacks.
"""

import json
import re
import sys
from pathlib import Path

import opencc

TARGET = Path(__file__).resolve().parents[1] / "tang_quatrains" / "poems.txt"
COUPLET = re.compile(r"[\u4e00-\u9fff]{5}，[\u4e00-\u9fff]{5}。")


def in_gb2312(text: str) -> bool:
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def main() -> None:
    simplify = opencc.OpenCC("t2s").convert
    files = sorted(Path(sys.argv[1]).glob("poet.tang.*.json"), key=lambda path: int(path.name.split(".")[2]))
    poems: dict[str, str] = {}  # the twenty characters -> the line to write
    strict = 0
    for entry in (entry for path in files for entry in json.loads(path.read_text(encoding="utf-8"))):
        couplets = entry["paragraphs"]
        if len(couplets) != 2 or not all(COUPLET.fullmatch(couplet) for couplet in couplets):
            continue
        strict += 1
        text, author = simplify("".join(couplets)), simplify(entry["author"])
        if in_gb2312(text):
            poems.setdefault(re.sub("[，。]", "", text), f"{author}\t{text}")
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("\n".join(poems.values()) + "\n", encoding="utf-8", newline="\n")
    authors = {line.split("\t")[0] for line in poems.values()}
    print(f"{strict} strict quatrains, {len(poems)} kept, {len(authors)} poets, {len(set(''.join(poems)))} characters")


if __name__ == "__main__":
    main()
