"""Homework: the sums are right or wrong as they say, and the cells show what is written."""

import numpy as np
import pytest
import torch

from aigc_lib.datasets import load_hanzi_strokes, load_mnist_digits
from aigc_lib.industries import education as edu

STROKES = load_hanzi_strokes()


def test_slips_are_what_they_are_called():
    sums = edu.make_sums(3000, wrong=0.5, seed=1)
    assert 0.46 < np.mean([item.slip != "" for item in sums]) < 0.54
    seen = {item.slip for item in sums}
    assert seen == {"", "差一", "忘了进位", "忘了退位", "抄错"}
    for item in sums:
        a, plus, b, answer = int(item.problem[:2]), item.problem[2] == "+", int(item.problem[3:5]), int(item.written[6:])
        right = a + b if plus else a - b
        copied = item.written[:6] == item.problem
        assert len(item.written) == 8 and 10 <= right <= 99
        assert {"": answer == right and copied, "差一": abs(answer - right) == 1 and copied,
                "忘了进位": plus and answer == right - 10 and a % 10 + b % 10 > 9 and copied,
                "忘了退位": not plus and answer == right + 10 and a % 10 < b % 10 and copied,
                "抄错": not copied and edu.solve(item.written[:6]) == item.written}[item.slip]


def test_sums_are_reproducible_and_none_is_wrong_when_none_may_be():
    assert edu.make_sums(20, seed=3) == edu.make_sums(20, seed=3) != edu.make_sums(20, seed=4)
    assert all(item.written == edu.solve(item.problem) for item in edu.make_sums(50, wrong=0.0))


@pytest.mark.parametrize("problem", ["", "47+25", "47-25=", "7+25=", "4７+25=", "60+60=", "20−15=", "47+25=72"])
def test_problems_that_cannot_be_marked_are_refused(problem):
    with pytest.raises(ValueError, match="47\\+25=|two digits"):
        edu.solve(problem)


def test_cells_show_the_symbols_that_were_asked_for():
    labels = torch.arange(13).repeat(5)
    lines = [item.written for item in edu.make_sums(30)]
    rows = edu.choose_cells(lines, labels, seed=2)
    assert ["".join(edu.SYMBOLS[k] for k in row) for row in labels[rows].tolist()] == lines
    assert len(rows.unique()) > 40
    assert torch.equal(rows, edu.choose_cells(lines, labels, seed=2))
    with pytest.raises(ValueError, match="no picture of '='"):
        edu.choose_cells(lines, labels[labels < 12])
    with pytest.raises(ValueError, match="'x'"):
        edu.to_numbers("4x7")


@pytest.mark.parametrize("symbol, wide, tall", [("+", True, True), ("−", True, False), ("=", True, False)])
def test_strokes_become_cells_like_those_of_mnist(symbol, wide, tall):
    x = edu.write_strokes(STROKES[edu.OPERATOR_STROKES[symbol]], 40, seed=1)
    assert x.shape == (40, 1, 28, 28) and x.dtype == torch.float32 and x.min() == -1 and x.max() == 1
    assert not torch.equal(x[0], x[1])
    inked = x[:, 0] > 0
    width, height = inked.any(1).sum(1).float().mean(), inked.any(2).sum(1).float().mean()
    assert (width > 14) == wide and (height > 14) == tall
    middle = (inked.nonzero().float().mean(0)[1:] - 13.5).abs()
    assert middle.max() < 2


def test_spoilt_cells():
    x = load_mnist_digits("test", 40)[0]
    made = {kind: edu.spoil(kind, x, STROKES, seed=1) for kind in edu.SPOILT}
    for cells in made.values():
        assert cells.shape == x.shape and cells.dtype == torch.float32 and cells.min() >= -1 and cells.max() <= 1
    ink = {kind: (cells + 1).mean().item() for kind, cells in made.items()}
    assert ink["空着"] < 0.02 and (made["涂掉"] >= x).all() and ink["涂掉"] > 1.5 * (x + 1).mean()
    left, right = made["挤了两个"].split(14, 3)
    assert torch.equal(left.roll(1, 0), right)
    with pytest.raises(ValueError, match="涂掉"):
        edu.spoil("撕了", x, STROKES)
    with pytest.raises(ValueError, match="cells must have shape"):
        edu.spoil("空着", x[0], STROKES)


def test_printed_symbols_are_all_different_and_inside_the_cell():
    x = edu.print_symbols()
    assert x.shape == (13, 1, 28, 28) and x[..., [0, -1]].max() == -1
    assert torch.cdist(x.flatten(1), x.flatten(1)).fill_diagonal_(99).min() > 5


def test_marked_sheet_draws_each_mark_and_refuses_others():
    cells = torch.zeros(3, 8, 1, 28, 28)
    figure = edu.draw_marked_sheet(cells, ["对", "错", "问"], ["", "应为 72", "请老师看"])
    texts = {text.get_text() for axis in figure.axes for text in axis.texts}
    assert texts == {"", "应为 72", "请老师看", "?"}
    edu.plt.close(figure)
    with pytest.raises(ValueError, match="3 sums"):
        edu.draw_marked_sheet(cells, ["对", "错", "好"], ["", "", ""])
