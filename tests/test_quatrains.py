"""What is measured about quatrains, on poems whose answers are known."""

import pytest

from aigc_lib.datasets import Poem, load_tang_quatrains
from aigc_lib.quatrains import (
    BORROWED,
    Sources,
    has_form,
    repeated,
    rhyme,
    rhymes,
    spans,
    split_by_poet,
    variety,
)

BIRD = "千山鸟飞绝，万径人踪灭。孤舟蓑笠翁，独钓寒江雪。"
SUN = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。"


@pytest.mark.parametrize("one, other, same", [
    ("流", "楼", True), ("灭", "雪", True),  # iu and ou, ie and üe
    ("诗", "思", True), ("诗", "衣", False),  # the vowel of shi is not the vowel of yi
    ("女", "绿", True), ("女", "路", False), ("雨", "奇", True),  # ü goes with i, not with u
    ("元", "山", True), ("云", "君", True), ("云", "人", True), ("归", "飞", True), ("何", "多", True), ("风", "松", True),
    ("家", "花", True), ("秋", "归", False),
])
def test_rhymes_of_characters(one, other, same):
    assert (rhyme(one) == rhyme(other)) is same


def test_rhymes_of_poems():
    assert rhymes(BIRD) and rhymes(SUN)
    assert not rhymes(SUN.replace("楼", "山"))
    assert not rhymes(SUN.replace("楼", "流")), "the same character is no rhyme"
    assert not rhymes("白日依山尽")


def test_form():
    assert has_form(BIRD)
    assert not any(map(has_form, (BIRD[:-1], BIRD.replace("，", "。"), BIRD + "。", BIRD.replace("千", "□"), "")))


def test_repetition_and_variety():
    assert repeated(BIRD) == 0 and repeated("一一一一，") == 0.75 and repeated("") == 0
    assert variety([SUN]) == 1 and variety([SUN, SUN]) == 0.5


def test_sources_find_the_longest_run_across_lines():
    sources = Sources([BIRD, SUN])
    assert sources.longest(BIRD) == BIRD.translate({ord(c): None for c in "，。"})
    assert sources.longest("今日依山水，孤舟蓑笠人。独钓寒江月，无人知此心。") == "孤舟蓑笠"
    assert sources.longest("今年依旧，人踪灭孤舟") == "人踪灭孤舟"
    assert sources.longest("") == ""


def test_split_keeps_poets_apart_and_unnamed_ones_to_learn_from():
    poems = load_tang_quatrains()
    learnt, chosen, scored = split_by_poet(poems, seed=3)
    authors = [{poem.author for poem in poems if poem.text in set(texts)} for texts in (learnt, chosen, scored)]
    assert not (authors[0] & authors[1] or authors[0] & authors[2] or authors[1] & authors[2])
    assert "不详" in authors[0] and "无名氏" in authors[0]
    assert not spans(learnt, BORROWED) & spans(scored, BORROWED)
    assert 0.12 < len(scored) / len(poems) < 0.18 and 0.06 < len(chosen) / len(poems) < 0.14
    assert scored != split_by_poet(poems, seed=4)[2] and scored == split_by_poet(poems, seed=3)[2]


def test_a_poem_that_is_there_twice_is_not_scored():
    poems = [Poem(f"诗人{i}", SUN if i % 2 else BIRD) for i in range(40)]
    learnt, chosen, scored = split_by_poet(poems, seed=0)
    assert learnt and not chosen and not scored
