"""Loans: the tables, the scorecard whose points add up, and reports of which every number is computed again."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from aigc_lib.autoencoder import TableAutoencoder
from aigc_lib.datasets import load_credit_data, load_lending_club
from aigc_lib.industries.finance import Assessor, Sentence, wrong_numbers
from aigc_lib.loans import CLUB_CATEGORIES, CLUB_NUMBERS, CREDIT_CATEGORIES, CREDIT_NUMBERS, split_loans
from aigc_lib.networks import mlp
from aigc_lib.scorecard import Scorecard, platt, recalibrated
from aigc_lib.tables import TableCoder
from aigc_lib.training import train


def test_credit_data_is_what_the_card_says():
    table, default = load_credit_data()
    assert table.shape == (4454, 13) and default.sum() == 1254
    assert set(table) == {*CREDIT_NUMBERS, *CREDIT_CATEGORIES}
    assert table.isna().sum().loc[["Income", "Assets", "Debt", "Home", "Job", "Marital"]].tolist() == [381, 47, 18, 6, 2, 1]
    assert default[table.Income.isna()].mean() == pytest.approx(0.57, abs=0.005)


def test_lending_club_is_what_the_card_says():
    table, default = load_lending_club()
    assert table.shape == (9857, 22) and default.sum() == 517 and not table.isna().any().any()
    assert {*CLUB_NUMBERS, *CLUB_CATEGORIES} <= set(table)


def test_split_keeps_everyone_once_and_the_share_of_defaults():
    loans = load_credit_data()
    parts = split_loans(loans, seed=3)
    assert [len(p.default) for p in parts] == [2672, 891, 891]
    together = pd.concat([p.table.assign(default=p.default) for p in parts])
    whole = loans.table.assign(default=loans.default)
    columns = list(whole)
    pd.testing.assert_frame_equal(*(frame.sort_values(columns).reset_index(drop=True) for frame in (together, whole)))
    assert all(p.default.mean() == pytest.approx(loans.default.mean(), abs=2e-3) for p in parts)


@pytest.fixture(scope="module")
def parts():
    return split_loans(load_credit_data(), seed=0)


@pytest.fixture(scope="module")
def coder(parts):
    return TableCoder(CREDIT_NUMBERS, CREDIT_CATEGORIES, lowest=dict.fromkeys(CREDIT_NUMBERS, 0)).fit(parts[0].table)


@pytest.fixture(scope="module")
def card(parts, coder):
    x, valid = coder.encode(parts[0].table), coder.encode(parts[1].table)
    card = Scorecard(coder, knots=4, strength=0.3).fit(x, parts[0].default).calibrate(valid, parts[1].default)
    card.resample(x, parts[0].default, valid, parts[1].default, times=20, seed=0)
    return card


@pytest.fixture(scope="module")
def assessor(parts, coder, card):
    torch.manual_seed(0)
    model = TableAutoencoder(mlp([coder.size, 32, 8]), mlp([8, 32, coder.size]), coder.columns, hide=0.3)
    for _ in train(model, coder.encode(parts[0].table), 100):
        pass
    return Assessor(coder, card, model, parts[1])


# the scorecard


def test_points_add_up_to_the_chance(parts, coder, card):
    x = coder.encode(parts[2].table)
    assert np.allclose(expit(card.base + card.points(x).sum(1)), card.predict(x))
    features, weights = card.terms(x)
    assert features.shape == (len(x), len(weights)) and np.allclose(expit(card.base + features @ weights), card.predict(x))
    assert np.allclose(card.resampled(x[:5]), expit(card.bases[:, None] + card.resampled_points(x[:5]).sum(2)))


def test_points_of_a_column_depend_on_nothing_else(parts, coder, card):
    one, other = parts[2].table.iloc[[0]], parts[2].table.iloc[[1]].assign(Income=parts[2].table.Income.iloc[0])
    column = list(CREDIT_NUMBERS).index("Income")
    assert card.points(coder.encode(one))[0, column] == pytest.approx(card.points(coder.encode(other))[0, column])


def test_training_rows_have_no_points_on_average(parts, coder):
    x = coder.encode(parts[0].table)
    assert np.allclose(Scorecard(coder).fit(x, parts[0].default).points(x).mean(0), 0, atol=1e-9)


def test_two_knots_are_plain_logistic_regression():
    """A line a number: with the same penalty off, the chances are scikit-learn's on the scores themselves."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=800), "b": rng.normal(size=800)})
    event = rng.random(800) < expit(table.a - table.b)
    coder = TableCoder(["a", "b"], []).fit(table)
    x = coder.encode(table)
    ours = Scorecard(coder, knots=2, strength=1e6).fit(x, event.to_numpy()).predict(x)
    scores = x[:, ::2].double().numpy()
    theirs = LogisticRegression(C=1e6).fit(scores, event).predict_proba(scores)[:, 1]
    assert np.allclose(ours, theirs, atol=2e-3)


def test_calibration_mends_exaggerated_chances():
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=20_000)
    event = rng.random(20_000) < expit(log_odds)
    slope, shift = platt(expit(2 * log_odds + 1), event)
    assert slope == pytest.approx(0.5, abs=0.03) and shift == pytest.approx(-0.5, abs=0.05)
    assert np.allclose(recalibrated(expit(2 * log_odds + 1), 0.5, -0.5), expit(log_odds))


# the report


def expected(assessor, parts, row, source):
    """The number under a source, worked out here from data and weights, without the code that writes reports."""
    coder, card = assessor.coder, assessor.scorecard
    x, valid = coder.encode(row), coder.encode(parts[1].table)

    def log_odds(rows, weights, base):
        columns = []
        for c in coder.columns:
            part = rows[:, c.start:c.stop].double().numpy()
            known = part.sum(1, keepdims=True) if c.categories else part[:, 1:]
            columns.append(np.hstack([part if c.categories else card.curves[c.name].transform(part[:, :1]) * known, 1 - known]))
        each = [(f * w).sum(1) for f, w in zip(columns, np.split(weights, np.cumsum([f.shape[1] for f in columns])[:-1]))]
        return np.stack(each), base

    def chance(rows, weights, base):
        each, base = log_odds(rows, weights, base)
        return expit(each.sum(0) - card.average @ weights + base)

    def surprise(rows, i):
        column, hidden = coder.columns[i], rows.clone()
        hidden[:, column.start:column.stop] = 0
        with torch.no_grad():
            said = assessor.autoencoder.decode(assessor.autoencoder.encode(hidden))[:, column.start:column.stop]
        true = rows[:, column.start:column.stop]
        return said, (-(true * said.log()).sum(1) if column.categories else (said[:, 0] - true[:, 0]) ** 2 / 2)

    weights = card.slope * card.regression.coef_[0]
    base = card.slope * card.regression.intercept_[0] + card.shift
    own, others = chance(x, weights, base)[0], chance(valid, weights, base)
    nearest = sorted(range(len(others)), key=lambda i: abs(others[i] - own))[:100]
    hits, z, n = parts[1].default[nearest].sum(), 1.96, 100
    middle, half = hits + z * z / 2, z * np.sqrt(hits * (n - hits) / n + z * z / 4)
    kind, name = source.split(".")[1], source.split(".")[-1]
    if kind in ("下限", "上限"):
        draws = [chance(x, w, b)[0] for w, b in zip(card.weights, card.bases)]
        return np.quantile(draws, 0.025 if kind == "下限" else 0.975)
    simple = {"概率": own, "相近人数": 100, "其中违约": hits, "违约率下限": (middle - half) / (n + z * z),
              "违约率上限": (middle + half) / (n + z * z)}
    if kind in simple:
        return simple[kind]
    i = [c.name for c in coder.columns].index(name)
    said, cost = surprise(x, i)
    if kind == "倍数":
        typical = np.split(card.average * weights, np.cumsum(card._owned().sum(0).astype(int))[:-1])[i].sum()
        return np.exp(log_odds(x, weights, base)[0][i, 0] - typical)
    if kind == "更不意外的占":
        known = parts[1].table[name].notna().to_numpy()
        return (surprise(valid, i)[1].numpy()[known] < cost[0].item()).mean()
    if kind == "这个值的可能":
        return np.exp(-cost[0].item())
    if kind == "猜":
        return coder.scales[name].inverse_transform(said[:1, :1].double().numpy())[0, 0]
    assert source == f"申请表.{name}"
    return row[name].iloc[0]


def test_every_number_in_a_hundred_reports_is_regenerated(parts, assessor):
    seen = set()
    for i in range(100):
        row = parts[2].table.iloc[[i]]
        report = assessor.report(row)
        digits = re.findall(r"\d[\d,.]*", str(report))
        assert len(digits) == len(report.trace)
        for number, found in zip(report.trace, digits):
            assert number.value == pytest.approx(expected(assessor, parts, row, number.source), rel=1e-4, abs=1e-6), number
            scale = 100 if "率" in number.source or number.source.split(".")[1] in (
                "下限", "上限", "更不意外的占", "这个值的可能") else 1
            step = 10.0 ** (np.floor(np.log10(number.value)) - 1) if ".倍数." in number.source else 1
            assert abs(float(found.replace(",", "").rstrip(".")) - scale * number.value) <= step, number
            seen.add(number.source.split(".")[1])
    assert seen >= {"概率", "下限", "上限", "相近人数", "其中违约", "违约率下限", "违约率上限", "倍数", "更不意外的占", "猜"}


def test_templates_hold_no_digits(parts, assessor):
    for i in range(100):
        assert not any(re.search(r"\d", s.template) for s in assessor.report(parts[2].table.iloc[[i]]).sentences)


def test_a_forged_number_is_found(parts, assessor):
    row = parts[2].table.iloc[[0]]
    report, facts = assessor.report(row), assessor.facts(row)
    assert wrong_numbers(report, facts) == []
    first = report.trace[0]
    for forged in (first._replace(printed="5"), first._replace(value=first.value + 0.01), first._replace(source="神谕")):
        assert wrong_numbers(report._replace(sentences=[Sentence("{}", (forged,))]), facts) == [forged]


def test_a_missing_value_is_named_and_its_guess_is_not_used(parts, assessor):
    row = parts[2].table[parts[2].table.Income.isna()].iloc[[0]]
    assert "没有填的：\n　收入：按其余各项会猜" in str(assessor.report(row))
    assert "申请表.Income" not in assessor.facts(row)


@pytest.mark.parametrize(("change", "words"), [
    (lambda t: t.drop(columns="Income"), "lacks the column.*Income"),
    (lambda t: t.assign(Home="castle"), "Home holds castle, never seen before"),
    (lambda t: t.assign(Amount=-5), "Amount holds -5; it cannot be below 0"),
    (lambda t: pd.concat([t, t]), "about one applicant, got 2 rows"),
])
def test_a_bad_application_gets_a_clear_answer(parts, assessor, change, words):
    with pytest.raises(ValueError, match=words):
        assessor.report(change(parts[2].table.iloc[[0]]))
