"""The font covers what the course writes, what it lacks is found, and roles differ without colour."""

import re
import warnings

import matplotlib.pyplot as plt
import pytest

from aigc_lib import plotting, style
from aigc_lib.datasets import FASHION_CLASSES, load_timeline

pytestmark = pytest.mark.usefixtures("fresh_figures")


def test_font_covers_the_course_text():
    works = load_timeline()
    texts = [*FASHION_CLASSES, *(text for work in works for text in work if isinstance(text, str)),
             "，。；：“”‘’（）《》、—…·％℃−±×÷≤≥≈→←↑↓∈σμεΣ∇∞√∂∫²³½①⑩✓✗", "熵嘈瞰瑕阈赝渲噪嵌囊", "x̂ x₀ ℝ ᵀ"]
    assert {text: found for text in texts if (found := plotting.missing_glyphs(text))} == {}


def test_all_of_gb2312_is_in_the_bundled_font():
    pairs = (bytes([row, cell]) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    hanzi = "".join(pair.decode("gb2312", errors="ignore") for pair in pairs)
    assert len(hanzi) == 6763
    cover = style.font_manager.get_font(str(style.FONT_FILE)).get_charmap()
    assert [character for character in hanzi if ord(character) not in cover] == []


def test_a_missing_glyph_is_found():
    assert plotting.missing_glyphs("龘字") == {"龘"}
    assert plotting.missing_glyphs("噪声 $x_龘$") == {"龘"}
    assert plotting.missing_glyphs("噪声 $x_t$ 与 −1\n第二行") == set()


def test_missing_glyphs_agrees_with_matplotlib(caplog):
    for text, absent in {"噪声": set(), "龘": {"龘"}, "噪声 $\\sigma$ −1": set(), "噪声 $\\sigma_龘$": {"龘"}}.items():
        caplog.clear()
        fig = plt.figure()
        fig.text(0.5, 0.5, text)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            plotting.png(fig)
        complained = bool(caught) or "does not have a glyph" in caplog.text
        assert complained == bool(absent), text
        assert plotting.missing_glyphs(text) == absent


def test_a_chinese_character_in_mathtext_is_judged_as_matplotlib_draws_it(caplog):
    fig = plt.figure()
    fig.text(0.5, 0.5, "$x_图$")
    plotting.png(fig)
    drawn = "does not have a glyph" not in caplog.text
    assert (plotting.missing_glyphs("$x_图$") == set()) == drawn


def test_font_says_who_made_it_and_has_its_own_name():
    names = {n.nameID: n.toUnicode() for n in _ttfont()["name"].names}
    assert (names[1], names[4], names[6]) == ("AIGC Sans SC", "AIGC Sans SC", "AIGCSansSC-Regular")
    assert "Adobe" in names[0]
    assert "SIL Open Font License" in names[13]
    assert not any("Noto" in names[i] or "Source" in names[i] for i in (1, 2, 3, 4, 6))
    assert "SIL OPEN FONT LICENSE Version 1.1" in (style.FONT_FILE.parent / "OFL.txt").read_text(encoding="utf-8")
    assert style.FONT_FILE.stat().st_size < 1_700_000


def _ttfont():
    from fontTools.ttLib import TTFont

    return TTFont(style.FONT_FILE)


def test_missing_font_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "FONT_FILE", tmp_path / "gone.otf")
    with pytest.raises(FileNotFoundError, match="gone.otf is missing"):
        style._register_font.__wrapped__()


def test_roles_differ_without_colour():
    roles = list(plotting.COLORS)
    assert list(plotting.MARKERS) == list(plotting.LINESTYLES) == roles
    assert set(plotting.HATCHES) == set(roles)
    for mapping in (plotting.COLORS, plotting.MARKERS, plotting.LINESTYLES):
        assert len({str(value) for value in mapping.values()}) == len(roles)
    assert len({plotting.HATCHES[role] for role in ("model", "baseline", "document", "accent", "second")}) == 5
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in plotting.COLORS.values())


def test_style_is_taken_twice_without_harm():
    plotting.use_style()
    assert plt.rcParams["font.family"] == ["AIGC Sans SC", "DejaVu Sans"]
