"""Networks for paths: several numbers a step, step after step, such as the daily returns of some stocks.

Shapes: B batch, T steps, D numbers a step. Paths are float tensors (B, T, D).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_lib.networks import start_lively

DILATIONS = (1, 2, 4, 8)  # together a step sees 15 steps before it and 15 after it


class PathBlock(nn.Module):
    """A convolution over every ``dilation``-th step, with a skip. (B, C, T) -> (B, C, T). Bai et al. 2018."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.wide = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(F.silu(self.wide(F.silu(x)))) / 2


class PathGenerator(nn.Module):
    """A GAN's generator: ``f(z)`` with z (B, latent_dim) -> paths (B, T, D), each step noise times a volatility.

    z holds ``mood`` numbers for the whole path, then T x D numbers, the noise. It starts as the noise itself, with
    constant volatility, so data should be scaled to variance 1 and no correlation. After the stochastic
    volatility network of Wiese et al. 2020 (Quant GANs).
    """

    def __init__(self, steps: int, dim: int, width: int = 32, mood: int = 8, dilations: Sequence[int] = DILATIONS):
        super().__init__()
        self.steps, self.dim, self.mood = steps, dim, mood
        self.latent_dim = mood + steps * dim
        self.body = nn.Sequential(nn.Conv1d(dim + mood, width, 1), *(PathBlock(width, d) for d in dilations), nn.SiLU())
        self.shape, self.volatility = nn.Conv1d(width, dim, 1), nn.Conv1d(width, dim, 1)  # its logarithm
        start_lively(self)
        with torch.no_grad():
            self.shape.weight.mul_(0.1)
            self.volatility.weight.mul_(0.1)

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        mood, noise = z.split([self.mood, self.steps * self.dim], dim=1)
        noise = noise.view(len(z), self.dim, self.steps)
        h = self.body(torch.cat([noise, mood[:, :, None].expand(-1, -1, self.steps)], dim=1))
        volatility = self.volatility(h).clamp(-3, 3).exp()
        return (volatility * (noise + self.shape(h))).transpose(1, 2)


class PathDiscriminator(nn.Module):
    """``f(x)``: paths (B, T, D) -> one score a path (B,), higher for "real"; the mean of what each step looks like."""

    def __init__(self, dim: int, width: int = 48, dilations: Sequence[int] = DILATIONS):
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(dim, width, 1), *(PathBlock(width, d) for d in dilations), nn.SiLU())
        self.score = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))
        start_lively(self)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.score(self.body(x.transpose(1, 2).asinh()).mean(2))[:, 0]
