"""Spoil pictures so that a small data set lasts longer. Each function is ``f(x, generator)``, (B, C, H, W) -> same.

All of them let gradients through, so a GAN's generator learns although its fakes are spoiled too: Zhao et al. 2020,
who also cut holes, which needs longer training than this course has.
"""

import torch
from torch import Tensor

from aigc_lib.training import shift

GROUP = 8  # neighbours in a batch that are moved alike


def colours(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Brightness moves by up to a half of one side of the range, colourfulness and contrast by up to a half."""
    light, colourful, contrast = torch.rand(3, len(x), 1, 1, 1, generator=generator, device=x.device) - 0.5
    x = x + light
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + colourful)
    middle = x.mean((1, 2, 3), keepdim=True)
    return middle + (x - middle) * (1 + contrast)


def places(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Move each group of pictures by up to two pixels each way; the edge repeats."""
    return torch.cat([shift(part, generator) for part in x.split(GROUP)])


def spoil(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Both, one after the other."""
    return places(colours(x, generator), generator)
