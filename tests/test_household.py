"""Household days: the embedded data, what is measured of a day, and of a street."""

import numpy as np
import pytest

from aigc_lib.industries.household import MEASURES, measure_gaps, measures, street_peaks
from aigc_lib.meters import load_household_days, split_days


def test_data_are_whole():
    days = load_household_days()
    assert days.watts.shape == (3200, 48) and (days.watts > 0).all()
    assert len(set(days.household)) == 800 and set(days.persons) == {1, 2, 3, 4, 5}
    assert 0.2 < days.weekend.mean() < 0.37
    energy = [days.watts[days.persons == k].mean() for k in range(1, 6)]
    assert energy == sorted(energy)
    assert np.abs(days.controls()).max() <= 1


def test_split_keeps_households_apart():
    days = load_household_days()
    parts = split_days(days, 1)
    homes = [set(part.household) for part in parts]
    assert [len(h) for h in homes] == [480, 160, 160] and len(set.union(*homes)) == 800
    assert homes[0] != set(split_days(days, 2)[0].household)


def test_measures_of_a_day_that_can_be_counted_by_hand():
    day = np.full((1, 48), 100.0)
    day[0, 36:38] = 2100
    energy, highest, when, lowest, jump, together = measures(day)[0]
    assert (energy, highest, when, lowest, jump) == pytest.approx(((100 * 46 + 2 * 2100) / 2000, 2100, 18, 100, 2000))
    assert 0 < together < 1
    assert measures(np.full((1, 48), 50.0))[0, -1] == 0


def test_gaps_are_nothing_for_the_same_days_and_everything_for_others():
    days = load_household_days().watts[:200]
    assert set(measure_gaps(days, days)) == set(MEASURES)
    assert max(measure_gaps(days, days).values()) == 0
    assert measure_gaps(days, days + 1e6)["最高"] == 1


def test_street_peaks_add_up_before_the_highest_is_taken():
    day = np.full((4, 48), 500.0)
    assert np.allclose(street_peaks(day, 40, draws=3), 20)


@pytest.mark.parametrize("bad", [np.ones((3, 47)), -np.ones((3, 48)), np.full((3, 48), np.nan)])
def test_bad_days_are_refused(bad):
    with pytest.raises(ValueError, match="wanted days"):
        measures(bad)
