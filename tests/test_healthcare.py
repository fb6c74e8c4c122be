"""Patients of four hospitals, scorecards by known columns, and reports of which every number is computed again."""

import functools
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import SplineTransformer

from aigc_lib.autoencoder import TableAutoencoder
from aigc_lib.datasets import load_heart_disease
from aigc_lib.industries.healthcare import HeartAssessor, wrong_numbers
from aigc_lib.networks import mlp
from aigc_lib.patients import (
    AWAY,
    HEART_CATEGORIES,
    HEART_NUMBERS,
    HOME,
    check_patients,
    split_patients,
    zeros_are_gaps,
)
from aigc_lib.scorecard import PatternScorecards, Scorecard, local_shift
from aigc_lib.tables import TableCoder, by_known_columns
from aigc_lib.training import train

STRENGTH = 0.3


@pytest.fixture(scope="module")
def hospitals():
    return {name: zeros_are_gaps(patients) for name, patients in load_heart_disease().items()}


@pytest.fixture(scope="module")
def learn(hospitals):
    return split_patients(hospitals[HOME], seed=0)[0]


@pytest.fixture(scope="module")
def cards(learn):
    return PatternScorecards(learn.table, learn.disease, HEART_NUMBERS, 3, STRENGTH, draws=5, seed=0)


@pytest.fixture(scope="module")
def offices(learn, cards, hospitals):
    """An assessor for each hospital, and the patients it has not seen."""
    torch.manual_seed(0)
    coder = TableCoder(HEART_NUMBERS, HEART_CATEGORIES).fit(learn.table)
    model = TableAutoencoder(mlp([coder.size, 16, 8]), mlp([8, 16, coder.size]), coder.columns, hide=0.5)
    for _ in train(model, coder.encode(learn.table), 50):
        pass
    return {name: (HeartAssessor(cards, coder, model, hospitals[name].take(np.arange(30)), name),
                   hospitals[name].take(np.arange(30, len(hospitals[name].disease)))) for name in AWAY}


# the data


def test_the_hospitals_are_what_the_card_says():
    patients = load_heart_disease()
    assert {name: (len(p.disease), p.disease.sum()) for name, p in patients.items()} == {
        "Cleveland": (303, 139), "Hungary": (294, 106), "Switzerland": (123, 115), "Long Beach": (200, 149)}
    assert patients["Cleveland"].table.isna().sum().sum() == 6
    assert patients["Hungary"].table[["ca", "thal", "slope"]].isna().sum().tolist() == [291, 266, 190]
    first = patients["Hungary"].table.iloc[0]  # the one that copies give to Cleveland
    assert (first.age, first.trestbps, first.chol, first.thalach) == (28, 130, 132, 185)


def test_zeros_become_gaps_only_where_nobody_has_zero():
    patients = load_heart_disease()
    assert zeros_are_gaps(patients["Switzerland"]).table.chol.isna().all()
    assert zeros_are_gaps(patients["Hungary"]).table.oldpeak.equals(patients["Hungary"].table.oldpeak)
    assert (patients["Switzerland"].table.chol == 0).all()  # what was handed in is left alone


@pytest.mark.parametrize(("change", "words"), [
    (lambda t: t.assign(chol=0), r"chol holds 0 in 227 row\(s\); 0 is no measurement"),
    (lambda t: t.assign(trestbps=-120), "trestbps holds -120; a patient has 50 to 300"),
    (lambda t: t.assign(thalach=900), "thalach holds 900"),
    (lambda t: t.drop(columns="ca"), "lacks the column.*ca"),
])
def test_impossible_patients_are_refused(learn, change, words):
    check_patients(learn.table)
    with pytest.raises(ValueError, match=words):
        check_patients(change(learn.table))


@pytest.mark.parametrize("seed", range(10))
def test_split_keeps_everyone_once_and_leaves_rare_findings_to_learn_from(hospitals, seed):
    learn, test = split_patients(hospitals[HOME], seed)
    assert sorted([*learn.table.index, *test.table.index]) == list(range(303))
    assert abs(learn.disease.mean() - test.disease.mean()) < 0.02
    assert (learn.table.restecg == "st-t abnormality").sum() >= 2


# learning from known columns


def test_rows_keep_their_order_and_each_set_of_columns_is_asked_for_once():
    table = pd.DataFrame({"a": [1.0, np.nan, 3.0, 4.0], "b": [10.0, 20.0, np.nan, 40.0]})
    asked = []

    def learn_from(names):
        asked.append(names)
        return lambda rows: rows.sum(axis=1).to_numpy()

    assert by_known_columns(table, learn_from).tolist() == [11, 20, 3, 44]
    assert sorted(asked) == [("a",), ("a", "b"), ("b",)]
    with pytest.raises(ValueError, match="nothing but gaps"):
        by_known_columns(table.assign(a=np.nan, b=np.nan), learn_from)


@pytest.fixture(scope="module")
def hand(learn):
    """(names) -> by_hand of these columns, and (names) -> its chance of each learnt patient, held out; each worked out once."""
    @functools.cache
    def held_out(names):
        said = np.empty(len(learn.disease))
        for some, rest in StratifiedKFold(5, shuffle=True, random_state=0).split(learn.table, learn.disease):
            points, base = by_hand(learn, names, some)(learn.table.iloc[rest])
            said[rest] = expit(base + points.sum(1))
        return said

    return functools.cache(lambda names: by_hand(learn, names)), held_out


def by_hand(learn, names, rows=slice(None)):
    """Scorecard of these columns from scikit-learn alone -> function: table -> (points (N, columns), base)."""
    coder = TableCoder([n for n in names if n in HEART_NUMBERS], [n for n in names if n in HEART_CATEGORIES]).fit(learn.table)
    x = coder.encode(learn.table)[rows].double().numpy()
    splines = {c.name: SplineTransformer(3, 2, extrapolation="constant", include_bias=False).fit(
        x[x[:, c.start + 1] > 0, c.start, None]) for c in coder.columns if not c.categories}

    def features(x):
        return [np.hstack([x[:, c.start:c.stop], 1 - x[:, c.start:c.stop].sum(1, keepdims=True)]) if c.categories else
                np.hstack([splines[c.name].transform(x[:, c.start, None]) * x[:, c.start + 1, None], 1 - x[:, c.start + 1, None]])
                for c in coder.columns]

    mean = [f.mean(0) for f in features(x)]
    event = learn.disease[rows]
    fitted = LogisticRegression(C=STRENGTH, max_iter=2000).fit(np.hstack([f - m for f, m in zip(features(x), mean)]), event)
    weights = np.split(fitted.coef_[0], np.cumsum([len(m) for m in mean])[:-1])

    def points(table):
        parts = features(coder.encode(table).double().numpy())
        return np.stack([(f - m) @ w for f, m, w in zip(parts, mean, weights)], axis=1), fitted.intercept_[0]
    return points


def test_a_patient_is_judged_by_the_card_of_what_was_measured(learn, cards, hospitals):
    row = hospitals["Hungary"].table.iloc[[0]]
    names = tuple(n for n in row if row[n].notna().all())
    assert len(names) == 10
    points, base = by_hand(learn, names)(row)
    assert cards.predict(row)[0] == pytest.approx(expit(base + points.sum()), abs=1e-4)


def test_without_other_rows_each_draw_keeps_the_cards_own_calibration(learn):
    coder = TableCoder(HEART_NUMBERS, HEART_CATEGORIES).fit(learn.table)
    x = coder.encode(learn.table)
    card = Scorecard(coder, 3, STRENGTH).fit(x, learn.disease)
    card.resample(x, learn.disease, None, None, times=3, seed=0)
    before = card.resampled(x)
    card.slope, card.shift = 0.5, 1.0
    card.resample(x, learn.disease, None, None, times=3, seed=0)
    assert np.allclose(logit(card.resampled(x)), 0.5 * logit(before) + 1.0)


def test_local_shift_finds_the_other_prevalence():
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=50_000)
    event = rng.random(50_000) < expit(log_odds + 1.5)
    assert local_shift(expit(log_odds), event) == pytest.approx(1.5, abs=0.05)
    few = local_shift(np.full(9, 0.5), np.ones(9, bool))
    assert few == pytest.approx(logit(9.5 / 10))  # nobody without disease among nine, yet not impossible


# the report


def expected(learn, held_out, office, row, names, own, source):
    """The number under a source, worked out here from data and weights, without the code that writes reports."""
    points, base = own
    head, kind, name = source.split(".")[0], source.split(".")[1], source.split(".")[-1]
    if kind == "倍数":
        return np.exp(points[0, names.index(name)])
    if head == "检查单":
        return row[name].iloc[0]
    local = office.local
    if head == "本院" and kind in ("人数", "有病"):
        return {"人数": 30, "有病": local.disease.sum()}[kind]
    if kind == "更不意外的占":
        i = list(office.whole).index(name)

        def cost(table):
            x = office.coder.encode(table)
            column, hidden = office.coder.columns[i], x.clone()
            hidden[:, column.start:column.stop] = 0
            with torch.no_grad():
                said = office.autoencoder.decode(office.autoencoder.encode(hidden))[:, column.start:column.stop]
            true = x[:, column.start:column.stop]
            return -(true * said.log()).sum(1) if column.categories else (said[:, 0] - true[:, 0]) ** 2 / 2

        return (cost(local.table[local.table[name].notna()]) < cost(row)).float().mean().item()
    chance = expit(base + points.sum())
    if source == "评分卡.照搬的可能":
        return chance
    if head == "评分卡":
        return expit(logit(chance) + office.shift)
    if head == "重抽样":
        coder, card = office.cards.card(names)
        draws = expit(card.bases + card.weights @ card._features(coder.encode(row))[0] + office.shifts)
        return np.quantile(draws, 0.025 if kind == "下限" else 0.975)
    return at_home(learn, held_out, names, chance)[kind]


def at_home(learn, held_out, names, chance):
    """What the report says of the hospital that was learnt from."""
    said, n, z = held_out(names), 50, 1.96
    hits = learn.disease[sorted(range(len(said)), key=lambda i: abs(said[i] - chance))[:n]].sum()
    middle, half = hits + z * z / 2, z * np.sqrt(hits * (n - hits) / n + z * z / 4)
    return {"人数": 227, "相近人数": n, "其中有病": hits, "有病率下限": (middle - half) / (n + z * z),
            "有病率上限": (middle + half) / (n + z * z), "这几项的AUC": roc_auc_score(learn.disease, said),
            "全部项的AUC": roc_auc_score(learn.disease, held_out((*HEART_NUMBERS, *HEART_CATEGORIES)))}


def test_shift_makes_the_local_patients_add_up(hand, offices):
    for office, _ in offices.values():
        log_odds = []
        for i in range(30):
            row = office.local.table.iloc[[i]]
            points, base = hand[0](tuple(n for n in row if row[n].notna().all()))(row)
            log_odds.append(base + points.sum())
        log_odds = np.array(log_odds)
        everyone, draws = np.arange(30), np.random.default_rng(office.cards.seed).integers(30, size=(5, 30))
        for rows, shift in ((everyone, office.shift), *zip(draws, office.shifts, strict=True)):
            seen = (office.local.disease[rows].sum() + 0.5) / 31
            assert expit(log_odds[rows] + shift).mean() == pytest.approx(seen, abs=1e-4)


def test_every_number_in_a_hundred_reports_is_regenerated(learn, hand, offices):
    seen = set()
    for i in range(100):
        office, waiting = offices[AWAY[i % 3]]
        row = waiting.table.iloc[[i // 3]]
        names = tuple(n for n in (*HEART_NUMBERS, *HEART_CATEGORIES) if pd.notna(row[n].iloc[0]))
        own, report = hand[0](names)(row), office.report(row)
        digits = re.findall(r"-?\d[\d.]*", str(report))
        assert len(digits) == len(report.trace)
        for number, found in zip(report.trace, digits):
            again = expected(learn, hand[1], office, row, names, own, number.source)
            assert number.value == pytest.approx(again, rel=2e-3, abs=1e-3), number
            share = re.search("可能|下限|上限|更不意外的占", number.source)
            step = 1 if share else 0.01 if "AUC" in number.source else 10.0 ** (np.floor(np.log10(number.value)) - 1) \
                if ".倍数." in number.source else 0.01
            assert abs(float(found.rstrip(".")) - (100 if share else 1) * number.value) <= step, number
            seen.add(number.source.split(".")[1])
    assert seen >= {"可能", "照搬的可能", "下限", "上限", "人数", "有病", "相近人数", "其中有病", "倍数", "更不意外的占", "这几项的AUC"}


def test_every_report_says_that_it_is_no_diagnosis_and_holds_no_digits_of_its_own(offices):
    for office, waiting in offices.values():
        for i in range(8):
            report = office.report(waiting.table.iloc[[i]])
            assert "不是诊断" in str(report.sentences[0]) and "不是诊断" in str(report.sentences[-1])
            assert not any(re.search(r"\d", sentence.template) for sentence in report.sentences)


def test_a_test_that_was_not_made_is_named_and_never_filled_in(offices):
    office, waiting = offices["Hungary"]
    row = waiting.table[waiting.table.ca.isna() & waiting.table.thal.isna()].iloc[[0]]
    report = office.report(row)
    assert re.search("没有做的：.*透视见钙化的血管、心肌灌注。没有补，也没有算进去。", str(report))
    assert not any(number.source.endswith((".ca", ".thal")) for number in report.trace)
    assert not any(source.endswith((".ca", ".thal")) for source in office.facts(row))


def test_a_report_says_when_the_hospitals_are_far_apart(offices):
    said = [(abs(facts["评分卡.可能"] - facts["评分卡.照搬的可能"]) > 0.15, "差得远" in str(office.report(row)))
            for office, waiting in offices.values() for i in range(5)
            for row in [waiting.table.iloc[[i]]] for facts in [office.facts(row)]]
    assert all(far == told for far, told in said) and {far for far, _ in said} == {True, False}


def test_a_forged_number_is_found(offices):
    office, waiting = offices["Hungary"]
    row = waiting.table.iloc[[0]]
    report, facts = office.report(row), office.facts(row)
    assert wrong_numbers(report, facts) == []
    first = report.trace[0]
    for forged in (first._replace(printed="5"), first._replace(value=first.value + 0.01), first._replace(source="神谕")):
        sentence = report.sentences[1]._replace(numbers=(forged,))
        assert wrong_numbers(report._replace(sentences=[sentence]), facts) == [forged]


@pytest.mark.parametrize(("change", "words"), [
    (lambda t: t.assign(trestbps=-120), "trestbps holds -120"),
    (lambda t: t.assign(chol=0), "0 is no measurement"),
    (lambda t: t.assign(cp="back pain"), "cp holds back pain, never seen before"),
    (lambda t: t.drop(columns="thal"), "lacks the column.*thal"),
    (lambda t: t.assign(**dict.fromkeys(t, np.nan)), "nothing but gaps"),
    (lambda t: pd.concat([t, t]), "about one patient, got 2 rows"),
])
def test_a_bad_sheet_gets_a_clear_answer_and_no_report(offices, change, words):
    office, waiting = offices["Hungary"]
    with pytest.raises(ValueError, match=words):
        office.report(change(waiting.table.iloc[[0]]))


def test_cards_without_draws_are_refused(learn, offices):
    office, _ = offices["Hungary"]
    bare = PatternScorecards(learn.table, learn.disease, HEART_NUMBERS, 3, STRENGTH)
    with pytest.raises(ValueError, match="must have been learnt with draws"):
        HeartAssessor(bare, office.coder, office.autoencoder, office.local, "Hungary")
