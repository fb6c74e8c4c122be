"""The one training loop of the course. It is a generator: the caller logs, plots or stops.

    for step in train(model, (pictures, labels), steps=1000):
        if step.step % 100 == 0:
            print(step.step, step.losses)

The same script runs on one process or on many (``torchrun``); gradients are averaged over them.
"""

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_lib.checks import check_labels, check_tensor
from aigc_lib.networks import LabelEmbedding


class Step(NamedTuple):
    """What one step of training reports. seconds: since the start, without the caller's own time."""

    step: int
    seconds: float
    losses: dict[str, float]


class Player(NamedTuple):
    """Whoever learns in a model: a name, the weights it owns, and the loss it lowers."""

    name: str
    module: nn.Module
    loss: Callable[..., Tensor]


def train(model: nn.Module, data: Tensor | tuple[Tensor, ...], steps: int, *, batch_size: int = 128,
          lr: float = 2e-3, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.01,
          warmup: int = 50, decay: float = 0.5, clip: float = 1.0, ema: float | None = None,
          augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
          precision: str = "auto", device: str | None = None, seed: int = 0) -> Iterator[Step]:
    """Train ``model`` in place and yield a ``Step`` after each of ``steps`` updates.

    data: tensors with the examples along the first axis, (N, ...); a batch of each goes to the loss.
    model: has ``loss(*batch, generator=)``, or ``players()`` when several networks learn (a GAN).
    batch_size: over all processes. warmup, decay: the learning rate rises over the first ``warmup``
    steps and falls to zero over the last ``decay`` share. ema: when the loop ends or is left, the
    model holds this moving average of its weights. augment: changes a batch of the first tensor.
    precision: "auto" takes bfloat16 where it is faster, "float32" never does.
    Raises ValueError or TypeError for data that cannot be trained on, before the first step.
    """
    from accelerate import Accelerator  # here, because importing it takes longer than importing torch

    tensors = (data,) if isinstance(data, Tensor) else tuple(data)
    _check(model, tensors, steps, batch_size)
    apple = torch.backends.mps.is_available()  # its GPU lacks float64, and no run of the course was measured on it
    accelerator = Accelerator(cpu=device == "cpu" or apple)
    device = accelerator.device
    model.to(device).train()
    players = model.players() if hasattr(model, "players") else [Player("loss", model, model.loss)]
    optimizers = [torch.optim.AdamW(p.module.parameters(), lr=lr, betas=tuple(map(float, betas)),
                                    weight_decay=weight_decay, fused=True) for p in players]
    generator = torch.Generator(device).manual_seed(seed * 1000 + accelerator.process_index)
    batches = _batches(tensors, batch_size, seed, accelerator.process_index, accelerator.num_processes)
    average = MovingAverage(model, ema) if ema else None
    autocast = precision == "auto" and bfloat16_is_faster(device)
    spent, resumed = 0.0, time.perf_counter()
    try:
        for step in range(1, steps + 1):
            batch = [b.to(device) for b in next(batches)]
            if augment is not None:
                batch[0] = augment(batch[0], generator)
            rate = lr * min(1.0, step / warmup if warmup else 1.0,
                            (steps - step + 1) / (steps * decay) if decay else 1.0)
            losses = {}
            for player, optimizer in zip(players, optimizers):
                with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
                    loss = player.loss(*batch, generator=generator)
                losses[player.name] = _update(player, optimizer, loss, rate, clip, accelerator)
            if average:
                average.update(step)
            spent += time.perf_counter() - resumed
            yield Step(step, spent, losses)
            resumed = time.perf_counter()
    finally:
        if average:
            average.copy_to_model()
        model.eval()


def _update(player: Player, optimizer: torch.optim.Optimizer, loss: Tensor, rate: float, clip: float,
            accelerator) -> float:
    """One step downhill for one player; returns its loss, averaged over the processes."""
    parameters = [p for p in player.module.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for p, gradient in zip(parameters, gradients):
        p.grad = torch.zeros_like(p) if gradient is None else gradient
    if accelerator.num_processes > 1:
        flat = accelerator.reduce(torch.cat([p.grad.flatten() for p in parameters] + [loss.detach()[None]]), "mean")
        loss = flat[-1]
        for p, gradient in zip(parameters, flat[:-1].split([p.numel() for p in parameters])):
            p.grad = gradient.view_as(p)
    torch.nn.utils.clip_grad_norm_(parameters, clip)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    return loss.item()


def _batches(tensors: tuple[Tensor, ...], batch_size: int, seed: int, rank: int, world: int) -> Iterator[list[Tensor]]:
    """Endless shuffled batches; every process gets its own part of the same global batch."""
    n, generator = len(tensors[0]), torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.int64)
    while True:
        while len(order) < batch_size:
            order = torch.cat([order, torch.randperm(n, generator=generator)])
        mine, order = order[:batch_size][rank::world], order[batch_size:]
        yield [t[mine] for t in tensors]


class MovingAverage:
    """An exponential moving average of a model's weights, quick to follow at first. Polyak & Juditsky 1992."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.weights = [p for p in model.state_dict().values() if p.is_floating_point()]
        self.averages = [p.clone() for p in self.weights]

    @torch.no_grad()
    def update(self, step: int) -> None:
        keep = min(self.decay, step / (10 + step))
        for average, weight in zip(self.averages, self.weights):
            average.lerp_(weight, 1 - keep)

    @torch.no_grad()
    def copy_to_model(self) -> None:
        for average, weight in zip(self.averages, self.weights):
            weight.copy_(average)


@cache  # asked once a process, so that all its runs compute alike
def bfloat16_is_faster(device: torch.device) -> bool:
    """Whether bfloat16 saves time on this device: asked of the hardware, then of the clock.

    The best of several turns counts, in processor time: a busy moment must not change what is computed.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not torch.cpu._is_avx512_bf16_supported():
        return False  # without native instructions it is emulated, up to a hundred times slower

    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(512, 512, dtype=dtype)
        start = time.process_time()
        for _ in range(3):
            a @ a
        return time.process_time() - start

    turns = [(seconds(torch.bfloat16), seconds(torch.float32)) for _ in range(7)]
    short, long = map(min, zip(*turns))
    return short < 0.8 * long


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each picture (B, C, H, W) left to right with probability one half."""
    mirrored = torch.rand(len(x), generator=generator, device=x.device) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(-1), x)


def shift(x: Tensor, generator: torch.Generator) -> Tensor:
    """Move the whole batch (B, C, H, W) by up to two pixels each way; the edge repeats."""
    down, right = torch.randint(0, 5, (2,), generator=generator, device=x.device).tolist()
    return F.pad(x, (2, 2, 2, 2), mode="replicate")[..., down:down + x.shape[-2], right:right + x.shape[-1]]


def _check(model: nn.Module, tensors: tuple[Tensor, ...], steps: int, batch_size: int) -> None:
    if steps < 1 or batch_size < 1:
        raise ValueError(f"steps and batch_size must be at least 1, found {steps} and {batch_size}.")
    lengths = {len(t) for t in tensors}
    if len(lengths) != 1:
        raise ValueError(f"all data tensors must have the same number of examples, found {sorted(lengths)}.")
    for i, tensor in enumerate(tensors):
        if tensor.is_floating_point():
            check_tensor(tensor, f"data[{i}]")
        elif tensor.numel() == 0:
            raise ValueError(f"data[{i}] is empty; give at least one example.")
    classes = [m.n_classes for m in model.modules() if isinstance(m, LabelEmbedding)]
    if len(tensors) > 1 and tensors[1].ndim == 1 and classes:
        check_labels(tensors[1], len(tensors[0]), max(classes))
