"""Is a picture a copy of one in the training set, although it was moved, mirrored or recoloured?

A pixel distance cannot tell: a copy in other colours is farther away than an honest picture. So pictures are
compared as drawings (where are edges, whatever their colours), in every small shift; and how near is too near
is judged beside how near the training pictures lie to each other.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_lib.checks import check_tensor


def drawing(x: Tensor) -> Tensor:
    """Where the edges are, whatever the colours, softened: (N, C, H, W) -> (N, 1, H, W)."""
    down = F.pad(x, (0, 0, 1, 1), mode="replicate").diff(dim=2).square()  # (N, C, H + 1, W)
    across = F.pad(x, (1, 1, 0, 0), mode="replicate").diff(dim=3).square()  # (N, C, H, W + 1)
    edges = (down[:, :, 1:] + down[:, :, :-1] + across[..., 1:] + across[..., :-1]).sum(1, keepdim=True).sqrt()
    return F.avg_pool2d(edges, 3, stride=1, padding=1)


def likeness(x: Tensor, training: Tensor, reach: int = 3, look: Callable[[Tensor], Tensor] = drawing) -> Tensor:
    """Correlation of two pictures in their best position, shifted by up to ``reach`` or mirrored: (N, M) in [-1, 1].

    look: what is compared, (N, C, H, W) -> (N, K, H, W). An empty picture is like nothing: 0.
    """
    target = _standard(look(training)).flatten(1).T
    best = torch.full((len(x), len(training)), -1.0)
    for view in (x, x.flip(-1)):
        wide = F.pad(look(view), (reach,) * 4, mode="replicate")
        for down in range(2 * reach + 1):
            for right in range(2 * reach + 1):
                moved = _standard(wide[..., down:down + x.shape[2], right:right + x.shape[3]])
                best = torch.maximum(best, moved.flatten(1) @ target)
    return best


def _standard(x: Tensor) -> Tensor:
    """Each picture with mean 0 and length 1."""
    flat = x.flatten(1)
    return F.normalize(flat - flat.mean(1, keepdim=True), dim=1).view_as(x)


class CopyCheck:
    """Stops pictures that are too near a training picture.

    ``strangeness`` divides the distance to a training picture by that picture's own distance to its nearest
    fellow: among a hundred round yellow faces, being like one is no sign of copying. About
    ``false_alarms`` of honest new pictures are stopped too. After Meehan et al. 2020, who compare such distances.
    """

    def __init__(self, false_alarms: float = 0.05, reach: int = 3, look: Callable[[Tensor], Tensor] = drawing):
        self.false_alarms, self.reach, self.look = false_alarms, reach, look

    def fit(self, training: Tensor, held_out: Tensor) -> "CopyCheck":
        """training: what may be copied; held_out: honest new pictures, which set the limit. Both (N, C, H, W)."""
        check_tensor(training, "training", (None,) * 4)
        if len(training) < 2:
            raise ValueError("training needs at least two pictures: how far they lie from each other is the yardstick.")
        self.training = training
        fellows = 1 - likeness(training, training, self.reach, self.look)
        self.room = fellows.fill_diagonal_(torch.inf).min(1).values.clamp(min=1e-3)  # (M,)
        self.limit = self.strangeness(held_out)[0].quantile(self.false_alarms).item()
        return self

    def strangeness(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """0 for a copy, about 1 for an honest picture; and the training picture it comes nearest to: (N,), (N,)."""
        check_tensor(x, "pictures", (None, *self.training.shape[1:]))
        return ((1 - likeness(x, self.training, self.reach, self.look)) / self.room).min(1)

    def stops(self, x: Tensor) -> Tensor:
        """Which pictures are too near a training picture: (N,) bool."""
        return self.strangeness(x)[0] <= self.limit
