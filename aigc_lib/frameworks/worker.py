"""One framework's process: ``python -m aigc_lib.frameworks.worker SYSTEM FOLDER`` reads the job, writes the report.

``compare`` starts it, because Keras takes its backend when it is imported and keeps it, and because import time and
peak memory belong to a process. It imports nothing of the course but ``job``: it also runs where only the framework,
numpy and safetensors are installed.
"""

import importlib
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from aigc_lib.frameworks.job import SHOWN, Exported, Job, Outputs, Report, Trained, Training, load_job, save

MODULES = {"torch": ("torch_vae", ["torch"]), "jax": ("jax_vae", ["jax"]), "keras-jax": ("keras_vae", ["keras", "jax"]),
           "keras-torch": ("keras_vae", ["keras", "torch"]), "keras-tensorflow": ("keras_vae", ["keras", "tensorflow"])}
NOT_INSTALLED = 3  # exit status


def batches(job: Job, training: Training) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures and noise, step by step."""
    for rows, noise in zip(training.order, training.noise):
        yield from ((job.x_train[r], e) for r, e in zip(rows, noise))


def outputs(module: ModuleType, model, x: np.ndarray, noise: np.ndarray) -> Outputs:
    mean, log_variance = module.encode(model, x)
    return Outputs(mean, log_variance, module.decode(model, mean + np.exp(log_variance / 2) * noise))


def train(module: ModuleType, model, job: Job, training: Training) -> Trained:
    losses, clocks = [], [(time.perf_counter(), time.process_time())]

    def on_epoch(loss: float) -> None:
        losses.append(float(loss))
        clocks.append((time.perf_counter(), time.process_time()))

    epochs, steps = training.order.shape[:2]
    epsilon = module.EPSILON if training.epsilon is None else training.epsilon
    module.fit(model, batches(job, training), epochs, steps, epsilon, on_epoch)
    seconds, cpu_seconds = np.diff(clocks, axis=0).T.tolist()
    return Trained(losses, seconds, cpu_seconds, outputs(module, model, job.x_test, job.noise_test),
                   module.dump_weights(model))


def export(module: ModuleType, model, folder: Path, z: np.ndarray) -> Iterator[Exported]:
    """Every format that this framework offers; what cannot be written says why, in one line."""
    wanted = module.decode(model, z)
    for kind, (name, write) in module.EXPORTS.items():
        file = folder / name
        try:
            back = write(model, file, z)
        except Exception as error:  # whatever a missing converter raises: the comparison reports it
            yield Exported(kind, problem=f"{type(error).__name__}: {error}".splitlines()[0][:160])
            continue
        size = sum(part.stat().st_size for part in [file, *file.rglob("*")] if part.is_file())
        yield Exported(kind, name, size, None if back is None else float(np.abs(back - wanted).max()))


def peak_mb() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def work(system: str, folder: Path) -> Report:
    job = load_job(folder)
    name, packages = MODULES[system]
    start = time.perf_counter()
    module = importlib.import_module(f"aigc_lib.frameworks.{name}")
    report = Report(system, {p: importlib.import_module(p).__version__ for p in packages}, time.perf_counter() - start)
    for i, training in enumerate(job.trainings):
        model = module.build(job.sizes, training.seed)
        if training.weights is not None:
            module.load_weights(model, training.weights)
        if i == 0:
            report.before = outputs(module, model, job.x_test, job.noise_test)
        report.trained.append(train(module, model, job, training))
    report.peak_mb = peak_mb()  # before the exporters, which import much more
    z = job.noise_test[:SHOWN]
    report.pictures = module.decode(model, z)
    report.exports = list(export(module, model, folder, z))
    return report


def main() -> None:
    system, folder = sys.argv[1], Path(sys.argv[2])
    missing = [package for package in MODULES[system][1] if importlib.util.find_spec(package) is None]
    if missing:
        print(" ".join(missing), file=sys.stderr)
        sys.exit(NOT_INSTALLED)
    save(work(system, folder), folder, "report")


if __name__ == "__main__":
    main()
