"""Autoencoders: squeeze an example through a narrow code, then rebuild it.

``Autoencoder`` learns to rebuild (Rumelhart, Hinton & Williams 1986), from spoiled inputs if asked
(denoising: Vincent et al. 2008). ``MultinomialAutoencoder`` rebuilds a set of chosen things,
``MaskedAutoencoder`` fills the gaps of yes/no values, ``TableAutoencoder`` those of mixed tables. ``VAE``
also gives the code a known distribution, so that new examples can be drawn (Kingma & Welling 2013).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:  # only tables need pandas
    from aigc_lib.tables import Column


class Autoencoder(nn.Module):
    """encoder: x (B, ...) -> z (B, D); decoder: z -> x_hat like x.

    noise: standard deviation of the Gaussian noise added to the input while training; 0 for none.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, noise: float = 0.0):
        super().__init__()
        self.encoder, self.decoder, self.noise = encoder, decoder, noise

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error between x and what comes back."""
        spoiled = x
        if self.noise:
            spoiled = x + self.noise * torch.randn(x.shape, generator=generator, device=x.device)
        return (self.decode(self.encode(spoiled)).float() - x).square().mean()

    def score(self, x: Tensor) -> Tensor:
        """Reconstruction error of each example (B,), the usual measure of how unfamiliar it is."""
        return (self.decode(self.encode(x)) - x).square().flatten(1).mean(1)


class MultinomialAutoencoder(Autoencoder):
    """For sets of things chosen, x (B, I) of 0 and 1: softmax(decode(z)) is the chance that the next choice is i.

    encoder: (B, I) -> (B, D), gets x with length 1; decoder: (B, D) -> (B, I). hide: share of the choices that
    are hidden from the encoder while training, all of which the decoder must still name; so it learns to add
    what is missing, not to copy. The denoising autoencoder Mult-DAE of Liang et al. 2018.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, hide: float = 0.5):
        super().__init__(encoder, decoder)
        self.hide = hide

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(F.normalize(x, dim=1))

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """-log p of the choices in nats a user, the constant of the multinomial left out."""
        shown = x * (torch.rand(x.shape, generator=generator, device=x.device) >= self.hide)
        return -(x * self.decode(self.encode(shown)).float().log_softmax(1)).sum(1).mean()

    @torch.no_grad()
    def scores(self, x: Tensor) -> Tensor:
        """Log chance of each thing to be the next choice, (B, I)."""
        return self.decode(self.encode(x)).log_softmax(1)

    def score(self, x: Tensor) -> Tensor:
        """Nats a choice (B,): how unfamiliar each example is. Without any choice, 0."""
        return -(x * self.scores(x)).sum(1) / x.sum(1).clamp(min=1)


class MaskedAutoencoder(Autoencoder):
    """An autoencoder of yes/no values: x (B, J) holds 1 for yes, -1 for no and 0 for not known.

    It learns to fill gaps: in training it hides a random share of the known values, another share for each
    example, and is asked for what it cannot see (masking noise: Vincent et al. 2008; AutoRec: Sedhain et
    al. 2015). Copying the input earns nothing. decoder: z -> logits (B, J).
    """

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """The chance of a yes, (B, J), given what is known in x. Only the gaps were ever asked for in training."""
        return self.decode(self.encode(x)).float().sigmoid()

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean cross-entropy of the hidden values, in nats."""
        share = torch.rand(len(x), 1, generator=generator, device=x.device)
        seen = x * (torch.rand(x.shape, generator=generator, device=x.device) < share)
        hidden = (x != 0) & (seen == 0)
        logits = self.decode(self.encode(seen)).float()
        each = F.binary_cross_entropy_with_logits(logits, (x > 0).float(), reduction="none")
        return each[hidden].sum() / hidden.sum().clamp(min=1)


class TableAutoencoder(Autoencoder):
    """An autoencoder of table rows x (B, S) as ``aigc_lib.tables.TableCoder`` lays them out in ``columns``.

    hide: share of the columns hidden from the encoder while training, all of which must still be named; a value
    is then rebuilt from the others, not copied (masking noise: Vincent et al. 2008). decoder: z -> (B, S).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, columns: "Sequence[Column]", hide: float = 0.0):
        super().__init__(encoder, decoder)
        self.columns, self.hide = list(columns), hide
        sizes = torch.tensor([column.stop - column.start for column in self.columns])
        self.register_buffer("owner", torch.arange(len(sizes)).repeat_interleave(sizes))  # entry -> column

    def decode(self, z: Tensor) -> Tensor:
        """The rebuilt rows: a number's score, known; each category's chance."""
        raw = self.decoder(z).float()
        parts = []
        for column in self.columns:
            part = raw[:, column.start:column.stop]
            parts.append(part.softmax(1) if column.categories else torch.cat([part[:, :1], torch.ones_like(part[:, 1:])], 1))
        return torch.cat(parts, dim=1)

    def costs(self, seen: Tensor, x: Tensor) -> Tensor:
        """What rebuilding x from what is seen of it costs, (B, columns), in nats; 0 for what is missing in x.

        A number costs half its squared error (a Gaussian of variance 1, constant left out), a category -log p.
        """
        raw = self.decoder(self.encode(seen)).float()
        each = []
        for column in self.columns:
            said, true = raw[:, column.start:column.stop], x[:, column.start:column.stop]
            each.append(-(true * said.log_softmax(1)).sum(1) if column.categories
                        else true[:, 1] * (said[:, 0] - true[:, 0]).square() / 2)
        return torch.stack(each, dim=1)

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean cost of a column in nats."""
        shown = torch.rand(len(x), len(self.columns), generator=generator, device=x.device) >= self.hide
        return self.costs(x * shown[:, self.owner], x).mean()

    def score(self, x: Tensor) -> Tensor:
        """Mean cost of each row's columns, (B,): how unfamiliar the row is."""
        return self.costs(x, x).mean(1)

    @torch.no_grad()
    def surprises(self, x: Tensor) -> Tensor:
        """How unexpected each value is given all the others, (B, columns), in nats."""
        hidden = [self.costs(x * (self.owner != i), x)[:, i] for i in range(len(self.columns))]
        return torch.stack(hidden, dim=1)


class VAE(nn.Module):
    """An autoencoder whose code has the prior N(0, I).

    encoder: x (B, ...) -> (B, 2 * latent_dim), the mean and log variance of q(z | x).
    decoder: z (B, latent_dim) -> the mean of p(x | z), a Gaussian whose one variance is set to its
    best value, the mean squared error of the batch (sigma-VAE: Rybkin et al. 2021), so that no
    weight between the two terms has to be guessed. Where conditions are given, both networks get them as a
    second argument (Sohn, Lee & Yan 2015).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent_dim: int):
        super().__init__()
        self.encoder, self.decoder, self.latent_dim = encoder, decoder, latent_dim

    def posterior(self, x: Tensor, *cond: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x), each (B, latent_dim)."""
        mean, log_variance = self.encoder(x, *cond).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 8)

    def encode(self, x: Tensor, *cond: Tensor) -> Tensor:
        return self.posterior(x, *cond)[0]

    def decode(self, z: Tensor, *cond: Tensor) -> Tensor:
        return self.decoder(z, *cond)

    def terms(self, x: Tensor, generator: torch.Generator | None = None, *cond: Tensor) -> tuple[Tensor, Tensor]:
        """The two terms of -ELBO for one draw of z, in nats an example: (rebuilding, KL), scalars."""
        mean, log_variance = self.posterior(x, *cond)
        z = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=generator, device=x.device)
        variance = (self.decode(z, *cond).float() - x).square().mean()
        size = x[0].numel()
        rebuilding = size / 2 * (torch.log(2 * torch.pi * variance) + 1)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        return rebuilding, kl

    def loss(self, x: Tensor, *cond: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """-ELBO in nats a dimension of x."""
        rebuilding, kl = self.terms(x, generator, *cond)
        return (rebuilding + kl) / x[0].numel()

    @torch.no_grad()
    def generate(self, n: int, seed: int = 0) -> Tensor:
        """n new examples: draw z from the prior and decode it."""
        device = next(self.parameters()).device
        generator = torch.Generator(device).manual_seed(seed)
        return self.decode(torch.randn(n, self.latent_dim, generator=generator, device=device))
