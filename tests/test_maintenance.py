"""Maintenance: machine records, pasts and futures, forecasters, scores and decisions."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import aigc_lib.catalog as cat
from aigc_lib import machines
from aigc_lib.forecast import (
    LEVELS,
    Analogues,
    Boosting,
    LinearQuantiles,
    Standardised,
    fitting_stretch,
    from_quantiles,
    stretch,
)
from aigc_lib.industries.manufacturing import (
    EngineIndex,
    Health,
    LastSlope,
    Plan,
    battery_health,
    changes,
    cost_rate,
    futures,
    nasa_score,
    replacement_cost,
    windows,
)
from aigc_lib.machines import DamagedData, Machine, load_cmapss_fd001, load_nasa_batteries
from aigc_lib.metrics import band_holds, crps

PLAN = Plan(past=10, grid=(2, 4), cap=5, every=5)


def battery(capacity, cycle=None, temperature=None):
    n = len(capacity)
    return Machine("B1", np.arange(1, n + 1) if cycle is None else np.asarray(cycle), {
        "capacity": np.asarray(capacity, float),
        "temperature": np.linspace(24, 25, n) if temperature is None else np.asarray(temperature, float)})


# data


def test_the_batteries_are_the_ones_of_the_card():
    fleet = load_nasa_batteries()
    assert len(fleet) == 34 and sum(len(b.cycle) for b in fleet) == 1415
    assert fleet[0].name == "B0005" and len(fleet[0].cycle) == 168
    assert fleet[0].readings["capacity"][0] == pytest.approx(1.861976)
    assert all((np.diff(b.cycle) > 0).all() for b in fleet)


def write_cmapss(folder: Path, layout: str, rows: int = 6) -> None:
    folder.mkdir()
    table = "".join(f"{u} {c} " + " ".join(f"{u + c + k}.5" for k in range(24)) + "  \n" for u in (1, 2) for c in (1, 2, 3))
    texts = {"train_FD001.txt": table, "test_FD001.txt": table, "RUL_FD001.txt": "7\n9 \n"}
    if layout == "zip":
        with zipfile.ZipFile(folder / machines.CMAPSS_ZIP, "w") as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
    else:
        for name, text in texts.items():
            (folder / name).write_text(text)


@pytest.fixture
def small_cmapss(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    monkeypatch.setattr(machines, "CMAPSS_FILES",
                        {"train_FD001.txt": (6, 26), "test_FD001.txt": (6, 26), "RUL_FD001.txt": (2, 1)})
    monkeypatch.setattr(cat, "_is_whole", lambda *args: True)  # the tiny zip is not the official one
    return tmp_path / "cmapss"


@pytest.mark.parametrize("layout", ["zip", "txt"])
def test_cmapss_reads_the_official_zip_and_its_files(layout, small_cmapss):
    write_cmapss(small_cmapss, layout)
    engines = load_cmapss_fd001()
    assert [m.name for m in engines.train] == ["001", "002"] and engines.left.tolist() == [7, 9]
    assert engines.test[1].cycle.tolist() == [1, 2, 3]
    assert engines.test[1].readings["setting1"][0] == 3.5 and engines.test[1].readings["s1"][0] == 6.5


def test_cmapss_says_what_is_missing_and_what_is_damaged(small_cmapss):
    with pytest.raises(cat.MissingData, match="aigc data fetch cmapss"):
        load_cmapss_fd001()
    write_cmapss(small_cmapss, "txt")
    (small_cmapss / "RUL_FD001.txt").write_text("7\n")
    with pytest.raises(DamagedData, match="RUL_FD001.txt should hold"):
        load_cmapss_fd001()
    (small_cmapss / "RUL_FD001.txt").write_text("seven\n9\n")
    with pytest.raises(DamagedData, match="is damaged"):
        load_cmapss_fd001()


# bad records


@pytest.mark.parametrize("record, words", [
    (battery([2.0, 1.9]), "2 cycles of history, at least 10"),
    (battery(np.full(12, 2.0)), "capacity of machine B1 never changes"),
    (battery(np.linspace(2, 1.8, 12), cycle=[1, 2, 3, 5, 4, *range(6, 13)]), "out of order: 4 comes after 5"),
    (battery(np.linspace(2, 1.8, 12), cycle=[1, 2, 2, *range(4, 13)]), "out of order: 2 comes after 2"),
    (battery([*np.linspace(2, 1.8, 11), np.nan]), "NaN"),
    (Machine("B1", np.arange(12), {"temperature": np.arange(12.0)}), r"lacks the readings \['capacity'\]"),
])
def test_a_bad_record_is_refused_with_a_reason(record, words):
    with pytest.raises(ValueError, match=words):
        battery_health(record, least=10)


# from records to pasts and futures


def test_a_battery_dies_when_five_cycles_say_so():
    level = np.linspace(1, 0.71, 30)  # falls by 0.01 a cycle: below 0.8 from cycle 21 on
    health = battery_health(battery(2 * level), least=10, end=0.8)
    first = np.flatnonzero(health.level < 0.8)[0]
    assert health.life == first + 2  # the median of five follows two cycles later
    dip = level.copy()
    dip[3] = 0.5
    assert battery_health(battery(2 * dip), least=10).life == battery_health(battery(2 * level), least=10).life


def test_a_battery_ends_where_its_test_changes_and_small_gaps_are_filled():
    capacity = np.linspace(2, 1.7, 30)
    hot = np.r_[np.full(20, 24.0), np.full(10, 40.0)] + np.linspace(0, 0.1, 30)
    assert len(battery_health(battery(capacity, temperature=hot), least=10).level) == 20
    cycle = np.r_[np.arange(1, 16), np.arange(18, 33)]  # two cycles are missing
    filled = battery_health(battery(capacity, cycle=cycle), least=10).level
    assert len(filled) == 32 and filled[14] == filled[15] == filled[16] > filled[17]  # nothing from later cycles
    with pytest.raises(ValueError, match="tested alike for 20 cycles only"):
        battery_health(battery(capacity, temperature=hot), least=25)


def test_windows_know_the_past_and_only_the_future_that_was_recorded():
    line = Health("a", 1 - 0.01 * np.arange(20), None)
    w = windows([line], PLAN)
    assert w.at.tolist() == list(range(9, 20))
    np.testing.assert_allclose(w.x[:, 0], 1 - 0.01 * (w.at - 1))  # mean of the last three
    np.testing.assert_allclose(w.x[:, 6], 0, atol=1e-12)  # a straight line has no noise
    np.testing.assert_allclose(w.y[0], [0.89, 0.87, 5])
    assert np.isnan(w.y[-1]).all()
    ended = windows([line._replace(life=19)], PLAN).y  # run to failure: the level stays
    np.testing.assert_allclose(ended[-1], [0.81, 0.81, 0])
    assert windows([line._replace(life=12)], PLAN).y[1, -1] == 2
    with pytest.raises(ValueError, match="10 cycles of history; the longest has 9"):
        windows([Health("b", np.ones(9), None)], PLAN)


def test_windows_never_look_ahead():
    level = np.random.default_rng(0).normal(1, 0.1, 40)
    later = level.copy()
    later[25:] = 0
    a, b = (windows([Health("a", x, None)], PLAN) for x in (level, later))
    assert (a.x[a.at < 25] == b.x[b.at < 25]).all()


def test_changes_and_futures_are_inverse():
    w = windows([Health("a", np.linspace(1, 0.8, 30), 29)], PLAN)
    back = futures(changes(w, PLAN.cap)[:, None], w, PLAN.cap)[:, 0]
    np.testing.assert_allclose(back, w.y)


def test_the_last_slope_continues_a_line_and_meets_the_end():
    w = windows([Health("a", 1 - 0.01 * np.arange(30), None)], PLAN)
    predicted = LastSlope(3, PLAN, end=0.86).predict(w.x)
    np.testing.assert_allclose(predicted[:, :2], [[-0.02, -0.04]] * len(w.x))
    np.testing.assert_allclose(predicted[:, 2], ((w.x[:, 0] - 0.86) / 0.01).clip(0, 5) / 5, atol=1e-9)
    y = changes(w, PLAN.cap)[:10]
    samples = LastSlope(3, PLAN, end=0.86).fit(w.x[:10], y).sample(w.x[:10], 50, seed=1)
    assert samples.shape == (10, 50, 3) and np.ptp(samples[..., 0]) < 1e-9  # the same error each time


def test_the_engine_index_follows_the_life_left_and_leaves_dead_sensors_out():
    rng = np.random.default_rng(0)

    def engine(name, life):
        left = np.arange(life)[::-1]
        return Machine(name, np.arange(1, life + 1), {
            "setting1": rng.normal(size=life), "s1": np.full(life, 5.0),
            "s2": np.exp(-left / 40) + rng.normal(0, 0.02, life), "s3": -left.clip(max=125) + rng.normal(0, 3, life)})

    fleet = [engine(str(i), life) for i, life in enumerate((150, 200, 260))]
    index = EngineIndex().fit(fleet)
    assert index.sensors == ["s2", "s3"]
    health = index.health(fleet[0], failed=True)
    assert health.life == 149 and health.level[0] > 0.8 and abs(health.level[-1]) < 0.15
    assert index.health(fleet[0], failed=False).life is None
    blind = fleet[0]._replace(readings={"s2": fleet[0].readings["s2"]})
    with pytest.raises(ValueError, match=r"lacks the readings \['s3'\]"):
        index.health(blind, failed=False)


# forecasters


def test_from_quantiles_gives_those_quantiles_back():
    quantiles = norm.ppf(LEVELS)[None, :, None]
    samples = from_quantiles(quantiles, 10_001)
    np.testing.assert_allclose(np.quantile(samples, LEVELS, axis=1)[:, 0, 0], quantiles[0, :, 0], atol=2e-3)
    crossed = quantiles[:, ::-1]
    np.testing.assert_allclose(from_quantiles(crossed, 50), from_quantiles(quantiles, 50))


@pytest.mark.parametrize("forecaster", [LinearQuantiles(0.0, thin=2), Boosting(40, 8), Analogues(60)])
def test_forecasters_learn_where_the_noise_is(forecaster):
    """y = x + |x| noise: the band must be wide where |x| is large, or at least centred (linear quantiles)."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (1500, 1))
    y = np.column_stack([x[:, 0] + (1 + x[:, 0].clip(0)) * rng.normal(size=1500), 3 * x[:, 0]])
    samples = Standardised(forecaster).fit(x, y).sample(np.array([[-1.0], [1.0]]), 60)
    assert samples.shape == (2, 60, 2)
    np.testing.assert_allclose(np.median(samples, 1), [[-1, -3], [1, 3]], atol=0.5)
    low, high = np.quantile(samples[..., 0], [0.1, 0.9], axis=1)
    assert (high - low)[1] > 1.3 * (high - low)[0]


def test_boosting_points_at_the_mean():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (1500, 1))
    y = np.column_stack([x[:, 0] ** 2 + rng.exponential(size=1500), x[:, 0]])  # mean 1 above, median 0.69
    predicted = Standardised(Boosting(60, 8)).fit(x, y).predict(np.array([[0.0], [1.5]]))
    np.testing.assert_allclose(predicted, [[1, 0], [3.25, 1.5]], atol=0.25)


def test_a_fitting_stretch_makes_the_band_hold_its_share():
    rng = np.random.default_rng(0)
    samples, y = rng.normal(size=(4000, 200, 1)), 2 * rng.normal(size=(4000, 1))
    factor = fitting_stretch(samples, y, np.ones(4000))
    assert factor == pytest.approx(2, rel=0.05)
    assert band_holds(stretch(samples, factor), y).mean() == pytest.approx(0.8, abs=0.005)
    heavy = np.where(np.arange(4000) < 2000, 1.0, 0.0)  # rows without weight do not count
    assert fitting_stretch(samples, np.where(heavy[:, None] > 0, y, 100 * y), heavy) == pytest.approx(2, rel=0.07)


# scores


@pytest.mark.parametrize("mean, deviation, y", [(0, 1, 0), (0, 1, 1.5), (3, 0.5, 2), (-1, 2, 4)])
def test_crps_of_a_gaussian(mean, deviation, y):
    """Gneiting & Raftery 2007, equation 5 turned round, so that smaller is better."""
    samples = norm.ppf((np.arange(20_000) + 0.5) / 20_000, mean, deviation)[None]
    z = (y - mean) / deviation
    closed = deviation * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    assert crps(samples, np.array([float(y)]))[0] == pytest.approx(closed, abs=2e-3)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=8), st.floats(-100, 100))
def test_crps_equals_its_definition(values, y):
    x = np.array(values)
    pairs = np.abs(x[:, None] - x).sum() / (len(x) * (len(x) - 1))
    assert crps(x[None], np.array([y]))[0] == pytest.approx(np.abs(x - y).mean() - pairs / 2, abs=1e-9)


def test_crps_is_unbiased_in_the_number_of_samples_and_checks_shapes():
    rng = np.random.default_rng(0)
    y = rng.normal(size=60_000)
    few, many = (crps(rng.normal(size=(60_000, n)), y).mean() for n in (2, 20))
    assert few == pytest.approx(many, abs=0.01)  # about 1 / sqrt(pi) for an honest forecast
    assert many == pytest.approx(1 / np.sqrt(np.pi), abs=0.01)
    for bad in (np.zeros((3, 1)), np.zeros((2, 5)), np.zeros((3, 5, 2))):
        with pytest.raises(ValueError, match="crps needs samples"):
            crps(bad, np.zeros(3))


def test_the_band_of_an_honest_forecast_holds_its_share():
    rng = np.random.default_rng(0)
    samples, y = rng.normal(size=(5000, 200)), rng.normal(size=5000)
    for share in (0.5, 0.8):
        assert band_holds(samples, y, share).mean() == pytest.approx(share, abs=0.02)


def test_the_nasa_score_is_saxenas():
    assert nasa_score([50, 60], [50, 60]) == 0
    assert nasa_score([40], [50]) == pytest.approx(np.exp(10 / 13) - 1)
    assert nasa_score([60], [50]) == pytest.approx(np.exp(1) - 1)


# decisions


def test_a_replacement_costs_what_it_costs():
    at = np.array([10, 20, 30])
    no, late = np.array([False] * 3), np.array([False, False, True])
    assert replacement_cost(late, at, end=40, life=25, planned=1, failure=5) == (5, 25)  # the alarm came too late
    assert replacement_cost(late, at, end=40, life=35, planned=1, failure=5) == (1, 30)
    assert replacement_cost(late, at, end=40, life=30, planned=1, failure=5) == (5, 30)  # on the day is too late
    assert replacement_cost(no, at, end=40, life=None, planned=1, failure=5) == (0, 40)
    assert replacement_cost(late, at, end=40, life=None, planned=1, failure=5) == (1, 30)
    assert cost_rate([(5, 25), (1, 75)]) == 6


CMAPSS_HOME = Path(os.environ.get("AIGC_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.mark.skipif(not (CMAPSS_HOME / "cmapss").is_dir(), reason="needs C-MAPSS: `aigc data fetch cmapss`")
def test_the_real_engines_go_through_the_same_steps(monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(CMAPSS_HOME))
    engines = load_cmapss_fd001()
    assert len(engines.train) == len(engines.test) == 100 and engines.left.max() == 145
    plan = Plan(30, (10, 20, 30, 40, 50), 125, 10)
    index = EngineIndex().fit(engines.train)
    assert len(index.sensors) == 14
    learn = windows([index.health(e, failed=True) for e in engines.train], plan, stride=10)
    ask = windows([index.health(e, failed=False) for e in engines.test], plan, stride=1000)  # the last cycle only
    assert ask.machine.tolist() == [e.name for e in engines.test]
    model = Standardised(Analogues(40)).fit(learn.x, changes(learn, plan.cap))
    left = futures(model.sample(ask.x, 40), ask, plan.cap)[..., -1].mean(1)
    assert np.sqrt(np.mean((left - engines.left) ** 2)) < 20  # always the mean of all: about 40
