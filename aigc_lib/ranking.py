"""How good is a list of recommendations? Hits near its top, and how much of the catalogue it opens up.

Scores are (B, I), one a user and item, and -inf where an item must not be recommended; ``hidden`` (B, I)
of 0 and 1 holds what the user also likes. Recall and NDCG are those of Liang et al. 2018.
"""

import torch
from torch import Tensor


def unseen(scores: Tensor, seen: Tensor) -> Tensor:
    """The scores with -inf for all that the user has already, both (B, I)."""
    return scores.masked_fill(seen > 0, -torch.inf)


def top(scores: Tensor, k: int) -> Tensor:
    """The k best items of each user, best first: (B, I) -> (B, k). Of equals, the earlier one."""
    if scores.ndim != 2 or not 1 <= k <= scores.shape[1]:
        raise ValueError(f"k must be between 1 and the number of items, got k={k} for scores {tuple(scores.shape)}.")
    return torch.sort(scores, dim=1, descending=True, stable=True).indices[:, :k]


def hits(scores: Tensor, hidden: Tensor, k: int) -> Tensor:
    """Whether each of the k best items is one of the hidden: (B, k) of 0 and 1."""
    if scores.shape != hidden.shape:
        raise ValueError(f"scores and hidden must have one shape, got {tuple(scores.shape)} and {tuple(hidden.shape)}.")
    if (hidden.sum(1) == 0).any():
        raise ValueError("every user needs at least one hidden item, or there is nothing to find.")
    return hidden.gather(1, top(scores, k)).float()


def recall_at_k(scores: Tensor, hidden: Tensor, k: int) -> Tensor:
    """Share of the hidden items among the k best, (B,); 1 is reached even by users who hide more than k."""
    return hits(scores, hidden, k).sum(1) / hidden.sum(1).clamp(max=k)


def ndcg_at_k(scores: Tensor, hidden: Tensor, k: int) -> Tensor:
    """Discounted cumulative gain over its best value, (B,): place r is worth 1 / log2(r + 1)."""
    worth = 1 / torch.log2(torch.arange(2, k + 2, dtype=torch.float64))
    best = worth.cumsum(0)[hidden.sum(1).long().clamp(max=k) - 1]
    return ((hits(scores, hidden, k) @ worth.float()) / best).float()


def coverage_at_k(scores: Tensor, k: int) -> float:
    """Share of the catalogue that at least one user gets to see among the k best."""
    return len(top(scores, k).unique()) / scores.shape[1]


def novelty_at_k(scores: Tensor, train: Tensor, k: int) -> float:
    """Mean surprise of the k best, in bits: log2(users / users who like the item). Zhou et al. 2010.

    train: (U, I) of 0 and 1, in which each item has at least one user.
    """
    surprise = torch.log2(len(train) / train.sum(0))
    return surprise[top(scores, k)].mean().item()
