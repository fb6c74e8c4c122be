"""Lending (chapter 6.2): decisions with a cost, reasons, and what would change them. No model code."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_predict

BAD_ACCEPTED, GOOD_REFUSED = 5, 1  # the cost matrix that comes with the German credit data (Hofmann 1994)
PROTECTED = ("status_sex", "age", "foreign")  # never a reason, and not shown to a model
LOAN_NUMBERS = ("duration", "amount")
LOAN_CATEGORIES = ("checking", "history", "purpose", "savings", "employment", "rate", "debtors", "residence",
                   "property", "other_plans", "housing", "credits", "job", "dependents", "telephone")
LOAN_NAMES = {"duration": "期限", "amount": "金额", "checking": "支票账户", "history": "信用史", "purpose": "用途",
              "savings": "存款", "employment": "现职多久", "rate": "月供占收入", "debtors": "担保人", "residence": "住了多久",
              "property": "财产", "other_plans": "别处的分期", "housing": "住房", "credits": "本行贷款", "job": "职业",
              "dependents": "要抚养的人", "telephone": "电话"}
CHECKING = ("没有支票账户", "透支", "不到 200 马克")  # what an applicant can reach now; a year of salary takes a year
SAVINGS = ("没有或不知道", "不到 100 马克", "100 到 500 马克", "500 到 1000 马克", "1000 马克以上")
MONTHS = (6, 9, 12, 15, 18, 24, 30, 36, 48)
ACTIONABLE = ("amount", "duration", "savings", "checking", "debtors", "other_plans")
MOST_PAYMENT = 1.2  # a shorter loan may cost at most this much more a month, or it is no help


def decision_cost(refused: np.ndarray, bad: np.ndarray) -> float:
    """Cost of 100 decisions: BAD_ACCEPTED for each bad loan granted, GOOD_REFUSED for each good one refused.

    refused, bad: (N,) of bool.
    """
    refused, bad = np.asarray(refused, bool), np.asarray(bad, bool)
    if refused.shape != bad.shape or not refused.size:
        raise ValueError(f"refused and bad must be of one length, at least 1; found {refused.shape} and {bad.shape}.")
    return float(100 * (BAD_ACCEPTED * (bad & ~refused) + GOOD_REFUSED * (refused & ~bad)).mean())


def cheapest_cut(risk: np.ndarray, bad: np.ndarray) -> float:
    """The cut on risk (N,) from which on to refuse, so that the decisions cost least; to be used on other rows."""
    order = np.argsort(risk, kind="stable")
    rising, is_bad = np.asarray(risk)[order], np.asarray(bad, bool)[order]
    granted_bad = np.concatenate([[0], np.cumsum(is_bad)])  # if the i lowest risks are granted
    refused_good = (~is_bad).sum() - np.concatenate([[0], np.cumsum(~is_bad)])
    cost = BAD_ACCEPTED * granted_bad + GOOD_REFUSED * refused_good
    cost[1:-1][rising[1:] == rising[:-1]] = cost.max() + 1  # equal risks are decided alike
    cuts = np.concatenate([[rising[0]], (rising[1:] + rising[:-1]) / 2, [np.inf]])
    return float(cuts[cost.argmin()])


def tune(candidates: Sequence, x: np.ndarray, bad: np.ndarray, seed: int, folds: int = 5):
    """The candidate (a scikit-learn classifier) whose held-out chances have the lowest log loss.

    Returns it fitted to all of x (N, S), with the held-out chance of bad for each row (N,).
    """
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    held_out = [cross_val_predict(model, x, bad, cv=parts, method="predict_proba")[:, 1] for model in candidates]
    best = int(np.argmin([log_loss(bad, risk) for risk in held_out]))
    return clone(candidates[best]).fit(x, bad), held_out[best]


def contributions(weights: np.ndarray, x: np.ndarray, reference: np.ndarray, columns: Sequence) -> pd.DataFrame:
    """How much each column of rows x (N, S) moves the log odds of bad away from those of ``reference`` (S,).

    weights: (S,) of a logistic regression; columns: of the ``TableCoder``. Rows add up to the whole difference.
    """
    each = weights * (x - reference)
    return pd.DataFrame({column.name: each[:, column.start:column.stop].sum(1) for column in columns})


def reachable(application: pd.Series) -> dict[str, list]:
    """What an applicant could have instead in each actionable column: less, shorter, more saved, a guarantor."""
    def later(order: Sequence[str], value: str, most: int) -> list[str]:
        return list(order[order.index(value) + 1:][:most]) if value in order else []

    return {"amount": [int(round(application.amount * share, -1)) for share in (0.9, 0.8, 0.7, 0.6, 0.5)],
            "duration": [months for months in MONTHS if months < application.duration],
            "savings": later(SAVINGS, application.savings, 2),
            "checking": later(CHECKING, application.checking, 2)[-1:],
            "debtors": ["担保人"] if application.debtors == "没有" else [],
            "other_plans": ["没有"] if application.other_plans != "没有" else []}


def alternatives(application: pd.Series, most: int = 2) -> pd.DataFrame:
    """Every application that differs in at most ``most`` actionable columns, and whose monthly payment is bearable.

    A column ``changed`` names the columns that differ. May be empty. Nothing but ACTIONABLE columns is touched.
    """
    options, rows = reachable(application), []
    for names in (group for size in range(1, most + 1) for group in combinations(ACTIONABLE, size)):
        for values in _choices([options[name] for name in names]):
            changed = {**application.to_dict(), **dict(zip(names, values)), "changed": names}
            before, after = application.amount / application.duration, changed["amount"] / changed["duration"]
            if after <= MOST_PAYMENT * before:
                rows.append(changed)
    return pd.DataFrame(rows, columns=[*application.index, "changed"])


def _choices(lists: Sequence[list]) -> list[tuple]:
    return [(*head, value) for head in _choices(lists[:-1]) for value in lists[-1]] if lists else [()]


def rarest_pair(changed: pd.Series, table: pd.DataFrame, names: Sequence[str]) -> int:
    """How many rows of ``table`` share the rarest pair of values that the change makes.

    names: columns to look at. Numbers count as equal within a quarter. ``changed.changed`` names what differs.
    """
    same = {name: (np.abs(table[name] / changed[name] - 1) <= 0.25 if name in LOAN_NUMBERS
                   else table[name] == changed[name]).to_numpy() for name in names}
    return min(int((same[a] & same[b]).sum()) for a in changed.changed for b in names if a != b)


def describe_change(before: pd.Series, after: pd.Series) -> str:
    """The change in words for the applicant."""
    words = {"amount": "少借一点：{0} 马克，不是 {1} 马克", "duration": "期限短一点：{0} 个月，不是 {1} 个月",
             "savings": "先存一笔：存款从“{1}”到“{0}”", "checking": "支票账户从“{1}”到“{0}”",
             "debtors": "找一位担保人", "other_plans": "先还清{1}的分期"}
    return "；".join(words[name].format(after[name], before[name]) for name in after.changed)


def draft_letter(application: pd.Series, pushes: pd.Series, change: str | None, most: int = 3) -> str:
    """A letter of refusal: the columns that speak most against the loan, and what would change the decision.

    pushes: a row of ``contributions``; change: from ``describe_change``, None if no change was found.
    """
    against = pushes[pushes > 0].sort_values(ascending=False)[:most]
    if taboo := [name for name in against.index if name in PROTECTED]:
        raise ValueError(f"{', '.join(taboo)} must not be a reason; leave it out of the model.")
    lines = [f"您申请 {application.amount} 马克，{application.duration} 个月。这一次我们没有批准。", "主要原因："]
    for name in against.index:
        unit = {"amount": " 马克", "duration": " 个月"}.get(name, "")
        lines.append(f"  · {LOAN_NAMES[name]}：{application[name]}{unit}" + ("" if name in ACTIONABLE else "（眼下改不了）"))
    lines.append(f"如果{change}，按今天的办法会批准。" if change
                 else "我们没有找到两步以内能改变结果的办法。请约信贷员当面谈。")
    return "\n".join([*lines, "您可以要求人工复核，也可以更正我们记错的情况。"])


def group_rates(refused: np.ndarray, bad: np.ndarray, groups: Sequence[str]) -> pd.DataFrame:
    """For each group: how many, share granted, share of its good refused, share of its bad granted (fairlearn)."""
    from fairlearn.metrics import MetricFrame, count, false_negative_rate, false_positive_rate, selection_rate

    frame = MetricFrame(metrics={"人数": count, "批准": selection_rate, "好人被拒": false_negative_rate,
                                 "坏账被批": false_positive_rate},
                        y_true=~np.asarray(bad, bool), y_pred=~np.asarray(refused, bool), sensitive_features=list(groups))
    return frame.by_group.rename_axis("")
