"""The site of the miniature course and, when its notebooks exist, of the real one."""

import shutil
from pathlib import Path

import pytest
import site_browsing as browsing
import site_miniature as miniature


@pytest.fixture(scope="session")
def mini_root(tmp_path_factory) -> Path:
    """The sources of the miniature course."""
    return miniature.write_course(tmp_path_factory.mktemp("mini"))


@pytest.fixture(scope="session")
def mini_site(mini_root) -> Path:
    """The miniature's site."""
    return miniature.build_at(mini_root)


@pytest.fixture(scope="session")
def real_site(tmp_path_factory) -> Path:
    """The real course's site, built from a copy so that parallel workers do not meet."""
    notebooks = miniature.REPOSITORY / "notebooks"
    if not list(notebooks.glob("*.ipynb")):
        pytest.skip("the repository has no notebook yet")
    root = tmp_path_factory.mktemp("real")
    miniature.copy_book(root)
    for name in ("notebooks", "data"):
        (root / name).symlink_to(miniature.REPOSITORY / name)
    ledger = miniature.REPOSITORY / "book" / "evidence.json"
    if ledger.exists():
        shutil.copy(ledger, root / "book")
    return miniature.build_at(root)


@pytest.fixture(params=["mini_site", "real_site"])
def any_site(request) -> Path:
    """Both sites, one after the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests of a session."""
    with browsing.chromium() as running:
        yield running


@pytest.fixture(scope="session")
def mini_home(mini_site) -> str:
    """The address at which the miniature's site is served."""
    with browsing.serve(mini_site) as home:
        yield home
