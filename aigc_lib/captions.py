"""From words to a picture and back: a caption steers a diffusion model, and a picture steers a writer.

Shapes: B batch, T characters of a caption, D width. Captions are int64 (B, T) from a ``Tokenizer``.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_lib.networks import ConvEncoder
from aigc_lib.text import PAD, Autoregressive, Transformer


class CaptionEmbedding(nn.Module):
    """Reads a caption into one vector: a small Transformer, averaged over its characters. (B, T) -> (B, D).

    A caption of -1 throughout means "no caption" and has a learned vector of its own, which is what
    guidance compares with. Pass it to a ``UNet`` as ``condition``.
    """

    def __init__(self, n_tokens: int, length: int, dim: int = 128, width: int = 64, depth: int = 2):
        super().__init__()
        self.reader = Transformer(n_tokens, length, width, depth, causal=False, dropout=0.0)
        self.out = nn.Sequential(nn.Linear(width, dim), nn.BatchNorm1d(dim))  # what captions share says nothing
        self.nothing = nn.Parameter(torch.zeros(dim))

    def forward(self, tokens: Tensor | None, batch: int) -> Tensor:
        if tokens is None:
            return self.nothing.expand(batch, -1)
        vector = self.out(self.reader.summary(tokens.clamp(min=PAD)))
        return torch.where(tokens[:, :1] < 0, self.nothing.to(vector.dtype), vector)


class Captioner(nn.Module):
    """Says what a picture shows: a convolutional encoder, then a causal Transformer. Vinyals et al. 2015.

    Pictures (B, 3, 28, 28) in [-1, 1]; captions end with END before they are filled up with PAD.
    """

    def __init__(self, n_tokens: int, length: int, width: int = 64, depth: int = 2):
        super().__init__()
        self.encoder = ConvEncoder(width, channels=3)
        self.writer = Autoregressive(Transformer(n_tokens, length, width, depth))
        self.length = length

    def loss(self, x: Tensor, tokens: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Nats a character."""
        return self.writer.nats(tokens, self.encoder(x)).sum() / (tokens != PAD).sum()

    def write(self, x: Tensor, seed: int = 0) -> Tensor:
        """The likeliest caption, a character at a time: (B, T)."""
        with torch.no_grad():
            return self.writer.generate(len(x), self.length, context=self.encoder(x), temperature=1e-3, seed=seed)


class AttributeClassifier(nn.Module):
    """One classifier for several attributes of a picture, on a shared encoder.

    sizes: number of values of each attribute. Pictures (B, 3, 28, 28); labels (B, len(sizes)) int64.
    """

    def __init__(self, sizes: Sequence[int], width: int = 32):
        super().__init__()
        self.sizes = tuple(sizes)
        self.body = nn.Sequential(ConvEncoder(128, width, channels=3), nn.SiLU(), nn.Linear(128, sum(sizes)))

    def loss(self, x: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
        logits = self.body(x).float().split(self.sizes, dim=1)
        return sum(F.cross_entropy(part, label) for part, label in zip(logits, labels.T))

    @torch.no_grad()
    def classify(self, x: Tensor) -> Tensor:
        """The likeliest value of each attribute: (B, len(sizes))."""
        return torch.stack([part.argmax(1) for part in self.body(x).split(self.sizes, dim=1)], dim=1)
