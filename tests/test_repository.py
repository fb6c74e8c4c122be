"""The repository's own promises: one environment, READMEs whose commands and tables are true, no runaway files."""

import subprocess
import sys
from itertools import pairwise

import pytest

from aigc_lib.course.contracts_repo import (
    encoding_problems,
    environment_problems,
    readme_problems,
    without_make_problems,
)
from aigc_lib.course.names import without_magics
from aigc_lib.course.notebook import code_cells, read_notebook
from aigc_lib.course.readme import readmes, updated
from aigc_lib.paths import DATA, NOTEBOOKS, ROOT

every_readme = pytest.mark.parametrize("readme", readmes(), ids=lambda path: path.name)


def test_environment_asks_for_what_the_project_asks_for():
    assert environment_problems(ROOT / "environment.yml", ROOT / "pyproject.toml") == []


@every_readme
def test_readme_commands_exist(readme):
    assert readme_problems(readme, ROOT / "Makefile") == []


@every_readme
def test_without_make_the_same_is_done(readme):
    assert without_make_problems(readme, ROOT / "Makefile") == []


@pytest.mark.parametrize("good, bad", [
    ("-jobs 2\n.venv/bin/aigc site", "-jobs 2\n"), (".venv\\Scripts\\aigc site", ".venv\\Scripts\\aigc lab"),
    ("frameworks,appendix]\"", "frameworks]\""), ('$env:AIGC_PROFILE = "smoke"\n', ""),
    ("--nbval-cell-timeout=120", "--nbval-cell-timeout=60"),
    (".venv/bin/aigc site\n.venv/bin/aigc evidence show", ".venv/bin/aigc evidence show\n.venv/bin/aigc site"),
])
def test_commands_that_differ_from_the_makefile_would_be_noticed(tmp_path, good, bad):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert good in text
    (tmp_path / "README.md").write_text(text.replace(good, bad, 1), encoding="utf-8")
    assert without_make_problems(tmp_path / "README.md", ROOT / "Makefile")


@every_readme
def test_readme_tables_are_up_to_date(readme):
    assert updated(readme) == readme.read_text(encoding="utf-8"), "run `aigc readme`"


def test_a_stale_table_would_be_noticed(tmp_path):
    stale = tmp_path / "README.md"
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("| 2.1 |", "| 9.9 |", 1)
    stale.write_text(text, encoding="utf-8")
    assert updated(stale) != text


def test_both_readmes_have_the_same_shape():
    shapes = [[line.split(" ")[0] for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
              for readme in readmes()]
    assert all(a == b for a, b in pairwise(shapes))


def test_embedded_data_stays_small():
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 25e6


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, aigc_lib; assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules), 'heavy import'"
    subprocess.run([sys.executable, "-c", code], check=True)


PROGRAMS = [path for folder in ("aigc_lib", "benchmarks", "book", "data/prepare")
            for path in (ROOT / folder).rglob("*.py") if "_build" not in path.parts]


def test_text_is_read_and_written_as_utf8_on_every_system():
    problems = {path.name: encoding_problems(path.read_text(encoding="utf-8")) for path in PROGRAMS}
    for path in NOTEBOOKS.glob("*.ipynb"):
        cells = code_cells(read_notebook(path))
        problems[path.name] = [found for cell in cells for found in encoding_problems(without_magics(cell.source))]
    assert {name: found for name, found in problems.items() if found} == {}
    assert len(problems) > 100


@pytest.mark.parametrize("code", ["open(name)", "open(name, 'w')", "path.read_text()", "path.write_text(text)",
                                  "path.open('w')", "gzip.open(name, 'rt')", "open(name, mode=m)"])
def test_an_unsaid_encoding_is_found(code):
    assert len(encoding_problems(code)) == 1


@pytest.mark.parametrize("code", ["open(name, 'rb')", "open(name, encoding='ascii')", "path.read_text('utf-8')",
                                  "path.write_text(text, 'utf-8')", "path.open('rb')", "Image.open(path)",
                                  "tarfile.open(name)", "os.open(path, flags)", "gzip.open(name)",
                                  "gzip.open(name, 'rb')"])
def test_bytes_and_said_encodings_are_fine(code):
    assert encoding_problems(code) == []


def test_git_leaves_line_ends_alone():
    """Windows would give the data files other line ends, and so other checksums."""
    data = next(path for path in sorted(DATA.rglob("*.csv")))
    done = subprocess.run(["git", "check-attr", "text", str(data)], cwd=ROOT, capture_output=True, encoding="utf-8",
                          check=False)
    if done.returncode:
        pytest.skip("not a git repository")
    assert done.stdout.endswith("text: unset\n")
