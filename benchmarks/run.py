"""Quality at equal training time, against peers; and the overhead of our own machinery.

    make benchmark

Writes benchmarks/results.json and benchmarks/README.md. Takes about half an hour on two quiet cores.
"""

import datetime
import inspect
import itertools
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import overhead
import torch
from peers import DCGAN, SmallDiffusion

from aigc_lib import autoencoder, diffusion, gan, networks, training
from aigc_lib.autoencoder import VAE
from aigc_lib.datasets import load_fashion_mnist
from aigc_lib.diffusion import Diffusion
from aigc_lib.gan import GAN
from aigc_lib.metrics import PictureFeatures, copying, frechet_distance
from aigc_lib.networks import ConvDecoder, ConvEncoder, PictureDiscriminator, PictureGenerator, UNet
from aigc_lib.training import train

SECONDS, SAMPLES, SEED = 180, 2000, 0
HERE = Path(__file__).parent
LABELS = torch.arange(SAMPLES) % 10
GUIDANCES = tuple(itertools.product((1.5, 2.0, 2.5, 3.0), (0.75, 1.0)))  # strength, and from which time on


class Ours:
    """One of the course's models with the settings of its notebook, for SECONDS. The U-Net is wider: the notebook has less time."""

    def __init__(self, name: str, model, settings: dict, labelled: bool, sample, parts: list):
        self.name, self.model, self.settings, self.labelled = name, model, settings, labelled
        self.sample_labels, self.parts = sample, parts

    def fit(self, x, labels) -> float:
        """Train for SECONDS. The learning rate needs to know the number of steps: ask 30 steps how long they take."""
        data = (x, labels) if self.labelled else x
        pilot = list(train(self.model, data, 30, **{**self.settings, "lr": 0.0}))
        pace = np.median(np.diff([step.seconds for step in pilot[5:]]))
        steps = int(0.97 * SECONDS / pace)
        for step in train(self.model, data, steps, **self.settings):
            if step.seconds > SECONDS:
                break
        return step.seconds

    def sample(self, n: int):
        return self.sample_labels(self.model, n)


class OursDiffusion(Ours):
    """Its guidance is chosen on pictures that were held out of training, not on the test set.

    Chosen is the smallest distance among the settings whose samples the classifier reads as asked for.
    """

    guidance, below = GUIDANCES[0]

    def tune(self, features, held_out) -> None:
        real = features(held_out)

        def unfit(setting: tuple[float, float]) -> tuple[bool, float]:
            self.guidance, self.below = setting
            pictures = self.sample(1000).clamp(-1, 1)
            return features.accuracy(pictures, LABELS[:1000]) < 0.95, frechet_distance(features(pictures), real)

        self.guidance, self.below = min(GUIDANCES, key=unfit)

    def sample(self, n: int):
        parts = LABELS[:n].split(250)
        return torch.cat([self.model.generate(len(part), 20, part, self.guidance, seed=i, guide_below=self.below)
                          for i, part in enumerate(parts)])


class Peer:
    labelled = False

    def __init__(self, system, parts: list):
        self.system, self.name, self.parts = system, system.name, parts

    def fit(self, x, labels) -> float:
        start = time.perf_counter()
        for _ in self.system.train(x):
            if time.perf_counter() - start > SECONDS:
                return time.perf_counter() - start

    def sample(self, n: int):
        return self.system.sample(n)


def systems() -> list:
    torch.manual_seed(SEED)
    shared = [training.train, training._update, training._batches, training.MovingAverage]
    embeddings = [networks.mlp, networks.LabelEmbedding]
    ours = [
        OursDiffusion("diffusion", Diffusion(UNet(widths=(32, 96), blocks=(1, 1), n_classes=10), (1, 28, 28)),
                      {"batch_size": 64, "lr": 1.2e-2, "ema": 0.998, "seed": SEED}, True, None,
                      [diffusion, networks.UNet, networks.ResBlock, networks.SelfAttention, networks.time_features,
                       networks.with_coordinates, networks._beside, *embeddings, *shared]),
        Ours("GAN", GAN(PictureGenerator(64, n_classes=10), PictureDiscriminator(n_classes=10), 64, weight=10.0, every=8),
             {"batch_size": 64, "lr": 2e-3, "betas": (0.0, 0.99), "ema": 0.998, "decay": 0.8, "weight_decay": 0.0,
              "seed": SEED}, True,
             lambda m, n: m.sample(n, LABELS[:n]),
             [gan, networks.PictureGenerator, networks.PictureDiscriminator, networks.ResBlock,
              networks.start_lively, networks._beside, *embeddings, *shared]),
        Ours("VAE", VAE(ConvEncoder(32), ConvDecoder(16), 16), {"ema": 0.998, "seed": SEED}, False,
             lambda m, n: m.generate(n), [autoencoder.VAE, networks.ConvEncoder, networks.ConvDecoder, *shared]),
    ]
    folder = HERE.parent / "build" / "peers"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), "--upgrade",
                    "smalldiffusion==0.5.0", "einops"], check=True)
    small = SmallDiffusion(SEED, str(folder))
    library = small.library
    return [*ours, Peer(DCGAN(SEED), [DCGAN]),
            Peer(small, [library.diffusion, library.model_unet, library.model.ModelMixin, library.model.Scaled])]


def lines(parts: list) -> int:
    """Lines of source that a learner reads: neither blank nor comment."""
    text = "\n".join(inspect.getsource(part) for part in parts)
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in text.splitlines())


def measure(system, x, labels, held_out, features, real, x_test) -> dict[str, float]:
    seconds = system.fit(x, labels)
    if hasattr(system, "tune"):
        system.tune(features, held_out)
    start = time.perf_counter()
    with torch.no_grad():
        pictures = system.sample(SAMPLES).clamp(-1, 1)
    pace = SAMPLES / (time.perf_counter() - start)
    shares = features.shares(pictures)
    found = {"training time (s)": seconds, "Fréchet distance": frechet_distance(features(pictures), real),
             "pictures a second": pace, "lines a learner reads": lines(system.parts),
             "smallest class share": shares.min(), "largest class share": shares.max(),
             "copying": copying(pictures, x, x_test)}
    if system.labelled:
        found["class accuracy"] = features.accuracy(pictures, LABELS)
    if hasattr(system, "guidance"):
        found |= {"guidance": system.guidance, "guided from time": system.below}
    return found


def main() -> None:
    x, labels = load_fashion_mnist("train")
    x_test, _ = load_fashion_mnist("test")
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(SEED))
    held_out, x, labels = x[order[:SAMPLES]], x[order[SAMPLES:]], labels[order[SAMPLES:]]
    features = PictureFeatures()
    real = features(x_test)
    rows = {"real pictures (floor)": {"Fréchet distance": frechet_distance(features(held_out), real)}}
    for system in systems():
        rows[system.name] = measure(system, x, labels, held_out, features, real, x_test)
        print(system.name, {k: round(float(v), 3) for k, v in rows[system.name].items()}, flush=True)
    rows |= overhead.measure()
    write(rows)


def write(rows: dict[str, dict[str, float]]) -> None:
    common = {"threads": torch.get_num_threads(), "machine": machine(), "date": datetime.date.today().isoformat()}
    results = [{"task": "overhead" if system in overhead.TARGETS else "Fashion-MNIST, equal training time",
                "system": system, "metric": metric, "value": round(float(value), 4),
                "seconds": round(float(found.get("training time (s)", 0)), 1), **common}
               for system, found in rows.items() for metric, value in found.items()]
    (HERE / "results.json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (HERE / "README.md").write_text(report(rows, common), encoding="utf-8")


def machine() -> str:
    name = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
                 if line.startswith("model name")), platform.processor()) if Path("/proc/cpuinfo").exists() else ""
    return f"{name or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def report(rows: dict[str, dict[str, float]], common: dict) -> str:
    ours = rows["diffusion"]
    head = ["system", "trained (s)", "Fréchet distance", "ratio to ours", "class accuracy", "class shares", "copying",
            "pictures a second", "lines read"]
    table = [head, ["---"] * len(head)]
    for name, found in rows.items():
        if name in overhead.TARGETS:
            continue
        shares = f"{found['smallest class share']:.1%}–{found['largest class share']:.1%}" if "copying" in found else "—"
        numbers = [f"{found[m]:{form}}" if m in found else "—" for m, form in
                   (("class accuracy", ".3f"), ("copying", ".1%"), ("pictures a second", ".0f"),
                    ("lines a learner reads", ".0f"))]
        table.append([name, f"{found.get('training time (s)', 0):.0f}", f"{found['Fréchet distance']:.2f}",
                      f"{found['Fréchet distance'] / ours['Fréchet distance']:.2f}", numbers[0], shares, *numbers[1:]])
    overheads = [f"- {name}: {rows[name]['ratio']:.2f} (target {target})" for name, target in overhead.TARGETS.items()]
    return "\n".join([
        "# Benchmarks", "", f"Made by `make benchmark` on {common['date']}: {common['machine']}, {common['threads']} threads.", "",
        f"## Fashion-MNIST, at most {SECONDS} s of training each", "",
        (f"Embedded training subset less {SAMPLES:,} held out, official test set, {SAMPLES:,} samples, features of the "
         "course's own classifier "
        "(not comparable with published FID). The floor is the distance of as many real training pictures. One run, "
        "seed 0. Copying: share of samples nearer to the training set than 99 % of the test pictures are. "
         f"Diffusion: 20 Heun steps, guidance {ours['guidance']:g} from t = {ours['guided from time']:g} on, chosen on the "
         "held-out pictures."), "",
        *("| " + " | ".join(line) + " |" for line in table), "", "## Overhead", "", *overheads, ""])


if __name__ == "__main__":
    main()
