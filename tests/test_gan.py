"""GAN losses, penalties and the optimal discriminator against closed forms."""

import pytest
import torch
from torch import nn

from aigc_lib.gan import GAN, LOSSES, Inverter, PairedGAN
from aigc_lib.networks import PictureDiscriminator, PictureGenerator, mlp
from aigc_lib.training import train


class Score(nn.Module):
    """A linear score w x, whose slope is |w| everywhere."""

    def __init__(self, w: list[float]):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x, cond=None):
        return x @ self.w


class Fixed(nn.Module):
    """Ignores z and draws from N(1, 1) with its own generator."""

    def forward(self, z, cond=None):
        return z + 1


def test_discriminator_learns_the_density_ratio():
    """Real N(-1, 1), fake N(1, 1): the optimal score is log p/q = -2 x (Goodfellow et al. 2014)."""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp([1, 64, 64, 1])

        def forward(self, x, cond=None):
            return self.body(x)[:, 0]

    torch.manual_seed(0)
    gan = GAN(Fixed(), Net(), 1, loss="non_saturating", penalty=None)
    gan.players = lambda: GAN.players(gan)[:1]  # the generator stays as it is
    real = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0)) - 1
    for _ in train(gan, real, 1500, batch_size=512, lr=3e-3, ema=0.99):
        pass
    x = torch.linspace(-2, 2, 41)[:, None]
    with torch.no_grad():
        learned = gan.discriminate(x).sigmoid()
    assert (learned - torch.sigmoid(-2 * x[:, 0])).abs().max() < 0.06


@pytest.mark.parametrize("name", LOSSES)
def test_each_player_gains_from_what_it_wants(name):
    """A higher score for fakes is worse for the discriminator and better for the generator."""
    real, fake = torch.tensor([0.3, -0.2]), torch.tensor([0.1, -0.4], requires_grad=True)
    for_discriminator, for_generator = LOSSES[name](real, fake)
    assert (torch.autograd.grad(for_discriminator, fake, retain_graph=True)[0] > 0).all()
    assert (torch.autograd.grad(for_generator, fake)[0] < 0).all()


def test_saturating_loss_leaves_a_losing_generator_without_gradient():
    fake = torch.tensor([-12.0], requires_grad=True)
    slow = torch.autograd.grad(LOSSES["saturating"](fake, fake)[1], fake)[0].abs()
    fast = torch.autograd.grad(LOSSES["non_saturating"](fake, fake)[1], fake)[0].abs()
    assert slow < 1e-4 and fast > 0.99


@pytest.mark.parametrize("penalty, expected", [("gradient", (5 - 1) ** 2), ("zero-centred", (25 + 25) / 2)])
def test_penalties_on_a_linear_score(penalty, expected):
    x = torch.randn(32, 2)
    with_penalty = GAN(Fixed(), Score([3.0, 4.0]), 2, "wasserstein", penalty, weight=1.0)
    without = GAN(Fixed(), Score([3.0, 4.0]), 2, "wasserstein", None)
    losses = [g.discriminator_loss(x, generator=torch.Generator().manual_seed(0)) for g in (with_penalty, without)]
    assert abs((losses[0] - losses[1]).item() - expected) < 1e-3


@pytest.mark.parametrize("penalty", [None, "gradient", "zero-centred"])
def test_losses_work_in_bfloat16(penalty):
    gan = GAN(PictureGenerator(8, width=8), PictureDiscriminator(width=8), 8, penalty=penalty)
    x = torch.rand(4, 1, 28, 28)
    with torch.autocast("cpu", torch.bfloat16):
        losses = gan.discriminator_loss(x), gan.generator_loss(x)
    assert all(loss.isfinite() for loss in losses)


def test_a_lazy_penalty_comes_every_kth_step_and_weighs_the_same():
    x = torch.randn(32, 2)

    def excess(every: int) -> list[float]:
        with_penalty = GAN(Fixed(), Score([3.0, 4.0]), 2, "wasserstein", "zero-centred", 1.0, every)
        without = GAN(Fixed(), Score([3.0, 4.0]), 2, "wasserstein", None)
        return [(with_penalty.discriminator_loss(x, generator=torch.Generator().manual_seed(i))
                 - without.discriminator_loss(x, generator=torch.Generator().manual_seed(i))).item() for i in range(6)]

    assert excess(3) == pytest.approx([75, 0, 0, 75, 0, 0], abs=1e-3)
    assert sum(excess(3)) == pytest.approx(sum(excess(1)), abs=1e-2)


def test_pictures_depend_on_the_latent_from_the_start():
    """With PyTorch's default weights the spread over z was 0.003, and training collapsed."""
    torch.manual_seed(0)
    with torch.no_grad():
        x = PictureGenerator(64, n_classes=10)(torch.randn(64, 64), torch.zeros(64, dtype=torch.int64))
    assert x.std(0).mean() > 0.2


def test_discriminator_step_leaves_the_generator_alone():
    gan = GAN(PictureGenerator(8, width=8, n_classes=3), PictureDiscriminator(width=8, n_classes=3), 8)
    loss = gan.discriminator_loss(torch.rand(4, 1, 28, 28), torch.tensor([0, 1, 2, 0]))
    loss.backward()
    assert all(p.grad is None for p in gan.generator.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in gan.discriminator.parameters())


def test_augmentation_stands_before_the_discriminator_for_real_and_fake_but_not_for_scores():
    class Sum(nn.Module):
        def forward(self, x, cond=None):
            return x.sum(1)

    seen = []

    def augment(x, generator):
        seen.append(x)
        return 0 * x

    gan = GAN(nn.Linear(2, 2), Sum(), 2, loss="non_saturating", penalty=None, augment=augment)
    gan.generate = lambda z, cond=None: gan.generator(z)
    x = torch.ones(3, 2)
    blind = 2 * torch.log(torch.tensor(2.0))  # all scores are 0
    assert torch.isclose(gan.discriminator_loss(x), blind) and torch.isclose(gan.generator_loss(x), blind / 2)
    assert [bool((s == 1).all()) for s in seen] == [True, False, False, True], "real, fake; then fake, real"
    assert gan.discriminate(x).tolist() == [2, 2, 2] and len(seen) == 4


def test_samples_are_reproducible_and_in_range():
    gan = GAN(PictureGenerator(8, width=8, n_classes=3), PictureDiscriminator(width=8, n_classes=3), 8)
    cond = torch.tensor([0, 1, 2])
    x = gan.sample(3, cond, seed=4)
    assert x.shape == (3, 1, 28, 28) and x.abs().max() <= 1
    assert torch.equal(x, gan.sample(3, cond, seed=4))


def test_unknown_loss_is_named():
    with pytest.raises(ValueError, match="relativistic.*'lsgan'"):
        GAN(Fixed(), Score([1.0]), 1, loss="lsgan")


def test_paired_gan_pays_for_its_distance_to_the_answer():
    """With the same random numbers the loss grows by closeness times the mean absolute error."""
    x, cond = torch.full((4, 1), 3.0), torch.zeros(4, 1)

    def loss(closeness):
        gan = PairedGAN(Fixed(), Score([0.5]), 1, penalty=None, closeness=closeness)
        return gan.generator_loss(x, cond, torch.Generator().manual_seed(0))

    z = torch.randn(4, 1, generator=torch.Generator().manual_seed(0))
    assert (loss(2.0) - loss(0.0)).item() == pytest.approx(2 * (z + 1 - 3).abs().mean().item(), rel=1e-5)


class Copy(nn.Module):
    """A generator whose pictures are z in the first half, and nothing in the second."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, z, cond=None):
        return torch.cat([self.gain * z, torch.zeros_like(z)], dim=1)


class Judge(Score):
    def features(self, x):
        return 2 * x


def test_inverter_finds_the_way_back_and_leaves_the_gan_alone():
    """Linear closed form: the best code is the half that the generator can draw; the other half is the score."""
    gan = GAN(Copy(), Judge([1.0] * 6), 3)
    inverter = Inverter(gan, nn.Linear(6, 3), weight=0.5)
    x = torch.randn(256, 6, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in gan.state_dict().items()}
    for _ in train(inverter, x, 600, lr=2e-2, weight_decay=0.0, seed=0):
        pass
    with torch.no_grad():
        assert torch.allclose(inverter.encode(x), x[:, :3], atol=0.02)
        missed = x[:, 3:].square().sum(1) / 6
        assert torch.allclose(inverter.score(x), missed + 0.5 * 4 * missed, rtol=0.02, atol=0.01)
    assert all(torch.equal(value, before[name]) for name, value in gan.state_dict().items())
