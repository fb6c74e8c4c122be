"""Two ways from a text to a shorter one: through a code, or with a look back at every character.

``Bottleneck`` squeezes the source into one vector and writes from it; with target = source it is an
autoencoder. ``Seq2Seq`` keeps all of the source and looks at it while writing (Vaswani et al. 2017); it may
also point at a character and copy it (See, Liu & Manning 2017). Shapes: B batch, S characters of the
source, T of the target, V of the alphabet, D width.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_lib.text import (
    BEGIN,
    END,
    MASK,
    PAD,
    UNKNOWN,
    Autoregressive,
    Block,
    Tokenizer,
    Transformer,
    earlier,
    nats_of,
)


def pairs_to_tokens(tokenizer: Tokenizer, sources: list[str], targets: list[str], source_length: int,
                    target_length: int) -> tuple[Tensor, Tensor]:
    """(N, source_length) and (N, target_length) int64, cut off or filled up with PAD; a target closes with END."""
    ends = [torch.cat([tokenizer.encode(t[:target_length - 1]), torch.tensor([END])]) for t in targets]
    padded = torch.stack([F.pad(t, (0, target_length - len(t)), value=PAD) for t in ends])
    return torch.stack([tokenizer.encode(s, source_length) for s in sources]), padded


@torch.no_grad()
def write_out(scores: Callable[[Tensor], Tensor], n: int, length: int, least: int = 0) -> Tensor:
    """n texts (n, length), always the likeliest character next; END not among the first ``least``.

    scores: (n, t) written so far, from BEGIN on -> (n, V) of the next character. No two characters come
    side by side twice, or short summaries go round in circles (Paulus, Xiong & Socher 2018).
    """
    tokens = torch.full((n, 1), BEGIN)
    for i in range(length):
        new = scores(tokens).float().clone()
        new[:, [PAD, BEGIN, MASK, UNKNOWN] + [END] * (i < least)] = -math.inf
        rows, places = (tokens[:, :-1] == tokens[:, -1:]).nonzero(as_tuple=True)
        new[rows, tokens[rows, places + 1]] = -math.inf
        tokens = torch.cat([tokens, new.argmax(-1, keepdim=True)], dim=1)
    return tokens[:, 1:]


class Bottleneck(nn.Module):
    """source -> one code -> target: all that the writer knows of the source is a vector (Sutskever et al. 2014).

    As in ``text.TextVAE``, while training ``hide`` of the characters written so far are blanked, or the
    writer would learn to do without the code (Bowman et al. 2016).
    """

    def __init__(self, n_tokens: int, source_length: int, target_length: int, latent_dim: int, width: int = 128,
                 depth: int = 2, dropout: float = 0.1, hide: float = 0.3):
        super().__init__()
        self.encoder = Transformer(n_tokens, source_length, width, depth, causal=False, dropout=dropout)
        self.writer = Autoregressive(Transformer(n_tokens, target_length, width, depth, dropout=dropout))
        self.writer.network.tokens = self.encoder.tokens  # one table of characters, as in Seq2Seq
        self.to_code, self.from_code = nn.Linear(width, latent_dim), nn.Linear(latent_dim, width)
        self.hide = hide

    def encode(self, source: Tensor) -> Tensor:
        """(B, S) -> (B, latent_dim): the mean over what the encoder knows at each character."""
        return self.to_code(self.encoder.summary(source))

    def decode(self, code: Tensor, length: int, least: int = 0) -> Tensor:
        """(B, latent_dim) -> (B, length); see ``write_out``."""
        context = self.from_code(code)
        return write_out(lambda tokens: self.writer.network(tokens, context)[:, -1], len(code), length, least)

    def generate(self, source: Tensor, length: int, least: int = 0) -> Tensor:
        """(B, S) -> (B, length)."""
        return self.decode(self.encode(source), length, least)

    def loss(self, source: Tensor, target: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Nats a character of the target."""
        before = earlier(target)
        if self.training:
            hidden = torch.rand(before.shape, generator=generator, device=before.device) < self.hide
            before = torch.where(hidden & (before != BEGIN), MASK, before)
        logits = self.writer.network(before, self.from_code(self.encode(source)))
        return nats_of(target, logits).sum() / (target != PAD).sum()


class CrossAttention(nn.Module):
    """Each position of x looks at a memory: (B, T, D), (B, S, D) -> x with what it found (B, T, D), looks (B, T, S)."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.norm = heads, nn.LayerNorm(width)
        self.query, self.key_value, self.out = (nn.Linear(width, n * width) for n in (1, 2, 1))
        self.dropout = nn.Dropout(dropout)
        self.follow = nn.Parameter(torch.full((heads, 1, 1), 4.0))

    def forward(self, x: Tensor, memory: Tensor, empty: Tensor, follows: Tensor) -> tuple[Tensor, Tensor]:
        """empty (B, S): where the source has no character. follows (B, T, S): 1 where a character of the source
        comes right after the one that was written last, near 0 elsewhere."""
        b, t, d = x.shape
        q = self.query(self.norm(x)).view(b, t, self.heads, -1).transpose(1, 2)
        k, v = self.key_value(memory).view(b, memory.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(2, 3)).float() / math.sqrt(d // self.heads)
        scores = scores + self.follow * follows[:, None]
        looks = scores.masked_fill(empty[:, None, None], -math.inf).softmax(-1)  # (B, heads, T, S)
        found = (looks.to(v.dtype) @ v).transpose(1, 2).reshape(b, t, d)
        return x + self.dropout(self.out(found)), looks.mean(1)


class Seq2Seq(nn.Module):
    """An encoder-decoder Transformer. Vaswani et al. 2017; the pointer is that of See, Liu & Manning 2017.

    In each layer the writer looks at the source first, then at what it has written. copies: whether the
    last layer's looks may also be used to take a character over as it is. All layers look a little more at
    what follows the character written last, as CopyNet's selective read does (Gu et al. 2016).
    """

    def __init__(self, n_tokens: int, source_length: int, target_length: int, width: int = 128, depth: int = 2,
                 heads: int = 4, dropout: float = 0.1, copies: bool = True):
        super().__init__()
        self.encoder = Transformer(n_tokens, source_length, width, depth, heads, causal=False, dropout=dropout)
        self.places = nn.Embedding(target_length, width)
        self.crosses = nn.ModuleList(CrossAttention(width, heads, dropout) for _ in range(depth))
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 1) if copies else None
        if copies:
            nn.init.constant_(self.gate.bias, 2.0)  # copies at first: looking is learnt sooner than a vocabulary
        nn.init.normal_(self.places.weight, std=width**-0.5)

    def write(self, memory: Tensor, source: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """log p of the next character at each position (B, T, V), and where the last layer looked (B, T, S)."""
        written = self.encoder.tokens(before)
        follows = written @ self.encoder.tokens(earlier(source)).transpose(1, 2)
        x = written + self.places.weight[:before.shape[1]]
        for cross, block in zip(self.crosses, self.blocks):
            x, looks = cross(x, memory, source == PAD, follows)
            x = block(x, causal=True)
        x = self.norm(x)
        own = (x @ self.encoder.tokens.weight.T).float()
        if self.gate is None:
            return own.log_softmax(-1), looks
        copies = self.gate(x).float().sigmoid()  # (B, T, 1)
        mixed = (1 - copies) * own.softmax(-1)
        mixed = mixed.scatter_add(2, source[:, None].expand_as(looks), copies * looks)
        return mixed.clamp(min=1e-9).log(), looks

    def loss(self, source: Tensor, target: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Nats a character of the target."""
        before = earlier(target)
        chances, _ = self.write(self.encoder.states(source), source, before)
        return F.nll_loss(chances.transpose(1, 2), target, ignore_index=PAD)

    def generate(self, source: Tensor, length: int, least: int = 0) -> Tensor:
        """(B, S) -> (B, length); see ``write_out``."""
        with torch.no_grad():
            memory = self.encoder.states(source)
        return write_out(lambda tokens: self.write(memory, source, tokens)[0][:, -1], len(source), length, least)

    @torch.no_grad()
    def looks(self, source: Tensor, target: Tensor) -> Tensor:
        """How much each character of a target looked at each of its source: (B, S), (B, T) -> (B, T, S)."""
        before = earlier(target)
        return self.write(self.encoder.states(source), source, before)[1]
