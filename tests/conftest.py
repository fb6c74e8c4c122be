"""What all tests share: no settings from outside, and no stopwatch on property tests."""

import matplotlib.pyplot as plt
import pytest
from hypothesis import settings

from aigc_lib import plotting

settings.register_profile("course", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("course")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("AIGC_PROFILE", "AIGC_DATA", "AIGC_TENSORFLOW"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fresh_figures():
    plotting.use_style()
    yield
    plt.close("all")
    plt.rcdefaults()
