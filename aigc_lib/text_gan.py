"""A GAN that writes. A character is picked, not shifted a little, so no slope leads back through the choice.

The way round: each character is a point of a fixed table, a text a path through such points. Forward, one point is
picked; backward, the softmax over all of them lends its slope (straight-through Gumbel-softmax: Jang, Gu & Poole
2017; Maddison, Mnih & Teh 2017). Shapes: B batch, T characters of a text, V characters of the alphabet, D numbers
of a point. ``GAN`` and ``PathDiscriminator`` work on the paths (B, T, D) as they are.
"""

import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD
from torch import Tensor, nn

from aigc_lib.networks import start_lively
from aigc_lib.sequences import PathBlock


class Writer(nn.Module):
    """The generator: ``f(z)`` with z (B, latent_dim) -> paths (B, T, D), each point that of one character.

    table: (V, D), the point of each character. start: (T, V), log chances that the writer begins with, such as the
    frequencies of each place; very negative for what is never written. z holds ``mood`` numbers for
    the whole text and a die for each character of each place.
    """

    def __init__(self, table: Tensor, start: Tensor, width: int = 64, mood: int = 32):
        super().__init__()
        self.register_buffer("table", table)
        self.register_buffer("start", start)
        self.mood = mood
        self.latent_dim = mood + start.numel()
        self.spread = nn.Linear(mood, width * len(start))
        self.body = nn.Sequential(PathBlock(width, 1), PathBlock(width, 2), PathBlock(width, 6), nn.SiLU())
        self.leave = nn.Linear(width, table.shape[1])
        start_lively(self)
        nn.init.zeros_(self.leave.weight)  # until it knows better, the chances are those of ``start``
        nn.init.zeros_(self.leave.bias)

    def thrown(self, z: Tensor) -> Tensor:
        """Log chances plus what the dice say, (B, T, V): the largest is the character (Gumbel's trick)."""
        mood, dice = z.split([self.mood, self.start.numel()], dim=1)
        h = self.body(self.spread(mood).view(len(z), -1, len(self.start))).transpose(1, 2)  # (B, T, width)
        chances = self.start + (self.leave(h) @ self.table.T).float()
        even = torch.special.ndtr(dice.float()).clamp(1e-6, 1 - 1e-6).view_as(chances)
        return chances - torch.log(-torch.log(even))

    @torch.no_grad()
    def write(self, z: Tensor) -> Tensor:
        """Characters (B, T), int64."""
        return torch.cat([self.thrown(part).argmax(2) for part in z.split(100)])  # (B, T, V) would be large

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        thrown = self.thrown(z)
        soft = thrown.softmax(2)
        hard = torch.zeros_like(soft).scatter_(2, thrown.argmax(2, keepdim=True), 1.0)
        return (hard + soft - soft.detach()) @ self.table


def character_points(texts: Tensor, n_tokens: int, dim: int = 32, reach: int = 3) -> Tensor:
    """A table for ``Writer``, (n_tokens, dim): characters that keep the same company within ``reach`` lie close.

    texts: (N, T) int64. Counts of pairs, log-damped, then their leading singular vectors (Deerwester et al. 1990);
    the coordinates have mean square 1.
    """
    pairs = torch.cat([torch.stack([texts[:, k:].flatten(), texts[:, :-k].flatten()]) for k in range(1, reach + 1)], 1)
    counts = csr_array((np.ones(2 * pairs.shape[1]), torch.cat([pairs, pairs.flip(0)], 1).numpy()), (n_tokens, n_tokens))
    points = TruncatedSVD(dim, random_state=0).fit_transform(counts.tocsr().log1p())
    points = points - points.mean(0)
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-3) / dim**0.5
    return torch.from_numpy(points).float()
