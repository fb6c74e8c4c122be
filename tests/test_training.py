"""The training loop: what it promises, what it refuses, and two processes against one."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from aigc_lib import training
from aigc_lib.autoencoder import Autoencoder
from aigc_lib.diffusion import Diffusion
from aigc_lib.networks import ConditionalMLP, ConvDecoder, ConvEncoder
from aigc_lib.training import MovingAverage, bfloat16_is_faster, flip, train


def linear(seed: int = 0) -> Autoencoder:
    torch.manual_seed(seed)
    return Autoencoder(nn.Linear(6, 2), nn.Linear(2, 6))


DATA = torch.randn(100, 6, generator=torch.Generator().manual_seed(0))


def curve(**settings) -> list[float]:
    return [step.losses["loss"] for step in train(linear(), DATA, 20, batch_size=16, **settings)]


def test_steps_are_counted_and_loss_falls():
    steps = list(train(linear(), DATA, 200, batch_size=50, lr=1e-2))
    assert [s.step for s in steps] == list(range(1, 201))
    assert all(a.seconds <= b.seconds for a, b in pairwise(steps))
    assert steps[-1].losses["loss"] < 0.8 * steps[0].losses["loss"]


def test_same_seed_same_curve_other_seed_other_curve():
    assert curve(seed=1) == curve(seed=1)
    assert curve(seed=1) != curve(seed=2)


def test_average_is_in_the_model_at_the_end_and_after_a_break():
    for stop in (3, 20):
        plain, averaged = linear(), linear()
        expected = MovingAverage(plain, 0.9)
        for step in train(plain, DATA, 20, batch_size=16):
            expected.update(step.step)
            if step.step == stop:
                break
        for step in train(averaged, DATA, 20, batch_size=16, ema=0.9):
            if step.step == stop:
                break
        del step
        expected.copy_to_model()
        for a, b in zip(plain.parameters(), averaged.parameters()):
            assert torch.allclose(a, b, atol=1e-6)
        assert not averaged.training


def test_flip_mirrors_about_half_and_nothing_else():
    x = torch.arange(4.0).view(1, 1, 1, 4).repeat(1000, 1, 1, 1)
    y = flip(x, torch.Generator().manual_seed(0))
    mirrored = (y == x.flip(-1)).all(dim=(1, 2, 3))
    assert ((y == x).all(dim=(1, 2, 3)) | mirrored).all() and 0.4 < mirrored.float().mean() < 0.6


def test_bfloat16_is_not_assumed(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    bfloat16_is_faster.cache_clear()
    assert bfloat16_is_faster(torch.device("cpu")) is False
    assert curve(precision="auto") == curve(precision="float32")
    bfloat16_is_faster.cache_clear()


@pytest.mark.parametrize("bfloat16, float32, faster", [(0.5, 1.0, True), (0.9, 1.0, False)])
def test_a_busy_moment_does_not_decide_on_bfloat16(monkeypatch, bfloat16, float32, faster):
    delays = [(50, 0), (50, 50), (0, 50), (0, 0), (0, 0), (0, 0), (50, 0)]  # seconds lost to others, turn by turn
    turns = [(bfloat16 + a, float32 + b) for a, b in delays]
    readings = iter([reading for turn in turns for seconds in turn for reading in (0.0, seconds)])
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(training.time, "process_time", lambda: next(readings))
    bfloat16_is_faster.cache_clear()
    assert bfloat16_is_faster(torch.device("cpu")) is faster
    bfloat16_is_faster.cache_clear()


def diffusion(n_classes: int = 3) -> Diffusion:
    return Diffusion(ConditionalMLP(6, width=16, n_classes=n_classes), (6,))


NAN = DATA.clone()
NAN[3, 2] = float("nan")


@pytest.mark.parametrize("model, data, message", [
    (linear(), NAN, "1 NaN or infinite"),
    (linear(), DATA[:0], "empty"),
    (diffusion(), (DATA, torch.full((100,), 3)), r"labels must lie in \[0, 2\]"),
    (diffusion(), (DATA, torch.full((100,), -1)), r"labels must lie in \[0, 2\]"),
    (diffusion(), (DATA, torch.zeros(99, dtype=torch.int64)), "same number of examples"),
    (diffusion(), (DATA[:, :4], torch.zeros(100, dtype=torch.int64)), r"shape \(B, 6\)"),
])
def test_bad_data_is_refused_before_the_first_step(model, data, message):
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(ValueError, match=message):
        next(train(model, data, 5, batch_size=8))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))


@pytest.mark.parametrize("settings", [{"steps": 0}, {"steps": 5, "batch_size": 0}])
def test_silly_settings_are_refused(settings):
    with pytest.raises(ValueError, match="at least 1"):
        next(train(linear(), DATA, **settings))


def test_loop_overhead_is_small():
    """Within a few per cent of a bare loop in benchmarks/; here only a gross regression would show."""
    import time
    torch.manual_seed(0)
    model, x = Autoencoder(ConvEncoder(16), ConvDecoder(16)), torch.rand(256, 1, 28, 28)
    list(train(model, x, 3, batch_size=64))
    ours = list(train(model, x, 15, batch_size=64))[-1].seconds
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    start = time.perf_counter()
    for _ in range(15):
        optimizer.zero_grad()
        model.loss(x[torch.randint(256, (64,))]).backward()
        optimizer.step()
    assert ours < 3 * (time.perf_counter() - start) + 0.5


SCRIPT = """
import json, sys, torch
from torch import nn
from aigc_lib.autoencoder import Autoencoder
from aigc_lib.training import train
torch.manual_seed(0)
model = Autoencoder(nn.Linear(6, 2), nn.Linear(2, 6))
data = torch.randn(100, 6, generator=torch.Generator().manual_seed(0))
losses = [step.losses["loss"] for step in train(model, data, 20, batch_size=16, lr=1e-2, device="cpu")]
import os
if int(os.environ.get("RANK", 0)) == 0:
    open(sys.argv[1], "w").write(json.dumps(losses))
"""


def test_two_processes_follow_the_curve_of_one(tmp_path: Path):
    script = tmp_path / "fit.py"
    script.write_text(SCRIPT)
    curves = []
    for command in ([sys.executable], [sys.executable, "-m", "torch.distributed.run", "--standalone",
                                       "--nproc_per_node", "2"]):
        out = tmp_path / f"{len(curves)}.json"
        subprocess.run([*command, str(script), str(out)], check=True, timeout=120, capture_output=True)
        curves.append(json.loads(out.read_text()))
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)
    assert curves[0][-1] < curves[0][0]


APPLE = """
import torch
torch.backends.mps.is_available = torch.backends.mps.is_built = lambda: True
from aigc_lib.autoencoder import Autoencoder
from aigc_lib.training import train
model = Autoencoder(torch.nn.Linear(6, 2), torch.nn.Linear(2, 6))
list(train(model, torch.randn(32, 6), 2, batch_size=8))
print(next(model.parameters()).device)
"""


def test_apples_gpu_is_left_alone():
    done = subprocess.run([sys.executable, "-c", APPLE], capture_output=True, encoding="utf-8", check=False)
    assert done.stdout == "cpu\n", done.stderr
