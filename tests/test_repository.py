"""The repository's own promises: one environment, READMEs whose commands and tables are true, no runaway files."""

import subprocess
import sys
from itertools import pairwise

import pytest

from aigc_lib.course.contracts_repo import environment_problems, readme_problems
from aigc_lib.course.readme import readmes, updated
from aigc_lib.paths import DATA, ROOT

every_readme = pytest.mark.parametrize("readme", readmes(), ids=lambda path: path.name)


def test_environment_asks_for_what_the_project_asks_for():
    assert environment_problems(ROOT / "environment.yml", ROOT / "pyproject.toml") == []


@every_readme
def test_readme_commands_exist(readme):
    assert readme_problems(readme, ROOT / "Makefile") == []


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
