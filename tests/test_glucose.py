"""Virtual patients: our integration against simglucose, physiology, plans, the safety rule, bad input."""

import numpy as np
import pytest

from aigc_lib.datasets import load_cgm_days, load_simglucose_traces, load_virtual_patients
from aigc_lib.industries import glucose as g
from aigc_lib.industries.glucose_model import derivatives

PATIENTS = load_virtual_patients()
ALL = np.arange(30)


def plain(n):
    return np.tile(g.STANDARD, (n, 1))


def quiet_days(n, start=1.0):
    return g.Days(np.full((n, 6), 600), np.zeros((n, 6)), np.full(n, start))


def one_meal(n, grams=60.0, minute=480):
    carbs = np.zeros((n, 6))
    carbs[:, 0] = grams
    return g.Days(np.full((n, 6), minute), carbs, np.ones(n))


def test_a_day_of_each_patient_agrees_with_simglucose_itself():
    traces = load_simglucose_traces()
    patients, days, plans = g.as_recorded(PATIENTS, traces)
    ours = g.run(patients, days, plans, days.carbs).glucose
    gap = np.abs(ours - np.stack([trace.glucose for trace in traces]))
    assert gap.max() < 2 and np.median(gap.max(1)) < 0.2  # mg/dL
    assert np.ptp(ours, axis=1).min() > 20, "the traces should go up and down, or agreement means nothing"


def test_a_fasting_patient_on_the_usual_background_stays_where_they_are():
    days = quiet_days(30)
    found = g.run(PATIENTS, days, plain(30), days.carbs).glucose
    assert np.abs(found - PATIENTS.model["Gb"][:, None]).max() < 2


def test_food_is_neither_lost_nor_made_on_its_way():
    rng = np.random.default_rng(0)
    x = np.abs(PATIENTS.start) + 1
    x[:3] = rng.uniform(0, 50_000, (3, 30))
    eating = rng.uniform(0, 5, 30)
    d = derivatives(x, PATIENTS.model, eating, PATIENTS.basal, np.full(30, 60_000.0))
    assert np.allclose(d[:3].sum(0), 1000 * eating - PATIENTS.model["kabs"] * x[2])


def test_more_insulin_lowers_and_earlier_insulin_flattens():
    days, plans = one_meal(30), plain(30)
    plans[:, 5] = 0
    more, early = plans.copy(), plans.copy()
    more[:, 1], early[:, 6] = 1.5, 20
    base, more, early = (g.run(PATIENTS, days, p, days.carbs).glucose for p in (plans, more, early))
    assert (more.min(1) < base.min(1)).all() and (early[:, 96:144].max(1) <= base[:, 96:144].max(1) + 1e-6).all()


def test_insulin_still_at_work_is_taken_off_the_correction_only():
    days = quiet_days(30, start=1.6)._replace(minute=np.tile([60, 90, 600, 600, 600, 600], (30, 1)))
    days.carbs[:, :2] = 1e-6  # a bite: two doses, half an hour apart
    out = g.run(PATIENTS, days, plain(30), days.carbs)
    reading = out.glucose[:, [12, 18]]
    wanted = (reading - g.TARGET) / PATIENTS.known[:, 4:]
    assert np.allclose(out.dose[:, 0], wanted[:, 0], atol=1e-5)
    assert np.allclose(out.dose[:, 1], (wanted[:, 1] - out.dose[:, 0] * (1 - 30 / g.ACTIVE)).clip(0), atol=1e-5)


def test_chunks_do_not_change_what_is_simulated(monkeypatch):
    days, rng = g.random_days(7, np.random.default_rng(1)), np.random.default_rng(2)
    seven, eaten = PATIENTS.take(ALL[:7]), g.miscounted(days.carbs, rng)
    whole = g.run(seven, days, plain(7), eaten).glucose
    monkeypatch.setattr(g, "CHUNK", 3)
    assert np.array_equal(whole, g.run(seven, days, plain(7), eaten).glucose)


def test_the_same_seed_lives_the_same_days():
    two = PATIENTS.take(ALL[:2])
    a, b, c = (g.live(two, plain(2), 2, seed) for seed in (5, 5, 6))
    assert a.shape == (2, 2, 288) and np.array_equal(a, b) and not np.array_equal(a, c)


def test_days_are_simglucoses_and_people_miscount_by_a_fifth():
    days = g.random_days(4000, np.random.default_rng(3))
    assert (np.diff(days.minute, axis=1) >= 0).all() and days.minute.min() >= 300 and days.minute.max() <= 1380
    taken = (days.carbs > 0).mean(0)
    assert np.allclose(taken, [0.95, 0.29, 0.95, 0.29, 0.95, 0.29], atol=0.03)
    assert np.allclose(days.carbs.mean(0), g.TYPICAL, atol=4)
    wrong = g.miscounted(np.full((4000, 6), 50.0), np.random.default_rng(4)) / 50 - 1
    assert 0.17 < np.abs(wrong).mean() < 0.23


@pytest.mark.parametrize(("change", "words"), [
    (lambda p, d, x, e: (p, d._replace(carbs=d.carbs - 100), x, e), "-40 g of counted carbohydrates at 早餐"),
    (lambda p, d, x, e: (p, d, x, e - 100), "-40 g of eaten carbohydrates"),
    (lambda p, d, x, e: (p, d, x, e * np.nan), "nan g of eaten"),
    (lambda p, d, x, e: (p, d, x - 1.5, e), "insulin cannot be taken back out"),
    (lambda p, d, x, e: (p, d, x * np.nan, e), "plan 0 wants nan"),
    (lambda p, d, x, e: (p, d, x[:, :6], e), r"plans \(2, 7\)"),
    (lambda p, d, x, e: (p._replace(known=np.where(ALL[:5] == 1, np.nan, p.known)), d, x, e), "no usable weight"),
    (lambda p, d, x, e: (p._replace(known=np.where(ALL[:5] == 3, 0, p.known)), d, x, e), "no usable carb_ratio"),
])
def test_bad_input_is_refused_before_anything_is_simulated(change, words):
    days = one_meal(2)
    with pytest.raises(ValueError, match=words):
        g.run(*change(PATIENTS.take(ALL[:2]), days, plain(2), days.carbs))


def test_the_rule_passes_the_usual_setting_and_stops_each_excess():
    assert not any(g.refusals(PATIENTS, plain(30)))
    for column in range(len(g.PLAN)):
        for value in (g.LOWEST[column] - 0.01, g.HIGHEST[column] + 0.01):
            plans = plain(30)
            plans[:, column] = value
            assert all(any(g.PLAN[column] in why for why in reasons) for reasons in g.refusals(PATIENTS, plans))
    most = np.tile(g.HIGHEST, (30, 1))  # each number allowed, all together too much
    assert all(reasons == [f"全天超过平时总量的 {g.MOST_DAILY:g} 倍"] for reasons in g.refusals(PATIENTS, most))


def test_what_the_rule_stops_would_do_harm():
    n = 10
    harm = [g.time_shares(g.live(PATIENTS.take(ALL[:n]), p, 3, 7).reshape(-1, 288)).below_54.mean()
            for p in (plain(n), np.tile([1.5, 2, 2, 2, 2, 1, 0], (n, 1)))]
    assert harm[1] > harm[0] + 5


def test_a_page_is_written_for_a_safe_plan_only_and_always_warns():
    one, day = PATIENTS.take(ALL[:1]), np.full((2, 288), 100.0)
    page = g.plan_sheet(one, g.STANDARD, np.where(np.arange(288) < 72, 60, day), day)
    assert g.WARNING in page and "不能用于看病" in page and "模拟" in page
    assert "早餐 45 克碳水打 3.8 U（平时 3.8）" in page and "低于 70 25.0% → 0.0%" in page  # 45 / 12 = 3.75
    with pytest.raises(ValueError, match="refuses this plan for adolescent#001: 早餐 3.00"):
        g.plan_sheet(one, g.STANDARD + [0, 2, 0, 0, 0, 0, 0], day, day)


def test_shares_and_risk_in_closed_form():
    day = np.array([[50.0, 60, 70, 180, 181, 300, 100, 100]])
    assert [part[0] for part in g.time_shares(day)] == [50, 25, 12.5, 25]
    assert g.risk(np.full((1, 4), 112.5))[0] < 1e-3
    assert g.risk(np.full((1, 4), 20.0))[0] == pytest.approx(100, rel=0.03)
    assert g.risk(np.full((1, 4), 600.0))[0] == pytest.approx(100, rel=0.03)
    assert g.risk(np.full((1, 4), 50.0)) > g.risk(np.full((1, 4), 200.0))


def test_patients_are_split_whole_with_every_age_on_both_sides():
    train, test = g.split_patients(PATIENTS.names, 3)
    assert len(test) == 10 and not set(train) & set(test) and len(set(train) | set(test)) == 30
    for side in (train, test):
        assert {PATIENTS.names[i].split("#")[0] for i in side} == {"child", "adolescent", "adult"}
    assert not np.array_equal(test, g.split_patients(PATIENTS.names, 4)[1])


def test_the_clinic_does_not_see_the_simulators_parameters():
    two = PATIENTS.take(ALL[:2])
    week = g.live(two, plain(2), 7, 0)
    hidden = two._replace(model={k: v * 2 for k, v in two.model.items()}, start=two.start * 2)
    assert np.array_equal(g.clinic_view(two, week), g.clinic_view(hidden, week))
    assert g.clinic_view(two, week).shape == (2, 13)


def test_statistics_of_a_sine_and_the_real_days():
    wave = 120 + 30 * np.sin(2 * np.pi * np.arange(96) / 24)[None]
    mean, sd, in_range, low, change, together = g.day_statistics(wave)[0]
    assert (mean, in_range, low) == (pytest.approx(120), 100, 0) and sd == pytest.approx(30 / np.sqrt(2))
    assert together == pytest.approx(np.cos(2 * np.pi * 4 / 24), abs=0.05) and 0 < change < 8
    day, glucose = load_cgm_days()
    assert glucose.shape == (112, 96) and (np.diff(day) > 0).all() and 40 <= glucose.min() <= glucose.max() <= 400
