"""Guard rails: one clear sentence about a wrong input, before any training starts."""

import torch
from torch import Tensor


def check_tensor(x: Tensor, name: str, shape: tuple[int | None, ...] | None = None,
                 low: float | None = None, high: float | None = None) -> None:
    """Raise ``TypeError`` or ``ValueError`` unless x is a finite, non-empty float tensor as described.

    ``shape`` uses None for "any size"; ``low`` and ``high`` bound the values (inclusive).
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        found = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name} must be a float tensor, found {found}; convert it with torch.as_tensor(x).float().")
    if x.numel() == 0:
        raise ValueError(f"{name} is empty (shape {tuple(x.shape)}); give at least one example.")
    if shape is not None and (x.ndim != len(shape) or any(s not in (None, n) for s, n in zip(shape, x.shape))):
        wanted = ", ".join("any" if s is None else str(s) for s in shape)
        raise ValueError(f"{name} must have shape ({wanted}), found {tuple(x.shape)}.")
    if not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).sum())
        raise ValueError(f"{name} holds {bad} NaN or infinite values; remove or fill them first.")
    if (low is not None and x.min() < low) or (high is not None and x.max() > high):
        raise ValueError(f"{name} must lie in [{low}, {high}], found [{x.min():.3g}, {x.max():.3g}]; rescale it.")


def check_labels(labels: Tensor, n: int, n_classes: int | None = None) -> None:
    """Raise unless labels is an int64 tensor (n,) with values in [0, n_classes)."""
    if labels.dtype != torch.int64 or labels.shape != (n,):
        raise ValueError(f"labels must be int64 of shape ({n},), found {labels.dtype} {tuple(labels.shape)}.")
    if n_classes is not None and (labels.min() < 0 or labels.max() >= n_classes):
        raise ValueError(f"labels must lie in [0, {n_classes - 1}], found [{labels.min()}, {labels.max()}].")
