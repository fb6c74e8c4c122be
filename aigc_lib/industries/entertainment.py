"""Entertainment. Section 4.2: a reader names what they like and gets a list with reasons and its odds."""

import difflib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from aigc_lib.interactions import show_some
from aigc_lib.ranking import hits, top, unseen
from aigc_lib.recommend import influence

FEWEST_ALIKE = 20  # users that a statement about "people like you" must rest on


class Recommendation(NamedTuple):
    """One item of a list; reasons: the reader's own items that raised its score, with by how much."""

    name: str
    reasons: list[tuple[str, float]]


def find_items(wanted: Sequence[str], names: Sequence[str]) -> tuple[list[int], list[str]]:
    """Places in ``names`` of what a reader typed, each once, and a Chinese sentence for all that is not there.

    Case and spaces do not matter, and a year in brackets may be left out if only one item is then meant.
    """
    places: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        for key in {_key(name), _key(re.sub(r"\s*\(\d{4}\)$", "", name))}:
            places.setdefault(key, []).append(i)
    found, problems = [], []
    for text in filter(None, map(str.strip, wanted)):
        here = places.get(_key(text), [])
        if len(here) == 1:
            found += here if here[0] not in found else []
        elif here:
            problems.append(f"“{text}”不止一个：{'、'.join(names[i] for i in here)}。请写全。")
        else:
            problems.append(f"没有找到“{text}”。{_suggestion(text, names, places)}")
    return found, problems


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _suggestion(text: str, names: Sequence[str], places: dict[str, list[int]]) -> str:
    key = _key(text)
    close = difflib.get_close_matches(key, places, n=3, cutoff=0.6)
    within = [k for k in places if key in k] if len(key) >= 3 else []  # a part of a long title is not "close"
    near = list(dict.fromkeys(names[i] for k in [*within[:3], *close] for i in places[k]))[:3]
    return f"是不是：{'、'.join(near)}？" if near else "它不在学过的单子里，没法据它推荐。"


def recommend(scores: Callable[[Tensor], Tensor], seen: Tensor, names: Sequence[str], k: int = 10,
              most_reasons: int = 2) -> list[Recommendation]:
    """The k best items that are not in seen (I,), each with the own items that raised its score most."""
    picks = top(unseen(scores(seen[None]), seen[None]), k)[0].tolist()
    effects = {item: influence(scores, seen, item) for item in picks}
    return [Recommendation(names[item], [(names[i], effect[i].item()) for i in effect.argsort(descending=True)
                                         [:most_reasons].tolist() if effect[i] > 0])
            for item, effect in effects.items()]


def hit_record(scores: Callable[[Tensor], Tensor], x: Tensor, shown: int, k: int, seed: int = 0) -> Tensor:
    """How many of the k best were right for users x (B, I) who show only ``shown`` of their items: (b,).

    Users who would have nothing left to guess are left out, so b <= B.
    """
    x = x[x.sum(1) > max(shown, 1)]
    if not len(x):
        return torch.zeros(0)
    seen = show_some(x, shown, seed)
    return hits(unseen(scores(seen), seen), x - seen, k).sum(1)


def list_report(items: Sequence[Recommendation], record: Tensor, shown: int) -> str:
    """The list with a reason for each item, and how often such lists were right, in Chinese."""
    lines = [] if shown else ["一样也没选：下面是大家都爱的，不是为你挑的。"]
    for place, item in enumerate(items, 1):
        because = "、".join(f"{name}（{effect:+.2g}）" for name, effect in item.reasons)
        lines.append(f"{place:2d}. {item.name}　←　{because or '它本来就热门，不是因为你选的哪一个'}")
    return "\n".join([*lines, odds(record, len(items), shown)])


def odds(record: Tensor, k: int, shown: int) -> str:
    """What a ``hit_record`` says, as one Chinese sentence."""
    if len(record) < FEWEST_ALIKE:
        return f"准不准：选了这么多的没见过的用户只有 {len(record)} 位，说不准。"
    low, high = record.quantile(torch.tensor([0.1, 0.9])).tolist()
    given = f"也只给出 {shown} 个" if shown else "也什么都没给出"
    return (f"准不准：{len(record)} 位没见过的用户{given}，{k} 个推荐里平均猜中 {record.mean():.1f} 个，"
            f"八成的人在 {low:.0f} 到 {high:.0f} 之间，{(record == 0).float().mean():.0%} 的人一个也没猜中。")
