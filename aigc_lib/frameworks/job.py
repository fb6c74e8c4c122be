"""What goes to a framework's process and what comes back: arrays as safetensors, the rest as JSON.

It needs nothing but numpy and safetensors, so that it also runs where only a framework is installed.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

Arrays = dict[str, np.ndarray]
OUTPUTS = ("mean", "log_variance", "x_hat")


@dataclass(frozen=True)
class Job:
    """What every framework is asked to do; all that is drawn follows from ``seed``, in NumPy, alike in every process.

    trainings: one after the other, each of ``epochs`` of ``steps`` batches. "shared" starts from ``start_weights``,
    with the same Adam for all; "exact" is the same in float64; "own" is with the framework's own first weights and
    own Adam, on batches of its own.
    """

    seed: int = 0
    trainings: tuple[str, ...] = ("shared", "exact", "own", "own", "own")
    epochs: int = 10
    steps: int = 40
    batch: int = 128
    hidden: int = 256
    latent: int = 16

    def start_weights(self, pixels: int) -> Arrays:
        """Uniform as in Glorot & Bengio (2010), in PyTorch's names and layout (out, in)."""
        shapes = {"encoder.0": (self.hidden, pixels), "encoder.2": (2 * self.latent, self.hidden),
                  "decoder.0": (self.hidden, self.latent), "decoder.2": (pixels, self.hidden)}
        rng, weights = np.random.default_rng([self.seed, 1000]), {}
        for name, shape in shapes.items():
            most = (6 / sum(shape)) ** 0.5
            weights[f"{name}.weight"] = rng.uniform(-most, most, shape).astype(np.float32)
            weights[f"{name}.bias"] = np.zeros(shape[0], np.float32)
        return weights

    def batches(self, x: np.ndarray, training: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pictures (batch, pixels) and noise (batch, latent), step by step, in the type of x."""
        rng = np.random.default_rng([self.seed, training])
        for _ in range(self.epochs * self.steps):
            rows = rng.integers(0, len(x), self.batch)
            yield x[rows], rng.standard_normal((self.batch, self.latent), dtype=np.float32).astype(x.dtype, copy=False)

    def test_noise(self, n: int) -> np.ndarray:
        return np.random.default_rng([self.seed, 2000]).standard_normal((n, self.latent), dtype=np.float32)


@dataclass
class Training:
    """Each epoch's loss, seconds on the clock and CPU seconds; -ELBO of the test pictures at the end, nats a picture."""

    kind: str
    losses: list[float]
    seconds: list[float]
    cpu_seconds: list[float]
    minus_elbo: float


@dataclass
class Exported:
    """A file that a framework wrote: bytes, and how far its pictures are off when read back; or why there is none."""

    kind: str
    file: str
    size: int = 0
    error: float = 0.0
    problem: str = ""


@dataclass
class Report:
    """One framework's answer.

    before, after: OUTPUTS for the test pictures before and after the first training; weights: at its end, in
    PyTorch's names and layout. peak_mb: the process's peak memory, exporters left out.
    """

    system: str
    versions: dict[str, str]
    import_seconds: float
    peak_mb: float | None
    trainings: list[Training]
    exports: list[Exported]
    before: Arrays
    after: Arrays
    weights: Arrays

    def of(self, kind: str) -> list[Training]:
        return [training for training in self.trainings if training.kind == kind]


GROUPS = ("before", "after", "weights")


def save_job(job: Job, x_train: np.ndarray, x_test: np.ndarray, folder: Path) -> None:
    """x_train (N, pixels), x_test (M, pixels), float32."""
    for x in (x_train, x_test):
        if x.ndim != 2 or x.dtype != np.float32 or x.shape[1] != x_train.shape[1]:
            raise ValueError(f"wanted two float32 arrays (N, pixels) of one width, found {x_train.dtype} {x_train.shape} "
                             f"and {x_test.dtype} {x_test.shape}.")
    (folder / "job.json").write_text(json.dumps(asdict(job)), encoding="utf-8")
    save_file({"train": np.ascontiguousarray(x_train), "test": np.ascontiguousarray(x_test)}, folder / "job.safetensors")


def load_job(folder: Path) -> tuple[Job, np.ndarray, np.ndarray]:
    pictures = load_file(folder / "job.safetensors")
    return Job(**json.loads((folder / "job.json").read_text(encoding="utf-8"))), pictures["train"], pictures["test"]


def save_report(report: Report, folder: Path) -> None:
    facts = asdict(report)
    arrays = {f"{group}/{name}": np.ascontiguousarray(array)
              for group in GROUPS for name, array in facts.pop(group).items()}
    save_file(arrays, folder / "report.safetensors")
    (folder / "report.json").write_text(json.dumps(facts), encoding="utf-8")


def load_report(folder: Path) -> Report:
    facts = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    facts |= {"trainings": [Training(**t) for t in facts["trainings"]],
              "exports": [Exported(**e) for e in facts["exports"]], **{group: {} for group in GROUPS}}
    for key, array in load_file(folder / "report.safetensors").items():
        group, name = key.split("/")
        facts[group][name] = array
    return Report(**facts)
