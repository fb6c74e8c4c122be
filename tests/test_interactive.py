"""Sliders: the stills show the same function, and moving a slider redraws or says why it cannot."""

import matplotlib.pyplot as plt
import pytest

from aigc_lib import plotting
from aigc_lib.interactive import explore, sliders

STEEP = {"slope": ("斜率", (-1.0, 0.0, 2.0)), "steps": ("步数", (1, 2))}


@pytest.fixture
def shown(monkeypatch):
    alts = []
    monkeypatch.setattr(plotting, "show", lambda figure, alt: (alts.append(alt), plt.close(figure)))
    monkeypatch.setattr("IPython.display.display", lambda thing: alts.append(type(thing).__name__))
    return alts


def line(slope, steps):
    if slope == 2.0 and steps == 2:
        raise ValueError("太陡")
    figure, axis = plt.subplots(figsize=(2, 1))
    axis.plot([0, slope * steps])
    return figure


def test_the_stills_come_first_then_the_sliders(shown):
    explore(line, STEEP, stills=[{"slope": -1.0, "steps": 1}, {"slope": 2.0, "steps": 1}], alt="两条线")
    assert shown == ["两条线", "VBox"]


@pytest.mark.parametrize("still, message", [
    ({"slope": 1.0, "steps": 1}, "slope can be −1, 0, 2, found 1"), ({"slope": 0.0}, "needs a value for slope, steps"),
    ({"slope": 0.0, "steps": 1, "colour": 3}, "needs a value for slope, steps, found slope, steps, colour"),
])
def test_a_still_that_no_slider_can_show_is_refused(shown, still, message):
    with pytest.raises(ValueError, match=message):
        explore(line, STEEP, stills=[still], alt="一条线")
    assert shown == []


def test_moving_a_slider_draws_again_and_an_error_becomes_a_sentence(shown, capsys):
    box = sliders(line, STEEP, {"slope": 0.0, "steps": 2})
    slope = next(child for child in box.children if getattr(child, "description", "") == "斜率")
    assert shown == [] and slope.value == 0.0
    slope.value = -1.0
    assert shown == ["斜率 −1，步数 2"]
    slope.value = 2.0
    assert len(shown) == 1 and "太陡" in capsys.readouterr().out


def test_a_contact_sheet_holds_every_figure_and_closes_them():
    open_before = len(plt.get_fignums())
    sheet = plotting.contact_sheet([line(1.0, 1), line(2.0, 1), line(0.0, 1)], ["甲", "乙", "丙"], columns=2)
    assert [text.get_text() for text in sheet.texts] == ["甲", "乙", "丙"]
    plt.close(sheet)
    assert len(plt.get_fignums()) == open_before
    with pytest.raises(ValueError, match="captions needs 1 texts, got 2"):
        plotting.contact_sheet([line(1.0, 1)], ["甲", "乙"])
