"""Quatrains as a reader of poems sees them: who wrote them, form, rhyme, repetition, borrowed words.

A text is four lines of five characters with their punctuation; other texts are accepted and found wanting.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from pypinyin import Style, pinyin

from aigc_lib.datasets import Poem

NOBODY = ("不详", "无名氏")  # many people under one name
FORM = re.compile(r"(?:[\u4e00-\u9fff]{5}，[\u4e00-\u9fff]{5}。){2}")
HAN = re.compile(r"[\u4e00-\u9fff]")
BORROWED = 10  # characters in a row, two whole lines: a variant of the same poem

# The fourteen rhymes of 中华新韵 (中华诗词学会, 2005), by strict pinyin finals; "-i" is the vowel of zi and zhi.
RHYMES = {final: finals[0] for finals in (
    ("a", "ia", "ua"), ("o", "e", "uo"), ("ie", "ve", "ê"), ("ai", "uai"), ("ei", "uei"), ("ao", "iao"), ("ou", "iou"),
    ("an", "ian", "uan", "van"), ("en", "in", "uen", "vn"), ("ang", "iang", "uang"), ("eng", "ing", "ong", "ueng", "iong"),
    ("i", "er", "v"), ("-i",), ("u",)) for final in finals}


def han(text: str) -> str:
    """Its Chinese characters only, without punctuation."""
    return "".join(HAN.findall(text))


def split_by_poet(poems: Sequence[Poem], seed: int, held_out: float = 0.15, validation: float = 0.1
                  ) -> tuple[list[str], list[str], list[str]]:
    """Texts to learn from, to choose settings on, and to score with: no poet is in two of them.

    The shares are of the poems, reached by whole poets in random order. Poems of unnamed poets are learnt
    from. A poem to be scored that shares ``BORROWED`` characters in a row with one to learn from is left
    out: the collection holds some poems twice, under two names.
    """
    names = sorted({poem.author for poem in poems} - set(NOBODY))
    names = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    count = {name: 0 for name in names}
    for poem in poems:
        if poem.author in count:
            count[poem.author] += 1
    before = np.cumsum([0, *count.values()])[:-1] / len(poems)
    parts = np.digitize(before, [held_out, held_out + validation])  # 0 scored, 1 chosen on, 2 learnt from
    part = dict(zip(names, parts))
    texts = [[poem.text for poem in poems if part.get(poem.author, 2) == k] for k in range(3)]
    learnt = spans(texts[2], BORROWED)
    texts[:2] = [[text for text in some if not spans([text], BORROWED) & learnt] for some in texts[:2]]
    return texts[2], texts[1], texts[0]


def spans(texts: Iterable[str], length: int) -> set[str]:
    """Every run of ``length`` Chinese characters in the texts, across line ends."""
    return {t[i:i + length] for t in map(han, texts) for i in range(len(t) - length + 1)}


class Sources:
    """The training poems, asked how much a text took from them."""

    def __init__(self, texts: Sequence[str]):
        self.spans = [spans(texts, length) for length in range(1, 21)]

    def longest(self, text: str) -> str:
        """The longest run of characters that some training poem has too; the first where several are as long."""
        text = han(text)
        for length in range(min(20, len(text)), 0, -1):
            for i in range(len(text) - length + 1):
                if text[i:i + length] in self.spans[length - 1]:
                    return text[i:i + length]
        return ""


def has_form(text: str) -> bool:
    """Four lines of five characters, punctuated 五，五。五，五。"""
    return FORM.fullmatch(text) is not None


@cache
def rhyme(character: str) -> str:
    """The rhyme of a character's most common reading today; its own self where it has none."""
    syllable = pinyin(character, style=Style.NORMAL, v_to_u=False)[0][0]
    final = pinyin(character, style=Style.FINALS, strict=True, v_to_u=False)[0][0]
    if re.fullmatch(r"(?:zh?|ch?|sh?|r)i", syllable):
        final = "-i"
    return RHYMES.get(final, character)


def rhymes(text: str) -> bool:
    """Do the second and the fourth line end on the same rhyme, without ending on the same character?"""
    text = han(text)
    return len(text) == 20 and text[9] != text[19] and rhyme(text[9]) == rhyme(text[19])


def repeated(text: str) -> float:
    """The share of characters that the same text has had before."""
    text = han(text)
    return 1 - len(set(text)) / len(text) if text else 0.0


def variety(texts: Sequence[str]) -> float:
    """Different pairs of neighbours within a line, over all such pairs; compare equal numbers of texts only."""
    pairs = [line[i:i + 2] for text in texts for line in re.split("[，。]", text) for i in range(len(line) - 1)]
    return len(set(pairs)) / len(pairs) if pairs else 0.0
