"""Recommenders that a good practitioner tries first, and the reason behind a recommendation.

All of them speak two verbs: ``fit(x)`` with x (U, I) of 0 and 1, and ``scores(seen)`` (B, I) -> (B, I) for
users who need not have been in x. Higher is better, and only the order within a row means anything.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


class Popularity:
    """The same list for everybody: what most users like."""

    def fit(self, x: Tensor) -> "Popularity":
        self.likes = x.sum(0)
        return self

    def scores(self, seen: Tensor) -> Tensor:
        return self.likes.expand(len(seen), -1)


class _Linear:
    """score of an item = sum of its weights from the items the user has."""

    weights: Tensor  # (I, I), from, to

    def scores(self, seen: Tensor) -> Tensor:
        return seen @ self.weights


class ItemKNN(_Linear):
    """Items are alike if the same users like them: the cosine, kept for each item's k most alike ones.

    shrink: takes weight from likenesses that rest on few users. Sarwar et al. 2001; Bell & Koren 2007.
    """

    def __init__(self, k: int = 100, shrink: float = 10.0):
        self.k, self.shrink = k, shrink

    def fit(self, x: Tensor) -> "ItemKNN":
        together = x.T @ x
        length = together.diagonal().sqrt()
        alike = (together / (length[:, None] * length + self.shrink).clamp(min=1e-9)).fill_diagonal_(0)
        least = alike.topk(min(self.k, len(alike)), dim=0).values[-1]
        self.weights = torch.where(alike >= least, alike, 0)
        return self


class EASE(_Linear):
    """The linear autoencoder x -> x B without a bottleneck, which may not use an item to rebuild itself.

    B minimises |x - x B|^2 + penalty |B|^2 with a zero diagonal: a closed form. Steck 2019.
    """

    def __init__(self, penalty: float = 100.0):
        self.penalty = penalty

    def fit(self, x: Tensor) -> "EASE":
        gram = x.T.double() @ x.double()
        inverse = torch.linalg.inv(gram + self.penalty * torch.eye(len(gram)))
        self.weights = (-inverse / inverse.diagonal()).fill_diagonal_(0).float()
        return self


class ImplicitALS:
    """Matrix factorisation for likes by alternating least squares: Hu, Koren & Volinsky 2008 (package implicit).

    alpha: how much more a 1 counts than a 0. A new user's vector is solved from the items seen.
    """

    def __init__(self, factors: int = 64, regularization: float = 10.0, alpha: float = 3.0, seed: int = 0):
        self.settings = {"factors": factors, "regularization": regularization, "alpha": alpha, "random_state": seed}

    def fit(self, x: Tensor) -> "ImplicitALS":
        from implicit.als import AlternatingLeastSquares  # here, because only this baseline needs it
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):  # implicit warns that it gets slow otherwise
            # a new one each time: implicit would go on from the factors of the last fit
            self.model = AlternatingLeastSquares(**self.settings, num_threads=1, use_gpu=False)
            self.model.fit(_sparse(x), show_progress=False)
        return self

    def scores(self, seen: Tensor) -> Tensor:
        users = self.model.recalculate_user(np.arange(len(seen)), _sparse(seen))
        return torch.from_numpy(np.atleast_2d(users) @ self.model.item_factors.T)


def _sparse(x: Tensor):
    from scipy.sparse import csr_matrix

    return csr_matrix(x.numpy())


def influence(scores: Callable[[Tensor], Tensor], seen: Tensor, item: int) -> Tensor:
    """How much each of a user's items adds to the score of one item: what the score loses without it, (I,).

    seen: (I,) of 0 and 1. For a linear recommender these are the exact terms of the score's sum; for any
    other they are one-at-a-time changes, and do not add up to it.
    """
    own = seen.nonzero()[:, 0]
    without = seen.repeat(len(own), 1)
    without[torch.arange(len(own)), own] = 0
    all_scores = scores(torch.cat([seen[None], without]))[:, item]
    return torch.zeros_like(seen).index_copy(0, own, all_scores[0] - all_scores[1:])
