"""What goes to a framework's process and what comes back: arrays as safetensors, the rest as JSON."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


SHOWN = 16


@dataclass
class Training:
    """One training: which pictures in which order, the noise of each step, and where the weights start.

    order (E, S, B): rows of x_train for E epochs of S steps; noise (E, S, B, latent). weights: in PyTorch's names and
    layout; none for the framework's own default, drawn by seed. epsilon: Adam's; none for the framework's default.
    """

    order: np.ndarray
    noise: np.ndarray
    weights: dict[str, np.ndarray] | None = None
    seed: int = 0
    epsilon: float | None = None


@dataclass
class Job:
    """x_train (N, pixels), x_test (M, pixels), noise_test (M, latent), all float32; hidden: width of the middle layer."""

    x_train: np.ndarray
    x_test: np.ndarray
    noise_test: np.ndarray
    hidden: int
    trainings: list[Training]

    def __post_init__(self) -> None:
        if len(self.x_test) != len(self.noise_test):
            raise ValueError(f"wanted one row of noise for each test picture, found {len(self.noise_test)} for {len(self.x_test)}.")
        for t in self.trainings:
            if t.noise.shape != (*t.order.shape, self.noise_test.shape[1]):
                raise ValueError(f"wanted noise of shape order x latent {(*t.order.shape, self.noise_test.shape[1])}, "
                                 f"found {t.noise.shape}.")

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Pixels, hidden, latent."""
        return self.x_train.shape[1], self.hidden, self.noise_test.shape[1]


@dataclass
class Outputs:
    """What a model says of the test pictures: mean and log variance (M, latent), x_hat (M, pixels)."""

    mean: np.ndarray
    log_variance: np.ndarray
    x_hat: np.ndarray


@dataclass
class Trained:
    """losses, seconds on the clock and CPU seconds of each epoch, (E,); the outputs and weights at the end."""

    losses: list[float]
    seconds: list[float]
    cpu_seconds: list[float]
    outputs: Outputs
    weights: dict[str, np.ndarray]


@dataclass
class Exported:
    """A file that a framework wrote: its size, and how far the picture differs when it is run again.

    error: None where nobody ran it. problem: why there is no file, else empty.
    """

    kind: str
    file: str = ""
    size: int = 0
    error: float | None = None
    problem: str = ""


@dataclass
class Report:
    """One framework's answer. before: outputs of the first training's start; peak_mb: the process's peak memory.

    pictures: what the last model decodes from the first SHOWN rows of noise_test, to check the exported files by.
    """

    system: str
    versions: dict[str, str] = field(default_factory=dict)
    import_seconds: float = 0.0
    peak_mb: float | None = None
    before: Outputs | None = None
    trained: list[Trained] = field(default_factory=list)
    exports: list[Exported] = field(default_factory=list)
    pictures: np.ndarray | None = None


def _flat(tree: object, prefix: str, arrays: dict[str, np.ndarray]) -> object:
    """The tree with every array replaced by the name under which ``arrays`` now holds it."""
    if isinstance(tree, np.ndarray):
        arrays[prefix] = np.ascontiguousarray(tree)
        return {"array": prefix}
    if isinstance(tree, dict):
        return {key: _flat(value, f"{prefix}/{key}", arrays) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_flat(value, f"{prefix}/{i}", arrays) for i, value in enumerate(tree)]
    return tree


def _filled(tree: object, arrays: dict[str, np.ndarray]) -> object:
    if isinstance(tree, dict):
        return arrays[tree["array"]] if set(tree) == {"array"} else {k: _filled(v, arrays) for k, v in tree.items()}
    return [_filled(value, arrays) for value in tree] if isinstance(tree, list) else tree


def save(thing: Job | Report, folder: Path, name: str) -> None:
    """Write NAME.safetensors and NAME.json."""
    arrays: dict[str, np.ndarray] = {}
    tree = _flat(asdict(thing), "", arrays)
    save_file(arrays, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(tree), encoding="utf-8")


def _read(folder: Path, name: str) -> dict:
    tree = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return _filled(tree, load_file(folder / f"{name}.safetensors"))


def load_job(folder: Path) -> Job:
    tree = _read(folder, "job")
    return Job(**tree | {"trainings": [Training(**t) for t in tree["trainings"]]})


def load_report(folder: Path) -> Report:
    tree = _read(folder, "report")
    trained = [Trained(**t | {"outputs": Outputs(**t["outputs"])}) for t in tree["trained"]]
    return Report(**tree | {"before": Outputs(**tree["before"]), "trained": trained,
                            "exports": [Exported(**e) for e in tree["exports"]]})
