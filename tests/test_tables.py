"""Mixed tables as vectors, and the autoencoder that rebuilds them."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from aigc_lib.autoencoder import TableAutoencoder
from aigc_lib.networks import mlp
from aigc_lib.tables import TableCoder
from aigc_lib.training import train


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    income = rng.lognormal(3, 1, 400)
    income[:40] = np.nan
    home = pd.Series(rng.choice(["own", "rent", "other"], 400)).mask(rng.random(400) < 0.1)
    return pd.DataFrame({"income": income, "age": rng.integers(18, 70, 400), "home": home})


@pytest.fixture
def coder(table):
    return TableCoder(["income", "age"], ["home"], lowest={"income": 0}).fit(table)


def test_round_trip_gives_back_what_was_known(table, coder):
    x = coder.encode(table)
    back = coder.decode(x)
    inside = table.income.between(*table.income.quantile([0.01, 0.99]))  # the outermost scores are clipped
    assert x.shape == (400, 2 + 2 + 3) and coder.size == 7
    assert np.allclose(back.income[inside], table.income[inside], rtol=1e-3)
    assert (back.home[table.home.notna()] == table.home.dropna()).all()


def test_missing_is_nothing_at_all(table, coder):
    x = coder.encode(table)
    assert (x[:40, :2] == 0).all() and (x[40:, 1] == 1).all()
    assert (x[torch.tensor(table.home.isna())][:, 4:] == 0).all()


def test_a_skewed_number_becomes_a_normal_score(table, coder):
    score = coder.encode(table)[40:, 0]
    assert score.mean().abs() < 0.05 and (score.std() - 1).abs() < 0.05


@pytest.mark.parametrize(("change", "words"), [
    (lambda t: t.drop(columns="age"), "lacks the column.*age"),
    (lambda t: t.assign(income=-1.0), "income holds -1; it cannot be below 0"),
    (lambda t: t.assign(home="castle"), "home holds castle, never seen before"),
    (lambda t: t.assign(age="old"), "age must hold numbers, found"),
    (lambda t: t.assign(age=np.inf), "age holds an infinite"),
    (lambda t: t.iloc[:0], "no rows"),
])
def test_bad_rows_get_a_clear_answer(table, coder, change, words):
    with pytest.raises(ValueError, match=words):
        coder.encode(change(table))


def test_a_constant_or_empty_column_cannot_be_learnt(table):
    for value in (3.0, np.nan):
        with pytest.raises(ValueError, match="age holds the same value in every row"):
            TableCoder(["income", "age"], ["home"]).fit(table.assign(age=value))


def test_rows_of_another_width_cannot_be_decoded(coder):
    with pytest.raises(ValueError, match=r"shape \(any, 7\), found \(2, 6\)"):
        coder.decode(torch.zeros(2, 6))


# the autoencoder


class Says(nn.Module):
    """A decoder that always says the same."""

    def __init__(self, raw):
        super().__init__()
        self.raw = torch.tensor(raw)

    def forward(self, z):
        return self.raw.expand(len(z), -1)


def test_costs_are_half_squares_and_cross_entropies_of_the_known(table, coder):
    model = TableAutoencoder(nn.Identity(), Says([0.5, 9.0, -1.0, 9.0, 0.0, 0.0, np.log(2.0)]), coder.columns)
    x = torch.tensor([[1.5, 1, 0, 0, 0, 0, 1.0], [0, 0, 1.0, 1, 0, 0, 0]])  # age, then income and home, are missing
    want = torch.tensor([[0.5, 0.0, np.log(2.0)], [0.0, 2.0, 0.0]])
    assert torch.allclose(model.costs(x, x), want.float())
    assert torch.allclose(model.score(x), want.float().mean(1))
    assert torch.allclose(model.decode(x)[0], torch.tensor([0.5, 1, -1, 1, 0.25, 0.25, 0.5]))


def test_surprise_is_high_where_a_value_contradicts_the_others():
    """The second category always repeats the first: a row in which it does not is surprising in both."""
    first = np.random.default_rng(0).choice(["a", "b"], 2000)
    coder = TableCoder([], ["first", "second"]).fit(pd.DataFrame({"first": first, "second": first}))
    torch.manual_seed(0)
    model = TableAutoencoder(mlp([4, 16, 2]), mlp([2, 16, 4]), coder.columns, hide=0.5)
    for _ in train(model, coder.encode(pd.DataFrame({"first": first, "second": first})), 400, lr=1e-2, weight_decay=0):
        pass
    agree, differ = model.surprises(coder.encode(pd.DataFrame({"first": ["a", "a"], "second": ["a", "b"]})))
    assert agree.max() < 0.2 and differ.min() > 1.5
