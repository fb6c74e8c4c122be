"""The systems we compare with, each trained by its own published settings on our data.

smalldiffusion is installed for the benchmark only (`run.py` puts it into build/peers).
"""

import sys
import types
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class DCGAN:
    """Radford et al. 2015, scaled to 28x28: batch normalisation, Adam 2e-4 with beta1 0.5, BCE, N(0, 0.02) weights."""

    name, lines_of = "DCGAN (Radford et al. 2015)", "DCGAN"

    def __init__(self, seed: int):
        torch.manual_seed(seed)
        up = {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False}
        self.generator = nn.Sequential(
            nn.ConvTranspose2d(100, 128, 7, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
            nn.ConvTranspose2d(128, 64, **up), nn.BatchNorm2d(64), nn.ReLU(),
            nn.ConvTranspose2d(64, 1, **up), nn.Tanh())
        self.discriminator = nn.Sequential(
            nn.Conv2d(1, 64, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
            nn.Conv2d(128, 1, 7), nn.Flatten(0))
        for module in [*self.generator, *self.discriminator]:
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.normal_(module.weight, 0, 0.02)

    def train(self, x: Tensor) -> Iterator[None]:
        players = [torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999))
                   for net in (self.generator, self.discriminator)]
        bce = nn.functional.binary_cross_entropy_with_logits
        while True:
            real = x[torch.randint(len(x), (64,))]
            fake = self.generator(torch.randn(64, 100, 1, 1))
            on_fake, on_real = self.discriminator(fake.detach()), self.discriminator(real)
            players[1].zero_grad()
            (bce(on_real, torch.ones(64)) + bce(on_fake, torch.zeros(64))).backward()
            players[1].step()
            players[0].zero_grad()
            bce(self.discriminator(fake), torch.ones(64)).backward()
            players[0].step()
            yield

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        self.generator.eval()
        return self.generator(torch.randn(n, 100, 1, 1))


class SmallDiffusion:
    """examples/fashion_mnist_unet.py of smalldiffusion 0.5: its model, schedule, loss, EMA and sampler.

    One setting differs: batches of 128 instead of 1,024, which would allow a handful of steps here.
    """

    name, lines_of = "smalldiffusion 0.5 U-Net recipe", None

    def __init__(self, seed: int, folder: str):
        sys.path.insert(0, folder)
        # Its data module builds torchvision transforms when imported; we bring our own data and no torchvision.
        transforms = types.SimpleNamespace(Compose=list, RandomHorizontalFlip=object, ToTensor=object,
                                           Lambda=lambda f: f)
        sys.modules.setdefault("torchvision", types.SimpleNamespace(transforms=transforms))
        import smalldiffusion
        self.library = smalldiffusion
        torch.manual_seed(seed)
        self.schedule = smalldiffusion.ScheduleLogLinear(sigma_min=0.01, sigma_max=20, N=800)
        self.model = smalldiffusion.Scaled(smalldiffusion.Unet)(28, 1, 1, ch=64, ch_mult=(1, 1, 2),
                                                                attn_resolutions=(14,))

    def train(self, x: Tensor) -> Iterator[None]:
        from aigc_lib.training import MovingAverage
        loader = torch.utils.data.DataLoader(x, batch_size=128, shuffle=True)
        self.average = MovingAverage(self.model, 0.999)
        for step, _ in enumerate(self.library.training_loop(loader, self.model, self.schedule, epochs=10_000, lr=7e-4)):
            if step:  # the loop yields before its optimizer step
                self.average.update(step)
            yield

    def sample(self, n: int) -> Tensor:
        self.average.copy_to_model()
        parts = []
        for size in [250] * (n // 250) + [n % 250] * (n % 250 > 0):
            *_, x0 = self.library.samples(self.model, self.schedule.sample_sigmas(20), gam=1.6, batchsize=size)
            parts.append(x0)
        return torch.cat(parts)
