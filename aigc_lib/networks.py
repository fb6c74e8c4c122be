"""The networks that every chapter shares: plain stacks of layers.

Shapes: B batch, C channels, H and W picture height and width, D width of a hidden vector.
Pictures are float tensors (B, C, H, W) in [-1, 1]; labels are int64 (B,), and -1 means "no label".
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mlp(sizes: Sequence[int], activation: type[nn.Module] = nn.SiLU) -> nn.Sequential:
    """Linear layers ``sizes[0] -> ... -> sizes[-1]`` with an activation between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


def time_features(t: Tensor, dim: int) -> Tensor:
    """Sines and cosines of a time in [0, 1]: (B,) -> (B, dim). Vaswani et al. 2017, section 3.5."""
    frequencies = torch.exp(torch.linspace(0, math.log(1000), dim // 2, device=t.device))
    angles = t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class LabelEmbedding(nn.Module):
    """A vector a label; label -1 ("no label") has one of its own. (B,) int64 -> (B, D)."""

    def __init__(self, n_classes: int, dim: int):
        super().__init__()
        self.n_classes = n_classes
        self.table = nn.Embedding(n_classes + 1, dim)

    def forward(self, label: Tensor | None, batch: int) -> Tensor:
        if label is None:
            label = torch.full((batch,), -1, device=self.table.weight.device)
        return self.table(torch.where(label < 0, self.n_classes, label))


class ControlEmbedding(nn.Module):
    """A vector for some numbers, each scaled to [-1, 1], in place of a label. (B, K) float -> (B, D)."""

    def __init__(self, n_controls: int, dim: int, width: int = 64):
        super().__init__()
        self.n_controls = n_controls
        self.body = mlp([n_controls, width, dim])

    def forward(self, controls: Tensor | None, batch: int) -> Tensor:
        if controls is None or controls.shape != (batch, self.n_controls):
            raise ValueError(f"this network is steered by {self.n_controls} numbers: pass cond of shape ({batch}, "
                             f"{self.n_controls}), found {None if controls is None else tuple(controls.shape)}.")
        return self.body(controls)


class LabelledMLP(nn.Module):
    """An ``mlp`` that also sees a label: ``f(x, cond)`` with x (B, sizes[0]) -> (B, sizes[-1]), or (B,) for a score.

    A score is an output of size 1. last: applied to the output, such as ``nn.Tanh()`` for pixels.
    """

    def __init__(self, sizes: Sequence[int], n_classes: int = 0, context: int = 16,
                 activation: type[nn.Module] = nn.SiLU, last: nn.Module | None = None):
        super().__init__()
        self.label = LabelEmbedding(n_classes, context)
        self.body = mlp([sizes[0] + context, *sizes[1:]], activation)
        self.last = last or (nn.Flatten(0) if sizes[-1] == 1 else nn.Identity())

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.last(self.body(torch.cat([x, self.label(cond, len(x))], dim=1)))


class ConditionalMLP(nn.Module):
    """A denoiser or generator for points: ``f(x, t, cond)`` with x (B, D) and t (B,) in [0, 1].

    condition: embeds cond in place of a label table, ``f(cond, B)`` -> (B, width), such as a ``ControlEmbedding``.
    """

    def __init__(self, dim: int, width: int = 128, depth: int = 3, n_classes: int = 0,
                 condition: nn.Module | None = None):
        super().__init__()
        self.label = condition or LabelEmbedding(n_classes, width)
        self.time = mlp([64, width, width])
        self.first = nn.Linear(dim, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, dim)

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        h = self.first(x)
        context = self.time(time_features(t, 64)) + self.label(cond, len(x))
        for layer in self.hidden:
            h = h + layer(F.silu(h + context))
        return self.last(F.silu(h))


def with_coordinates(x: Tensor) -> Tensor:
    """Tell a convolution where it is: two more channels, from -1 to 1 down and across. Liu et al. 2018."""
    b, _, h, w = x.shape
    down = torch.linspace(-1, 1, h, device=x.device, dtype=x.dtype)[:, None].expand(b, 1, h, w)
    across = torch.linspace(-1, 1, w, device=x.device, dtype=x.dtype).expand(b, 1, h, w)
    return torch.cat([x, down, across], dim=1)


def _beside(x: Tensor, given: Tensor | None) -> Tensor:
    """x and the given picture as one: (B, C, H, W), (B, G, H, W) -> (B, C + G, H, W)."""
    if given is None or given.shape[2:] != x.shape[2:]:
        raise ValueError(f"this network also looks at a given picture: pass it as cond, (B, channels, {x.shape[2]}, "
                         f"{x.shape[3]}), found {None if given is None else tuple(given.shape)}.")
    return torch.cat([x, given], dim=1)


class ResBlock(nn.Module):
    """Two 3x3 convolutions with a skip; the context (B, D) scales and shifts in between (FiLM)."""

    def __init__(self, channels: int, context: int):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(context, 2 * channels)
        nn.init.zeros_(self.conv2.weight)  # every block starts as the identity
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:  # (B, C, H, W), (B, D)
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.film(context)[:, :, None, None].chunk(2, dim=1)
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return x + h


class SelfAttention(nn.Module):
    """Every position looks at every other one. (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int, heads: int = 4):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).view(b, 3, self.heads, c // self.heads, h * w)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # each (B, heads, H*W, C/heads)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.transpose(-1, -2).reshape(b, c, h, w))


class UNet(nn.Module):
    """The denoiser of a diffusion model: ``f(x, t, cond)`` -> a picture like x.

    x (B, C, H, W) with H and W divisible by ``4 * patch // 2``; t (B,) in [0, 1]; cond (B,) or None.
    Works on ``patch x patch`` pixels at a time, at two resolutions, which is what makes it
    trainable on a laptop. Ronneberger et al. 2015; Dhariwal & Nichol 2021 for the conditioning.

    condition: embeds cond in place of a label table, ``f(cond, B)`` -> (B, context), such as a ``CaptionEmbedding``.
    given: channels of a picture (B, given, H, W) that is passed as cond and seen beside x (Saharia et al. 2022).
    """

    def __init__(self, channels: int = 1, widths: tuple[int, int] = (48, 96), blocks: tuple[int, int] = (1, 2),
                 n_classes: int = 0, patch: int = 2, context: int = 128, condition: nn.Module | None = None,
                 given: int = 0):
        super().__init__()
        outer, inner = widths
        self.patch, self.given = patch, given
        self.label = condition or LabelEmbedding(n_classes, context)
        self.time = mlp([64, context, context])
        self.enter = nn.Conv2d((channels + given) * patch**2 + 2, outer, 3, padding=1)
        self.before = nn.ModuleList(ResBlock(outer, context) for _ in range(blocks[0]))
        self.down = nn.Conv2d(outer, inner, 2, stride=2)
        self.middle = nn.ModuleList(ResBlock(inner, context) for _ in range(blocks[1]))
        self.attention = SelfAttention(inner)
        self.up = nn.ConvTranspose2d(inner, outer, 2, stride=2)
        self.after = nn.ModuleList(ResBlock(outer, context) for _ in range(blocks[0]))
        self.leave = nn.Conv2d(outer, channels * patch**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        if self.given:
            x, cond = _beside(x, cond), None
        context = F.silu(self.time(time_features(t, 64)) + self.label(cond, len(x)))  # (B, D)
        h = self.enter(with_coordinates(F.pixel_unshuffle(x, self.patch)))  # (B, outer, H/2, W/2)
        for block in self.before:
            h = block(h, context)
        skip = h
        h = self.down(h)  # (B, inner, H/4, W/4)
        for i, block in enumerate(self.middle):
            h = block(h, context)
            if i == 0:
                h = self.attention(h)
        h = self.up(h) + skip
        for block in self.after:
            h = block(h, context)
        return F.pixel_shuffle(self.leave(F.silu(h)), self.patch)


class Translator(nn.Module):
    """A ``UNet`` with a ``given`` picture as a GAN's generator: ``f(z, cond)``, z (B, C*H*W) is laid out as a picture.

    C are the channels of the UNet. The output is squashed into [-1, 1]. With z = 0 it is a plain map from
    picture to picture.
    """

    def __init__(self, unet: UNet):
        super().__init__()
        self.unet = unet

    def forward(self, z: Tensor, cond: Tensor) -> Tensor:
        return self.unet(z.view(len(z), -1, *cond.shape[2:]), z.new_zeros(len(z)), cond).tanh()


class ConvEncoder(nn.Module):
    """Pictures (B, channels, side, side) -> vectors (B, n_out): two strided convolutions and a linear layer."""

    def __init__(self, n_out: int, width: int = 32, channels: int = 1, side: int = 28):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.SiLU(),   # (B, W, side/2, side/2)
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.SiLU(),  # (B, 2W, side/4, side/4)
        )
        self.linear = nn.Linear(2 * width * (side // 4) ** 2, n_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.convolutions(x).flatten(1))


class ConvDecoder(nn.Module):
    """Vectors (B, n_in) -> pictures (B, channels, side, side) in [-1, 1]: the encoder's mirror image."""

    def __init__(self, n_in: int, width: int = 32, channels: int = 1, side: int = 28):
        super().__init__()
        self.shape = 2 * width, side // 4, side // 4
        self.linear = nn.Linear(n_in, 2 * width * (side // 4) ** 2)
        self.convolutions = nn.Sequential(
            nn.SiLU(), nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.SiLU(), nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1), nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.convolutions(self.linear(z).view(-1, *self.shape))


def start_lively(network: nn.Module) -> None:
    """Initial weights that keep the size of a signal from layer to layer (He et al. 2015).

    A GAN needs this more than others: PyTorch's default shrinks z on its way through the generator, whose
    pictures then hardly depend on z, and the game starts collapsed. Layers that start at zero stay so.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and layer.weight.any():
            nn.init.kaiming_normal_(layer.weight, a=0.2)
            nn.init.zeros_(layer.bias)


class PictureGenerator(nn.Module):
    """A GAN's generator: ``f(z, cond)`` with z (B, D) -> pictures (B, channels, side, side) in [-1, 1].

    condition: embeds cond in place of a label table, ``f(cond, B)`` -> (B, 16), such as a ``ControlEmbedding``.
    """

    def __init__(self, latent_dim: int, width: int = 32, n_classes: int = 0, context: int = 128,
                 channels: int = 1, side: int = 28, condition: nn.Module | None = None):
        super().__init__()
        self.shape = 2 * width, side // 4, side // 4
        self.label = condition or LabelEmbedding(n_classes, 16)  # quieter than z, or each class has one picture
        self.style = mlp([latent_dim + 16, context, context])
        self.start = nn.Linear(context, 2 * width * (side // 4) ** 2)
        self.coarse = nn.ModuleList(ResBlock(2 * width, context) for _ in range(2))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.fine = ResBlock(width, context)
        self.leave = nn.Conv2d(width, 4 * channels, 3, padding=1)
        start_lively(self)

    def forward(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        style = F.silu(self.style(torch.cat([z, self.label(cond, len(z))], dim=1)))  # (B, context)
        h = self.start(style).view(-1, *self.shape)
        for block in self.coarse:
            h = block(h, style)
        h = self.fine(self.up(h), style)  # (B, width, side/2, side/2)
        return F.pixel_shuffle(self.leave(F.silu(h)), 2).tanh()


class PictureDiscriminator(nn.Module):
    """``f(x, cond)``: pictures (B, channels, 28, 28) or 32x32 -> one score a picture (B,), higher for "real".

    No normalisation: it would let one picture's score depend on the rest of the batch. The label
    enters as a projection (Miyato & Koyama 2018). given: channels of a picture (B, given, 28, 28) that is
    passed as cond and looked at beside x (Isola et al. 2017). condition: as in ``PictureGenerator``, -> (B, 128).
    """

    def __init__(self, width: int = 32, n_classes: int = 0, given: int = 0, channels: int = 1,
                 condition: nn.Module | None = None):
        super().__init__()
        self.given = given
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(4 * (channels + given), width, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.LeakyReLU(0.2),          # (B, 2W, 7, 7)
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), nn.LeakyReLU(0.2),      # (B, 4W, 4, 4)
            nn.Flatten(), nn.Linear(64 * width, 128), nn.LeakyReLU(0.2),
        )
        self.label = condition or LabelEmbedding(n_classes, 128)
        self.score = nn.Linear(128, 1)
        start_lively(self)
        if condition is None:
            nn.init.normal_(self.label.table.weight, std=0.1)  # first real or fake, then which kind

    def features(self, x: Tensor) -> Tensor:
        """What the score is read from, (B, 128)."""
        return self.body(x)

    def forward(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        if self.given:
            x, cond = _beside(x, cond), None
        h = self.features(x)
        score = self.score(h)[:, 0]
        if cond is None:
            return score
        return score + (h * self.label(cond, len(x))).sum(1) / 128**0.5


class Classifier(nn.Module):
    """A small picture classifier whose last hidden layer serves as the course's feature space.

    ``features(x)``: (B, channels, H, W) -> (B, n_features); ``forward(x)``: -> logits (B, n_classes).
    """

    def __init__(self, n_classes: int = 10, n_features: int = 64, channels: int = 1):
        super().__init__()

        def stage(n_in: int, n_out: int) -> list[nn.Module]:
            return [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]

        self.body = nn.Sequential(
            *stage(channels, 32), nn.MaxPool2d(2), *stage(32, 64), nn.MaxPool2d(2),  # (B, 64, 7, 7)
            *stage(64, 128), nn.AdaptiveAvgPool2d(2), nn.Flatten(),           # (B, 512)
            nn.Dropout(0.3), nn.Linear(512, n_features), nn.ReLU(),
        )
        self.head = nn.Linear(n_features, n_classes)
        self.to(memory_format=torch.channels_last)  # a third faster on a CPU: pooling likes channels side by side

    def features(self, x: Tensor) -> Tensor:
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))

    def loss(self, x: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return F.cross_entropy(self(x), labels, label_smoothing=0.05)
