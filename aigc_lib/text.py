"""Text, a character at a time: one Transformer, three ways to write with it.

``Autoregressive`` writes from left to right (Bengio et al. 2003; Vaswani et al. 2017), ``MaskedDiffusion``
fills blanks in any order (Austin et al. 2021; Sahoo et al. 2024), ``TextVAE`` writes from a latent
vector (Bowman et al. 2016). Shapes: B batch, T characters of a text, V characters of the alphabet, D width.
"""

import math
from collections import Counter
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PAD, BEGIN, END, MASK, UNKNOWN = range(5)
SPECIAL = ["", "", "", "▢", "□"]  # how each is shown


class Tokenizer:
    """Characters that occur at least ``least`` times in ``texts``, each with a number; the rest are UNKNOWN."""

    def __init__(self, texts: Iterable[str], least: int = 1):
        counts = Counter(character for text in texts for character in text)
        self.characters = SPECIAL + sorted(c for c, n in counts.items() if n >= least)
        self.numbers = {c: i for i, c in enumerate(self.characters) if i >= len(SPECIAL)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str, length: int | None = None) -> Tensor:
        """(T,) int64. With ``length``: cut off or filled up with PAD to it."""
        numbers = [self.numbers.get(character, UNKNOWN) for character in text][:length]
        return torch.tensor(numbers + [PAD] * ((length or 0) - len(numbers)), dtype=torch.int64)

    def decode(self, numbers: Tensor) -> str:
        """(T,) -> text, up to END."""
        listed = numbers.tolist()
        return "".join(self.characters[i] for i in listed[:listed.index(END) if END in listed else None])


class Block(nn.Module):
    """Attention, then a two-layer network on each position, both added to what was there. (B, T, D) -> same."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, causal: bool) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)  # (B, heads, T, D/heads)
        x = x + self.dropout(self.out(y.transpose(1, 2).reshape(b, t, d)))
        return x + self.dropout(self.feed(self.norm2(x)))


class Transformer(nn.Module):
    """``f(tokens, context)``: (B, T) int64 and optionally (B, D) -> logits (B, T, V). Vaswani et al. 2017.

    causal: each position sees only itself and what comes before. context: a vector added everywhere,
    such as a time or a latent code. The table of characters serves as input and as output.
    """

    def __init__(self, n_tokens: int, length: int, width: int = 128, depth: int = 4, heads: int = 4,
                 causal: bool = True, dropout: float = 0.1):
        super().__init__()
        self.causal, self.length = causal, length
        self.tokens, self.places = nn.Embedding(n_tokens, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(depth))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        nn.init.normal_(self.tokens.weight, std=width**-0.5)
        nn.init.normal_(self.places.weight, std=width**-0.5)

    def states(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        """(B, T) -> (B, T, D): what is known at each position, before it is turned into characters."""
        if tokens.shape[1] > self.length:
            raise ValueError(f"texts may have at most {self.length} characters, found {tokens.shape[1]}.")
        x = self.tokens(tokens) + self.places.weight[:tokens.shape[1]]
        if context is not None:
            x = x + context[:, None]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, self.causal)
        return self.norm(x)

    def forward(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        return self.read(self.states(tokens, context))

    def summary(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, D): the mean over what is known at each character; PAD is none."""
        written = (tokens != PAD)[..., None]
        return (self.states(tokens) * written).sum(1) / written.sum(1).clamp(min=1)

    def read(self, states: Tensor) -> Tensor:
        """(..., D) -> logits (..., V)."""
        return states @ self.tokens.weight.T


def choose(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One character a row, drawn from softmax(logits / temperature): (N, V) -> (N,). Never a special one but END."""
    logits = logits.float().clone()
    logits[:, [PAD, BEGIN, MASK, UNKNOWN]] = -math.inf
    return torch.multinomial((logits / temperature).softmax(1), 1, generator=generator)[:, 0]


def earlier(tokens: Tensor) -> Tensor:
    """What a writer has before it at each position: (B, T) -> (B, T), BEGIN and all but the last."""
    return F.pad(tokens, (1, 0), value=BEGIN)[:, :-1]


def nats_of(tokens: Tensor, logits: Tensor) -> Tensor:
    """-log p of each token: (B, T) and (B, T, V) -> (B, T). PAD costs nothing."""
    each = F.cross_entropy(logits.float().flatten(0, -2), tokens.flatten(), ignore_index=PAD, reduction="none")
    return each.view(tokens.shape)  # on a CPU a flat table is a fifth faster than (B, V, T)


class Autoregressive(nn.Module):
    """The chance of a text is the product of the chances of each character given those before it."""

    def __init__(self, network: Transformer):
        super().__init__()
        self.network = network

    def nats(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        """-log p(text), exactly, in nats: (B, T) -> (B,). PAD costs nothing."""
        return nats_of(tokens, self.network(earlier(tokens), context)).sum(1)

    def loss(self, tokens: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Nats a character."""
        return self.nats(tokens).sum() / (tokens != PAD).sum()

    @torch.no_grad()
    def generate(self, n: int, length: int, known: Tensor | None = None, context: Tensor | None = None,
                 temperature: float = 1.0, seed: int = 0) -> Tensor:
        """n texts (n, length).

        known: (length,) or (n, length) with MASK where the model may write; it cannot look ahead at it.
        """
        device = self.network.tokens.weight.device
        given = (torch.tensor(MASK) if known is None else known).to(device).expand(n, length)
        generator = torch.Generator(device).manual_seed(seed)
        tokens = torch.full((n, 1), BEGIN, device=device)
        for i in range(length):
            last = self.network.states(tokens, context)[:, -1]
            new = choose(self.network.read(last), temperature, generator)
            new = torch.where(given[:, i] == MASK, new, given[:, i])
            tokens = torch.cat([tokens, new[:, None]], dim=1)
        return tokens[:, 1:]


class MaskedDiffusion(nn.Module):
    """The forward process blanks each character with probability t; the network, not causal, guesses them back."""

    def __init__(self, network: Transformer):
        super().__init__()
        if network.causal:
            raise ValueError("masked diffusion looks both ways: build its Transformer with causal=False.")
        self.network = network

    def nats(self, tokens: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """An upper bound of -log p(text) in nats, for one draw of blanks a text: (B, T) -> (B,).

        Sahoo et al. 2024, equation 10, with its time t integrated out: every number of blanks from 1 to T
        is equally likely (Hoogeboom et al. 2022, equation 9). The numbers are spread evenly over the batch.
        """
        b, length = tokens.shape
        draw = torch.rand(b, length + 1, generator=generator, device=tokens.device)
        start = (torch.arange(b, device=tokens.device) / b + draw[0, -1]) % 1
        blanks = 1 + (start * length).long().clamp(max=length - 1)[:, None]  # (B, 1)
        hidden = draw[:, :length].argsort(1).argsort(1) < blanks
        known = self.network.states(torch.where(hidden, MASK, tokens))[hidden]
        each = nats_of(tokens[hidden], self.network.read(known))
        return torch.zeros(hidden.shape, device=tokens.device).masked_scatter(hidden, each).sum(1) * length / blanks[:, 0]

    def loss(self, tokens: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Nats a character, an upper bound."""
        return self.nats(tokens, generator).sum() / (tokens != PAD).sum()

    @torch.no_grad()
    def generate(self, n: int, length: int, known: Tensor | None = None, temperature: float = 1.0,
                 seed: int = 0) -> Tensor:
        """n texts (n, length), one character after the other in random order.

        known: (length,) or (n, length) with MASK where the model may write; all of it is seen from the start.
        """
        device = self.network.tokens.weight.device
        generator = torch.Generator(device).manual_seed(seed)
        tokens = (torch.tensor(MASK) if known is None else known).to(device).expand(n, length).clone()
        order = torch.rand(n, length, generator=generator, device=device)
        while len(rows := (tokens == MASK).any(1).nonzero()[:, 0]):
            place = order[rows].where(tokens[rows] == MASK, math.inf).argmin(1)
            here = self.network.states(tokens[rows])[torch.arange(len(rows)), place]
            tokens[rows, place] = choose(self.network.read(here), temperature, generator)
        return tokens


class TextVAE(nn.Module):
    """A latent vector says what the text is about, a causal Transformer writes it. Bowman et al. 2016.

    A writer that sees every earlier character learns to ignore the vector. So while training, ``hide`` of
    them are blanked, and each dimension of the code may cost ``free`` nats (Kingma et al. 2016, section C.8).
    """

    def __init__(self, encoder: Transformer, decoder: Transformer, latent_dim: int, hide: float = 0.3,
                 free: float = 0.1):
        super().__init__()
        width = encoder.tokens.embedding_dim
        self.encoder, self.writer = encoder, Autoregressive(decoder)
        self.to_code, self.from_code = nn.Linear(width, 2 * latent_dim), nn.Linear(latent_dim, width)
        self.latent_dim, self.hide, self.free = latent_dim, hide, free

    def posterior(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | text), each (B, latent_dim)."""
        mean, log_variance = self.to_code(self.encoder.states(tokens).mean(1)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 8)

    def encode(self, tokens: Tensor) -> Tensor:
        return self.posterior(tokens)[0]

    def decode(self, z: Tensor, length: int, temperature: float = 1.0, seed: int = 0) -> Tensor:
        return self.writer.generate(len(z), length, context=self.from_code(z), temperature=temperature, seed=seed)

    def terms(self, tokens: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """The two terms of -ELBO in nats a text, for one draw of z: (rebuilding (B,), KL (B, latent_dim))."""
        mean, log_variance = self.posterior(tokens)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        context = self.from_code(mean + (log_variance / 2).exp() * noise)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
        if not self.training:
            return self.writer.nats(tokens, context), kl
        hidden = torch.rand(tokens.shape, generator=generator, device=tokens.device) < self.hide
        before = earlier(torch.where(hidden, MASK, tokens))
        return nats_of(tokens, self.writer.network(before, context)).sum(1), kl

    def loss(self, tokens: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """-ELBO in nats a character, with free nats."""
        rebuilding, kl = self.terms(tokens, generator)
        return (rebuilding.sum() + len(tokens) * kl.mean(0).clamp(min=self.free).sum()) / (tokens != PAD).sum()

    @torch.no_grad()
    def nats(self, tokens: Tensor, draws: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """An upper bound of -log p(text) in nats, the tighter the more draws of z: (B, T) -> (B,). Burda et al. 2016."""
        mean, log_variance = self.posterior(tokens)
        weights = []
        for _ in range(draws):
            noise = torch.randn(mean.shape, generator=generator, device=mean.device)
            z = mean + (log_variance / 2).exp() * noise
            log_ratio = (noise.square() + log_variance - z.square()).sum(1) / 2  # log p(z) - log q(z | text)
            weights.append(log_ratio - self.writer.nats(tokens, self.from_code(z)))
        return math.log(draws) - torch.stack(weights).logsumexp(0)

    @torch.no_grad()
    def generate(self, n: int, length: int, temperature: float = 1.0, seed: int = 0) -> Tensor:
        """n texts (n, length) from z ~ N(0, I)."""
        device = self.to_code.weight.device
        z = torch.randn(n, self.latent_dim, generator=torch.Generator(device).manual_seed(seed), device=device)
        return self.decode(z, length, temperature, seed)
