"""Energy: counters where there are any, an estimate that says so where there are none."""

import pytest

from aigc_lib.energy import measured


def counter(folder, value):
    folder.mkdir(exist_ok=True)
    (folder / "energy_uj").write_text(str(value))
    (folder / "max_energy_range_uj").write_text("10000000")


def test_without_a_counter_it_is_an_estimate(tmp_path):
    result, cost = measured(lambda: sum(range(300_000)), watts_a_core=7.0, powercap=tmp_path)
    assert result == sum(range(300_000)) and not cost.counted
    assert cost.joules == pytest.approx(7 * cost.cpu_seconds) and cost.cpu_seconds > 0


def test_counters_of_all_packages_are_added_and_may_wrap(tmp_path):
    first, second = tmp_path / "intel-rapl:0", tmp_path / "intel-rapl:1"
    counter(first, 9_000_000)
    counter(second, 1_000_000)

    def work():
        counter(first, 500_000)
        counter(second, 3_000_000)

    _, cost = measured(work, powercap=tmp_path)
    assert cost.counted and cost.joules == pytest.approx(1.5 + 2.0)


def test_a_counter_that_cannot_be_read_is_no_counter(tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()
    assert not measured(lambda: None, powercap=tmp_path)[1].counted
