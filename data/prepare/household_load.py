"""Simulate household days (模拟) with richardsonpy 0.2.3: python data/prepare/household_load.py DIR

DIR: where ``pip download --no-deps richardsonpy==0.2.3`` was unpacked; the course itself does not need it.
Writes data/household_load/days.csv. The seed is the household's number, so every run gives the same bytes.
"""

import csv
import random
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np

HOUSEHOLDS, SLOTS = 800, 48
FIRST = date(2023, 1, 1)  # only for weekdays; the weather is a German test reference year
OUT = Path(__file__).parents[1] / "household_load" / "days.csv"


def days_of(household: int, irradiance: np.ndarray) -> list[list[int]]:
    """One day a season: persons, day of the year, weekend, and the mean watts of each half hour."""
    from richardsonpy.classes.electric_load import ElectricLoad
    from richardsonpy.classes.occupancy import Occupancy

    random.seed(household)
    np.random.seed(household)
    persons = household % 5 + 1
    home = ElectricLoad([], persons, None, None, calc_profile=False)
    home.wrapper = _equipment(persons)
    rows = []
    for season in range(4):
        day = 1 + season * 91 + random.randrange(91)
        occupancy = Occupancy(persons, initial_day=(FIRST + timedelta(day - 1)).isoweekday(), nb_days=2).occupancy
        for i, today in enumerate((day - 1, day)):  # the first day only warms the appliances up
            weekend = (FIRST + timedelta(today)).isoweekday() > 5
            watts = home.wrapper.power_sim(irradiation=irradiance[1440 * today:1440 * (today + 1)], weekend=weekend,
                                           day=today, occupancy=occupancy[144 * i:144 * (i + 1)])[0]
        rows.append([household, persons, day + 1, int(weekend), *np.rint(np.reshape(watts, (SLOTS, -1)).mean(1)).astype(int)])
    return rows


def _equipment(persons: int):
    """Appliances and lamps of one home, drawn at random, for the model's usual yearly demand of a detached house."""
    from richardsonpy.classes import appliance, electric_load, lighting, stochastic_el_load_wrapper

    inputs = Path(electric_load.__file__).parents[1] / "inputs"
    demand = electric_load.ElectricLoad.standard_consumption["SFH"][persons]
    appliances = appliance.Appliances(str(inputs / "Appliances.csv"), annual_consumption=0.91 * demand,
                                      randomize_appliances=True, prev_heat_dev=True)
    lamps = lighting.load_lighting_profile(filename=str(inputs / "LightBulbs.csv"), index=random.randrange(100))
    return stochastic_el_load_wrapper.ElectricityProfile(appliances, lamps)


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    from richardsonpy.functions.load_radiation import get_rad_from_try_path

    hourly = np.sum(get_rad_from_try_path(), axis=0)
    irradiance = np.interp(np.arange(365 * 1440) / 60, np.arange(len(hourly)), hourly)
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["household", "persons", "day", "weekend", *(f"w{i:02}" for i in range(SLOTS))])
        for household in range(HOUSEHOLDS):
            writer.writerows(days_of(household, irradiance))


if __name__ == "__main__":
    main()
