"""The VAE in PyTorch: a module, and a loop that one can read. Same numbers as ``aigc_lib.autoencoder.VAE``."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from aigc_lib.frameworks.read_back import run_onnx


class VAE(nn.Module):
    """x (B, pixels) -> z (B, latent) -> x_hat; one variance for all pixels, the best one of the batch."""

    def __init__(self, pixels: int, hidden: int, latent: int):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 8)

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def loss(self, x: Tensor, noise: Tensor) -> Tensor:
        mean, log_variance = self.encode(x)
        x_hat = self.decode(mean + (log_variance / 2).exp() * noise)
        variance = (x_hat - x).square().mean()
        rebuilding = x.shape[1] / 2 * (torch.log(2 * torch.pi * variance) + 1)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        return (rebuilding + kl) / x.shape[1]


def fit(model: VAE, batches: Iterator, epochs: int, steps: int, on_epoch: Callable[[float], None],
        adam: type[torch.optim.Adam] = torch.optim.Adam) -> None:
    optimizer = adam(model.parameters(), lr=1e-3, fused=True)
    for _ in range(epochs):
        total = 0.0
        for _ in range(steps):
            x, noise = next(batches)
            loss = model.loss(torch.from_numpy(x), torch.from_numpy(noise))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        on_epoch(total / steps)


class KerasAdam(torch.optim.Adam):
    """Adam with epsilon where Keras has it: in Kingma & Ba (2015) before section 2.1, not in algorithm 1.

    Keras adds 1e-7 to the root before the bias is corrected, PyTorch 1e-8 after. So Keras's is PyTorch's with an
    epsilon that falls from 31 times 1e-7 to 1e-7.
    """

    def __init__(self, params, **options):
        super().__init__(params, **options)
        self.steps = 0

    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            group["eps"] = 1e-7 / (1 - group["betas"][1] ** self.steps) ** 0.5
        return super().step(closure)


SHARED = {"adam": KerasAdam}  # options of fit that make its Adam the one of all


def use(dtype: str) -> None:
    torch.set_default_dtype(getattr(torch, dtype))


def build(sizes: tuple[int, int, int], seed: int) -> VAE:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return VAE(*sizes)


def load_weights(model: VAE, weights: dict[str, np.ndarray]) -> None:
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})


def dump_weights(model: VAE) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


@torch.no_grad()
def encode(model: VAE, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, log_variance = model.encode(torch.from_numpy(x))
    return mean.numpy(), log_variance.numpy()


@torch.no_grad()
def decode(model: VAE, z: np.ndarray) -> np.ndarray:
    return model.decode(torch.from_numpy(z)).numpy()


def export_onnx(model: VAE, file: Path, z: np.ndarray) -> np.ndarray:
    torch.onnx.export(model.decoder.eval(), (torch.from_numpy(z),), file, dynamo=True, verbose=False,
                      input_names=["z"], dynamic_shapes=({0: torch.export.Dim("batch")},), external_data=False)
    return run_onnx(file, z)


def export_pt2(model: VAE, file: Path, z: np.ndarray) -> np.ndarray:
    shape = {0: torch.export.Dim("batch")}
    torch.export.save(torch.export.export(model.decoder, (torch.from_numpy(z),), dynamic_shapes=(shape,)), file)
    with torch.no_grad():
        return torch.export.load(file).module()(torch.from_numpy(z)).numpy()


EXPORTS = {"torch.export": ("decoder.pt2", export_pt2), "ONNX": ("decoder.onnx", export_onnx)}
