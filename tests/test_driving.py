"""Car following: the model's own equilibrium, no crashes, and what accelerations add up to."""

import numpy as np
import pytest

from aigc_lib.industries.driving import DRIVERS, EVERY, POINTS, Scenes, drivers, follow, roll, scenes


def test_behind_a_steady_car_the_gap_settles_at_the_published_equilibrium():
    wish, headway, standstill = 30.0, 1.5, 2.0
    who = np.array([[wish, headway, standstill, 1.4, 2.0]])
    scene = Scenes(np.full((1, POINTS), 15.0), np.array([15.0]), np.array([25.0]))
    for _ in range(4):  # 80 seconds
        ride = follow(scene, who)
        scene = scene._replace(speed=ride.speed[:, -1], gap=ride.gap[:, -1])
    assert ride.speed[0, -1] == pytest.approx(15, abs=0.05)
    assert ride.gap[0, -1] == pytest.approx((standstill + 15 * headway) / np.sqrt(1 - (15 / wish) ** 4), rel=0.01)


def test_on_a_free_road_a_car_reaches_its_wish():
    who = np.array([[25.0, 1.5, 2.0, 2.0, 2.0]])
    scene = Scenes(np.full((1, POINTS), 33.0), np.array([24.0]), np.array([1e5]))
    assert follow(scene, who).speed[0, -1] == pytest.approx(25, abs=0.3)


def test_careful_drivers_never_crash_and_draws_are_reproducible():
    who = drivers(500, seed=3)
    low, high = np.array(list(DRIVERS.values())).T
    assert (low <= who).all() and (who <= high).all()
    ride = follow(scenes(who, 3), who)
    assert not ride.crashed().any() and (ride.speed >= 0).all()
    assert np.array_equal(ride.gap, follow(scenes(drivers(500, 3), 3), who).gap)
    assert not np.array_equal(scenes(who, 3).lead, scenes(who, 4).lead)


def test_roll_adds_up_and_sees_a_crash():
    scene = Scenes(np.full((2, POINTS), 10.0), np.array([10.0, 12.0]), np.array([20.0, 20.0]))
    ride = roll(scene, np.zeros((2, POINTS)))
    assert np.allclose(ride.gap[0], 20)
    assert np.allclose(ride.gap[1], 20 - 2 * EVERY * np.arange(1, POINTS + 1))
    assert ride.crashed().tolist() == [False, True]
    assert np.allclose(ride.jerk(), 0)
    stopped = roll(scene, np.full((2, POINTS), -4.0))
    assert (stopped.speed[:, -1] == 0).all()  # and no car rolls back


def test_bad_input_is_refused():
    who = drivers(3)
    with pytest.raises(ValueError, match="one driver a scene"):
        follow(scenes(who), who[:2])
    with pytest.raises(ValueError, match="finite"):
        roll(scenes(who), np.full((3, POINTS), np.nan))
    with pytest.raises(ValueError, match="wanted"):
        roll(scenes(who), np.zeros((3, POINTS - 1)))
