"""Generative adversarial networks: one network forges, the other tells forgeries from the real thing.

Goodfellow et al. 2014. What changes between variants is the pair of losses; all of them are below. ``PairedGAN``
goes from picture to picture, ``Inverter`` from a picture back to its z.
In every one the discriminator's score is a real number, higher for "real".
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_lib.training import Player


def saturating(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The minimax game as written: (discriminator's loss, generator's loss). Goodfellow et al. 2014, eq. 1."""
    return F.softplus(-real).mean() + F.softplus(fake).mean(), -F.softplus(fake).mean()


def non_saturating(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The generator's loss with a gradient where it is losing. Goodfellow et al. 2014, section 3."""
    return F.softplus(-real).mean() + F.softplus(fake).mean(), F.softplus(-fake).mean()


def hinge(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Scores beyond the margin no longer count. Lim & Ye 2017; Miyato et al. 2018."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean(), -fake.mean()


def wasserstein(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """An estimate of the earth mover's distance. Arjovsky et al. 2017; wants the gradient penalty."""
    return fake.mean() - real.mean(), -fake.mean()


def relativistic(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Each fake is judged against a real one. Jolicoeur-Martineau 2018; Huang et al. 2024 (R3GAN)."""
    return F.softplus(fake - real).mean(), F.softplus(real - fake).mean()


LOSSES = {f.__name__: f for f in (saturating, non_saturating, hinge, wasserstein, relativistic)}


class GAN(nn.Module):
    """generator: ``f(z, cond)``, z (B, latent_dim) -> x; discriminator: ``f(x, cond)`` -> score (B,).

    loss: a name in ``LOSSES``. penalty: None, "gradient" (WGAN-GP: slope 1 between real and fake,
    Gulrajani et al. 2017) or "zero-centred" (slope 0 at real and at fake pictures: R1 of Mescheder
    et al. 2018 and its twin R2, as in R3GAN). weight: of the penalty. every: apply it in each k-th step
    only, k times as strong, which saves time (lazy regularisation: Karras et al. 2020, section 3.1).
    augment: ``f(x, generator)``, what the discriminator sees in place of x while training, real or fake alike.
    It must let gradients through; a small data set then lasts longer (Zhao et al. 2020).
    """

    def __init__(self, generator: nn.Module, discriminator: nn.Module, latent_dim: int,
                 loss: str = "relativistic", penalty: str | None = "zero-centred", weight: float = 1.0,
                 every: int = 1, augment: Callable[[Tensor, torch.Generator | None], Tensor] | None = None):
        super().__init__()
        if loss not in LOSSES or penalty not in (None, "gradient", "zero-centred"):
            raise ValueError(f"loss must be one of {list(LOSSES)} and penalty None, 'gradient' or 'zero-centred', "
                             f"found {loss!r} and {penalty!r}.")
        self.generator, self.discriminator, self.latent_dim = generator, discriminator, latent_dim
        self.losses, self.penalty, self.weight, self.every, self.turn = LOSSES[loss], penalty, weight, every, 0
        self.seen = augment or (lambda x, generator: x)

    def generate(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.generator(z, cond)

    def discriminate(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        return self.discriminator(x, cond)

    def latent(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n draws of z from N(0, I): (n, latent_dim)."""
        return torch.randn(n, self.latent_dim, generator=generator, device=next(self.parameters()).device)

    def discriminator_loss(self, x: Tensor, cond: Tensor | None = None,
                           generator: torch.Generator | None = None) -> Tensor:
        """The discriminator sees real and fake examples; the fakes are cut off from their maker."""
        with torch.no_grad():
            fake = self.generate(self.latent(len(x), generator), cond).to(x.dtype)
        penalty = self.penalty if self.turn % self.every == 0 else None
        self.turn += 1
        if penalty == "zero-centred":
            x, fake = x.clone().requires_grad_(), fake.requires_grad_()
        real_score = self.discriminate(self.seen(x, generator), cond)
        fake_score = self.discriminate(self.seen(fake, generator), cond)
        loss = self.losses(real_score, fake_score)[0]
        if penalty == "zero-centred":
            steepness = (_slope(real_score, x).square() + _slope(fake_score, fake).square()).mean() / 2
        elif penalty == "gradient":
            mix = torch.rand(len(x), *[1] * (x.ndim - 1), generator=generator, device=x.device)
            between = torch.lerp(x, fake, mix).requires_grad_()
            steepness = (_slope(self.discriminate(between, cond), between) - 1).square().mean()
        else:
            return loss
        return loss + self.weight * self.every * steepness

    def generator_loss(self, x: Tensor, cond: Tensor | None = None,
                       generator: torch.Generator | None = None) -> Tensor:
        return self._rivalry(self.generate(self.latent(len(x), generator), cond), x, cond, generator)

    def _rivalry(self, fake: Tensor, x: Tensor, cond: Tensor | None, generator: torch.Generator | None) -> Tensor:
        """What the generator pays for fakes that are found out beside the real x."""
        fake_score = self.discriminate(self.seen(fake, generator), cond)
        with torch.no_grad():
            real_score = self.discriminate(self.seen(x, generator), cond)
        return self.losses(real_score, fake_score)[1]

    def players(self) -> list[Player]:
        return [Player("discriminator", self.discriminator, self.discriminator_loss),
                Player("generator", self.generator, self.generator_loss)]

    @torch.no_grad()
    def sample(self, n: int, cond: Tensor | None = None, seed: int = 0) -> Tensor:
        """n new examples. cond: labels (n,) or None. Same seed, same examples."""
        device = next(self.parameters()).device
        return self.generate(self.latent(n, torch.Generator(device).manual_seed(seed)), cond)


class PairedGAN(GAN):
    """From one picture to another: the generator also pays for its distance to the true answer (pix2pix).

    cond is the given picture, x the answer. closeness: weight of the mean absolute error; with 0 the fake
    only has to look real beside what was given. Isola et al. 2017, equation 4.
    """

    def __init__(self, *args, closeness: float = 10.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.closeness = closeness

    def generator_loss(self, x: Tensor, cond: Tensor | None = None,
                       generator: torch.Generator | None = None) -> Tensor:
        fake = self.generate(self.latent(len(x), generator), cond)
        return self._rivalry(fake, x, cond, generator) + self.closeness * (fake - x).abs().mean()


class Inverter(nn.Module):
    """The way back through a trained GAN: an encoder that finds the z whose picture is nearest to x.

    With a GAN of healthy pictures only this is f-AnoGAN with the loss "izi_f" (Schlegl et al. 2019, equation 3):
    what it cannot rebuild, it has not seen. The GAN stays as it is; its discriminator has ``features(x)``.
    encoder: x (B, C, H, W) -> z (B, latent_dim). weight: of the features beside the pixels.
    """

    def __init__(self, gan: GAN, encoder: nn.Module, weight: float = 1.0):
        super().__init__()
        self.gan, self.encoder, self.weight = gan, encoder, weight

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        return self.gan.generate(z)

    def score(self, x: Tensor) -> Tensor:
        """How unlike anything the GAN makes each picture is, (B,): mean squares of pixels and of features."""
        rebuilt, features = self.decode(self.encode(x)), self.gan.discriminator.features
        apart = (features(rebuilt) - features(x)).float().square().mean(1)
        return (rebuilt.float() - x).square().flatten(1).mean(1) + self.weight * apart

    def loss(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.score(x).mean()

    def players(self) -> list[Player]:
        return [Player("encoder", self.encoder, self.loss)]  # nobody else may learn


def _slope(score: Tensor, x: Tensor) -> Tensor:
    """Length of the gradient of each score with respect to its own x: (B,)."""
    gradient, = torch.autograd.grad(score.sum(), x, create_graph=True)
    return gradient.flatten(1).norm(dim=1)
