"""Intervals and verdicts against scipy, closed forms and properties; what a claim shows."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aigc_lib import evidence
from aigc_lib.evidence import (
    CLAIM_FIELDS,
    EVIDENCE_MIME,
    REFUTED,
    SUPPORTED,
    UNDECIDED,
    Experiment,
    agreement_text,
    agrees,
    load_ledger,
    prediction_interval,
    summarise,
    verdict,
)

FIELDS = dict(zip(CLAIM_FIELDS, ("mini.a", "a", "1", "甲比乙好", "分数", "", True, 0.5, "甲", "乙")))
numbers = st.floats(-1e6, 1e6)


def runs(pairs):
    return [{"seed": seed, "model": float(model), "baseline": float(baseline), "code_sha256": "x"}
            for seed, (model, baseline) in enumerate(pairs, 1)]


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12))
def test_the_row_is_what_scipy_says(pairs):
    row = summarise(FIELDS, runs(pairs))
    model, baseline = np.array(pairs).T
    scale = max(1, np.abs(pairs).max())
    assert row["n"] == len(pairs)
    assert row["diff"] == pytest.approx(np.mean(model - baseline), abs=1e-9 * scale)
    if np.std(model - baseline) > 1e-6 * scale:
        low, high = stats.ttest_rel(model, baseline).confidence_interval(0.95)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high), rel=1e-6, abs=1e-9 * scale)


def test_a_hand_computed_row():
    row = summarise(FIELDS, runs([(2, 1), (3, 1), (4, 1), (5, 1), (6, 1)]))  # differences 1..5
    half = 2.7764451 * math.sqrt(2.5 / 5)
    assert (row["model_mean"], row["baseline_mean"], row["diff"], row["n"]) == (4, 1, 3, 5)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((3 - half, 3 + half))
    assert row["verdict"] == SUPPORTED and set(row) > set(CLAIM_FIELDS)
    low, high = prediction_interval(row)
    assert (low, high) == pytest.approx((3 - 2.7764451 * math.sqrt(2.5 * 1.2), 3 + 2.7764451 * math.sqrt(2.5 * 1.2)))


def test_the_prediction_interval_holds_a_new_run_95_times_in_100():
    rng = np.random.default_rng(0)
    draws = rng.normal(1, 2, (4000, 6))
    inside = 0
    for draw in draws:
        row = {**FIELDS, "smallest_difference": 1e-9, **summarise({**FIELDS, "smallest_difference": 1e-9},
                                                                  runs([(x, 0) for x in draw[:5]]))}
        inside += agrees(row, draw[5])
    assert inside / len(draws) == pytest.approx(0.95, abs=0.015)


def test_rows_sort_by_seed_and_refuse_what_is_not_a_measurement():
    pairs = runs([(1, 0), (2, 0), (3, 0)])
    assert summarise(FIELDS, pairs[::-1]) == summarise(FIELDS, pairs)
    one = summarise(FIELDS, pairs[:1])
    assert (one["ci_low"], one["ci_high"], one["verdict"]) == (None, None, UNDECIDED) and agrees(one, 1.0) is None
    for wrong in ([], [pairs[0], pairs[0]], [{**pairs[0], "model": math.nan}]):
        with pytest.raises(ValueError, match="mini.a"):
            summarise(FIELDS, wrong)


@pytest.mark.parametrize("low, high, higher, answer", [
    (0.5, 0.9, True, SUPPORTED),      # the edge counts as enough
    (0.4, 0.9, True, UNDECIDED),
    (-0.2, 0.49, True, REFUTED),      # better, but by too little
    (-0.2, 0.5, True, UNDECIDED),
    (-0.9, -0.5, False, SUPPORTED),
    (0.1, 0.9, False, REFUTED),
    (-0.9, -0.4, False, UNDECIDED),
])
def test_verdict_by_hand(low, high, higher, answer):
    assert verdict(5, low, high, higher, 0.5) == answer
    assert verdict(4, low, high, higher, 0.5) == UNDECIDED


@given(numbers, st.floats(0, 1e6), st.integers(5, 50), st.booleans(), st.floats(1e-3, 1e6))
def test_verdict_properties(centre, half, n, higher, smallest):
    low, high = centre - half, centre + half
    answer = verdict(n, low, high, higher, smallest)
    assert answer == verdict(n, -high, -low, not higher, smallest)  # turning the metric round changes nothing
    if answer == UNDECIDED:  # a narrower interval round the same centre decides
        assert verdict(n, centre, centre, higher, smallest) != UNDECIDED
    else:  # and never turns a decision
        assert verdict(n, centre - half / 2, centre + half / 2, higher, smallest) == answer
        assert answer != SUPPORTED or verdict(n, low, high, higher, smallest / 2) == SUPPORTED
        assert answer != REFUTED or verdict(n, low, high, higher, smallest * 2) == REFUTED
    if (centre if higher else -centre) < smallest:
        assert answer != SUPPORTED


def test_agreement_where_nothing_is_random():
    row = summarise(FIELDS, runs([(2, 1)] * 5))
    assert row["ci_low"] == row["ci_high"] == 1
    assert agrees(row, 1.0) and agrees(row, 1.04) and not agrees(row, 1.06)  # a tenth of 0.5 is let through


@pytest.fixture
def shown(monkeypatch):
    """The mime bundles that a claim displays."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def declare(experiment, **changes):
    wanted = {"id": "mini.a", "section": "1", "text": "甲|乙 <b>", "metric": "误差", "unit": "毫米",
              "higher_is_better": False, "model": "甲", "baseline": "乙", "smallest_difference": 0.5}
    return experiment.claim(**{**wanted, **changes})


def test_a_measured_claim_shows_itself_and_carries_its_record(course, shown):
    claim = declare(Experiment("a", profile="full", seed=3))
    claim.measure(model=np.float32(1), baseline=2)
    bundle = shown[0]
    assert bundle[EVIDENCE_MIME] == {
        "id": "mini.a", "notebook": "a", "section": "1", "claim": "甲|乙 <b>", "metric": "误差", "unit": "毫米",
        "higher_is_better": False, "smallest_difference": 0.5, "model": "甲", "baseline": "乙", "model_value": 1.0,
        "baseline_value": 2.0, "seed": 3, "profile": "full"}
    json.dumps(bundle)
    assert "&lt;b&gt;" in bundle["text/html"] and "<b>" not in bundle["text/html"]
    assert "种子 3" in bundle["text/markdown"] and "越小越好" in bundle["text/plain"]
    assert "账本里还没有这条断言" in bundle["text/plain"]
    with pytest.raises(ValueError, match="already measured"):
        claim.measure(model=1, baseline=2)


def test_the_ledgers_row_stands_beside_this_run(course, shown):
    rows = [summarise({**FIELDS, "higher_is_better": False}, runs([(1 + i / 100, 2) for i in range(5)]))]
    (course.root / "book").mkdir()
    (course.root / "book/evidence.json").write_text(json.dumps(rows))
    declare(Experiment("a", "full")).measure(model=1, baseline=2)
    declare(Experiment("a", "full")).measure(model=9, baseline=2)
    declare(Experiment("a", "smoke")).measure(model=9, baseline=2)
    assert "账本（5 次运行）" in shown[0]["text/html"] and SUPPORTED in shown[0]["text/plain"]
    assert "与账本一致" in shown[0]["text/plain"] and "与账本不一致" in shown[1]["text/plain"]
    assert "快速检查" in shown[2]["text/plain"] and "一致" not in shown[2]["text/plain"]
    one = summarise(FIELDS, runs([(1, 0)]))
    assert "次数太少" in agreement_text(shown[0][EVIDENCE_MIME], one)


def test_a_claim_that_is_not_well_put_is_refused(course, shown):
    experiment = Experiment("a", "full")
    for changes, complaint in [({"id": "Mini"}, "claim id"), ({"smallest_difference": 0}, "smallest_difference"),
                               ({"smallest_difference": math.nan}, "smallest_difference")]:
        with pytest.raises(ValueError, match=complaint):
            declare(experiment, **changes)
    claim = declare(experiment)
    with pytest.raises(ValueError, match="twice"):
        declare(experiment)
    with pytest.raises(ValueError, match="finite"):
        claim.measure(model=math.inf, baseline=0)
    assert shown == []


def test_the_profile_comes_from_the_parameter_then_the_environment(monkeypatch):
    assert Experiment("a").profile == "full" and Experiment("a").pick(full=2, smoke=1) == 2
    monkeypatch.setenv("AIGC_PROFILE", "smoke")
    assert Experiment("a").pick(full=2, smoke=1) == 1 and Experiment("a", profile="full").profile == "full"
    with pytest.raises(ValueError, match="unknown profile 'fast'"):
        Experiment("a", profile="fast")


def test_a_damaged_ledger_is_refused(tmp_path):
    path = tmp_path / "evidence.json"
    assert load_ledger(path) == []
    for text in ("{", "{}", "[1]", "[{}]"):
        path.write_text(text)
        with pytest.raises(ValueError, match="evidence.json"):
            load_ledger(path)
    assert evidence.ENOUGH_RUNS == 5
