"""Print the `files` lines of data/catalog.toml for an embedded data set.

python data/prepare/checksums.py NAME
"""

import hashlib
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[1]
NOT_DATA = {"card.md", "LICENSE"}


def main() -> None:
    folder = DATA / sys.argv[1]
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in NOT_DATA):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        print(f'  {{ path = "{path.relative_to(folder).as_posix()}", bytes = {len(content)}, sha256 = "{digest}" }},')


if __name__ == "__main__":
    main()
