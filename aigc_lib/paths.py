"""Where the course's files lie."""

import os
from pathlib import Path

ROOT = Path(os.environ.get("AIGC_ROOT", Path(__file__).resolve().parents[1]))
DATA = ROOT / "data"
NOTEBOOKS = ROOT / "notebooks"
BOOK = ROOT / "book"
RUNS = ROOT / "runs"
