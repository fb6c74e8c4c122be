"""Where the course's files lie."""

import os
from pathlib import Path

ROOT = Path(os.environ.get("AIGC_ROOT", Path(__file__).resolve().parents[1]))
DATA = ROOT / "data"
NOTEBOOKS = ROOT / "notebooks"
BOOK = ROOT / "book"
# A hosted job keeps only one folder of its own choosing: AIGC_RUNS names it.
RUNS = Path(os.environ.get("AIGC_RUNS") or ROOT / "runs").absolute()  # a relative one must survive a change of folder
