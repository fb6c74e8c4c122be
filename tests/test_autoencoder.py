"""Autoencoders against what can be computed exactly."""

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from torch import nn

from aigc_lib.autoencoder import VAE, Autoencoder, MaskedAutoencoder
from aigc_lib.baselines import LinearCode
from aigc_lib.networks import ConvDecoder, ConvEncoder, mlp
from aigc_lib.training import train


def low_rank_data(n: int = 2000) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(10, 10, generator=g)).Q
    return torch.randn(n, 10, generator=g) * torch.tensor([3, 2, 1.5] + [0.2] * 7) @ axes.T


def test_linear_autoencoder_finds_the_principal_subspace():
    x = low_rank_data()
    x = x - x.mean(0)
    torch.manual_seed(0)
    model = Autoencoder(nn.Linear(10, 3, bias=False), nn.Linear(3, 10, bias=False))
    for _ in train(model, x, 1500, batch_size=2000, lr=2e-2, weight_decay=0):
        pass
    components = LinearCode(3).fit(x).pca.components_
    angles = subspace_angles(model.decoder.weight.detach().double().numpy(), components.T)
    assert np.degrees(angles).max() < 1


def test_score_is_each_examples_own_reconstruction_error():
    model = Autoencoder(nn.Identity(), nn.Identity())
    model.decoder = nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        model.decoder.weight.copy_(torch.zeros(4, 4))
    x = torch.tensor([[1.0, 1, 1, 1], [2, 0, 0, 0]])
    assert torch.allclose(model.score(x), torch.tensor([1.0, 1.0]))


def test_denoising_noise_is_only_added_in_training_and_is_reproducible():
    model = Autoencoder(nn.Identity(), nn.Identity(), noise=0.5)
    x = torch.zeros(64, 100)
    losses = [model.loss(x, torch.Generator().manual_seed(3)).item() for _ in range(2)]
    assert losses[0] == losses[1] and abs(losses[0] - 0.25) < 0.02
    assert model.score(x).max() == 0


def test_elbo_is_a_lower_bound_and_tight_for_the_exact_posterior():
    """p(z) = N(0, 1), p(x | z) = N(w z, s^2) in 2-D: the marginal and the posterior are Gaussian."""
    w, s = torch.tensor([1.5, -0.5]), 0.7
    x = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0)) * w
    x = x + s * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    covariance = torch.outer(w, w) + s**2 * torch.eye(2)
    exact = torch.distributions.MultivariateNormal(torch.zeros(2), covariance).log_prob(x).mean().item()

    variance = 1 / (1 + w @ w / s**2)
    vae = VAE(nn.Linear(2, 2), nn.Linear(1, 2, bias=False), latent_dim=1)
    with torch.no_grad():
        vae.encoder.weight.copy_(torch.stack([variance * w / s**2, torch.zeros(2)]))
        vae.encoder.bias.copy_(torch.stack([torch.zeros(()), variance.log()]))
        vae.decoder.weight.copy_(w[:, None])

    def elbo() -> float:
        rebuilding, kl = vae.terms(x, torch.Generator().manual_seed(2))
        return -(rebuilding + kl).item()

    assert abs(elbo() - exact) < 0.03
    with torch.no_grad():
        vae.encoder.bias[1] += 1.0  # a worse posterior must widen the gap
    assert elbo() < exact - 0.05


@pytest.mark.parametrize("model", [Autoencoder(ConvEncoder(8), ConvDecoder(8)),
                                   VAE(ConvEncoder(16), ConvDecoder(8), 8)])
def test_verbs_keep_the_shapes(model):
    x = torch.rand(3, 1, 28, 28) * 2 - 1
    z = model.encode(x)
    assert z.shape == (3, 8) and model.decode(z).shape == x.shape


def test_same_seed_same_samples():
    vae = VAE(ConvEncoder(8), ConvDecoder(4), 4)
    assert torch.equal(vae.generate(5, seed=1), vae.generate(5, seed=1))
    assert not torch.equal(vae.generate(5, seed=1), vae.generate(5, seed=2))


# yes/no values with gaps


class Fixed(nn.Module):
    """A decoder that always says the same."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, z):
        return self.logits.expand(len(z), -1)


def test_masked_loss_is_the_cross_entropy_of_the_known_values_only():
    model = MaskedAutoencoder(nn.Identity(), Fixed([0.0, 2.0, -50.0]))
    x = torch.tensor([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]]).repeat(20_000, 1)  # the third is never known
    expected = (np.log(2) + np.log1p(np.exp(-2))) / 2  # of the first and the second, hidden equally often
    assert model.loss(x, torch.Generator().manual_seed(0)).item() == pytest.approx(expected, abs=0.005)


def test_masked_autoencoder_cannot_earn_by_copying():
    """Values that have nothing to do with each other: the best it may find is the share of each."""
    g = torch.Generator().manual_seed(0)
    share = torch.tensor([0.2, 0.5, 0.9])
    x = torch.where(torch.rand(20_000, 3, generator=g) < share, 1.0, -1.0)
    torch.manual_seed(0)
    model = MaskedAutoencoder(nn.Linear(3, 3), nn.Linear(3, 3))
    for _ in train(model, x, 600, lr=5e-3, weight_decay=0, ema=0.99):
        pass
    others = x * (1 - torch.eye(3)[:, None])  # (3, N, 3): each value hidden in turn
    assert all((model.predict(seen)[:, j] - share[j]).abs().max() < 0.03 for j, seen in enumerate(others))


def test_masked_autoencoder_fills_a_gap_from_its_neighbour():
    """The second value always equals the first: with the first known the second is sure, without it half."""
    first = torch.where(torch.rand(5000, 1, generator=torch.Generator().manual_seed(0)) < 0.5, 1.0, -1.0)
    torch.manual_seed(0)
    model = MaskedAutoencoder(nn.Linear(2, 2), nn.Linear(2, 2))
    for _ in train(model, first.repeat(1, 2), 800, lr=3e-2, weight_decay=0):
        pass
    chance = model.predict(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]))[:, 1]
    assert chance[0] > 0.97 and chance[1] < 0.03 and abs(chance[2] - 0.5) < 0.1


def test_masked_loss_of_nothing_known_is_zero_not_nan():
    model = MaskedAutoencoder(nn.Linear(3, 2), nn.Linear(2, 3))
    assert model.loss(torch.zeros(4, 3)).item() == 0


class Beside(nn.Module):
    """A network that gets the condition beside its input."""

    def __init__(self, sizes):
        super().__init__()
        self.body = mlp(sizes)

    def forward(self, x, cond):
        return self.body(torch.cat([x, cond], dim=1))


def test_a_conditional_vae_takes_from_the_code_only_what_the_condition_does_not_say():
    """x = (condition, something else): decoding a drawn code under a condition gives that condition."""
    torch.manual_seed(0)
    cond, other = torch.rand(2, 2000, 1) * 2 - 1
    x = torch.cat([cond, other], dim=1)
    vae = VAE(Beside([3, 32, 4]), Beside([3, 32, 2]), 2)
    for _ in train(vae, (x, cond), 600, batch_size=200, lr=1e-2, seed=0):
        pass
    with torch.no_grad():
        drawn = vae.decode(torch.randn(500, 2), torch.full((500, 1), 0.6))
        assert vae.encode(x, cond).shape == (2000, 2)
    assert (drawn[:, 0] - 0.6).abs().mean() < 0.1
    assert drawn[:, 1].std() > 0.3
