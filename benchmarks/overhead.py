"""What our own machinery costs: importing, the training loop, and running notebooks side by side."""

import statistics
import subprocess
import sys
import time
from itertools import chain, pairwise

import torch

from aigc_lib.autoencoder import Autoencoder
from aigc_lib.networks import ConvDecoder, ConvEncoder
from aigc_lib.training import train

TARGETS = {"import aigc_lib / import torch": "≤ 1.3", "train() / bare loop": "≤ 1.05",
           "two notebooks in turn / side by side": "≥ 1.6"}


def measure() -> dict[str, dict[str, float]]:
    ratios = (imports(), loop(), side_by_side())
    return {name: {"ratio": ratio} for name, ratio in zip(TARGETS, ratios)}


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def imports() -> float:
    ours = "import aigc_lib, aigc_lib.autoencoder, aigc_lib.gan, aigc_lib.diffusion, aigc_lib.training"
    times = {code: [] for code in ("import torch", ours)}
    for _ in range(7):
        for code, found in times.items():
            found.append(_seconds([sys.executable, "-c", code]))
    return statistics.median(times[ours]) / statistics.median(times["import torch"])


def loop(steps: int = 60) -> float:
    """Both loops train the same model; medians of the time a step takes, in alternating rounds."""
    x = torch.rand(2000, 1, 28, 28) * 2 - 1

    def model() -> Autoencoder:
        torch.manual_seed(0)
        return Autoencoder(ConvEncoder(16), ConvDecoder(16))

    def ours() -> list[float]:
        seconds = [step.seconds for step in train(model(), x, steps)]
        return [b - a for a, b in pairwise(seconds)]

    def bare() -> list[float]:
        net, times = model(), []
        optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, fused=True)
        for _ in range(steps):
            start = time.perf_counter()
            batch = x[torch.randint(len(x), (128,))]
            optimizer.zero_grad()
            loss = net.loss(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            loss.item()
            times.append(time.perf_counter() - start)
        return times

    rounds = [(ours(), bare()) for _ in range(4)][1:]
    ours_steps, bare_steps = (chain.from_iterable(times) for times in zip(*rounds))
    return statistics.median(ours_steps) / statistics.median(bare_steps)


def side_by_side() -> float:
    """Wall time of the course in smoke, one notebook at a time against two."""
    command = [sys.executable, "-m", "aigc_lib.course.cli", "run", "--profile", "smoke", "--jobs"]
    return _seconds([*command, "1"]) / _seconds([*command, "2"])
