"""One framework's process: ``python -m aigc_lib.frameworks.worker SYSTEM FOLDER`` reads FOLDER's job, writes a report.

``compare`` starts it, because Keras takes its backend when it is imported and keeps it, and because import time and
peak memory belong to a process. The report and the exported files go to FOLDER/SYSTEM.
"""

import importlib
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from aigc_lib.frameworks.job import Arrays, Exported, Job, Report, Training, load_job, save_report

MODULES = {"torch": ("torch_vae", ["torch"]), "torch-compile": ("torch_compiled", ["torch"]),
           "jax": ("jax_vae", ["jax"]), "keras-jax": ("keras_vae", ["keras", "jax"]),
           "keras-torch": ("keras_vae", ["keras", "torch"]), "keras-tensorflow": ("keras_vae", ["keras", "tensorflow"])}
NOT_INSTALLED = 3  # exit status
SHOWN = 16  # pictures by which an exported file is checked


def missing(system: str) -> list[str]:
    """The packages and programs that this system needs and this machine lacks."""
    lost = [package for package in MODULES[system][1] if importlib.util.find_spec(package) is None]
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    return lost + [compiler] * (system == "torch-compile" and shutil.which(compiler) is None)


def outputs(module: ModuleType, model, x: np.ndarray, noise: np.ndarray) -> Arrays:
    mean, log_variance = module.encode(model, x)
    z = mean + np.exp(log_variance / 2) * noise
    return {"mean": mean, "log_variance": log_variance, "x_hat": module.decode(model, z)}


def minus_elbo(x: np.ndarray, said: Arrays) -> float:
    """-ELBO in nats a picture for one draw of z, counted in float64; x (M, pixels).

    The variance of the pixels is the best one for these pictures, as in training (Rybkin, Daniilidis & Levine 2021).
    """
    mean, log_variance, x_hat = (said[name].astype(np.float64) for name in ("mean", "log_variance", "x_hat"))
    rebuilding = x.shape[1] / 2 * (np.log(2 * np.pi * np.square(x_hat - x).mean()) + 1)
    return float(rebuilding + (np.square(mean) + np.exp(log_variance) - 1 - log_variance).sum(1).mean() / 2)


def train(module: ModuleType, model, kind: str, job: Job, batches: Iterator) -> tuple[list[float], ...]:
    """Losses, seconds on the clock and CPU seconds, an epoch each."""
    losses, clocks = [], [(time.perf_counter(), time.process_time())]

    def on_epoch(loss: float) -> None:
        losses.append(float(loss))
        clocks.append((time.perf_counter(), time.process_time()))

    module.fit(model, batches, job.epochs, job.steps, on_epoch, **({} if kind == "own" else module.SHARED))
    return losses, *np.diff(clocks, axis=0).T.tolist()


def export(module: ModuleType, model, folder: Path, z: np.ndarray) -> Iterator[Exported]:
    """Every format that this framework offers; what cannot be written says why, in one line."""
    wanted = module.decode(model, z)
    for kind, (name, write) in module.EXPORTS.items():
        file = folder / name
        try:
            back = write(model, file, z)
        except Exception as error:  # noqa: BLE001  (whatever a missing converter raises: the comparison reports it)
            yield Exported(kind, name, problem=f"{type(error).__name__}: {error}".splitlines()[0][:160])
            continue
        size = sum(part.stat().st_size for part in [file, *file.rglob("*")] if part.is_file())
        yield Exported(kind, name, size, float(np.abs(back - wanted).max()))


def peak_mb() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def work(system: str, folder: Path) -> Report:
    job, x_train, x_test = load_job(folder)
    name, packages = MODULES[system]
    clock = time.perf_counter()
    module = importlib.import_module(f"aigc_lib.frameworks.{name}")
    seconds = time.perf_counter() - clock
    noise, trainings, first = job.test_noise(len(x_test)), [], None
    for i, kind in enumerate(job.trainings):
        dtype = "float64" if kind == "exact" else "float32"
        module.use(dtype)
        model = module.build((x_train.shape[1], job.hidden, job.latent), 10 * job.seed + i)
        if kind != "own":
            start = job.start_weights(x_train.shape[1])
            module.load_weights(model, {name: value.astype(dtype) for name, value in start.items()})
        seen, look = x_train.astype(dtype, copy=False), (x_test.astype(dtype), noise.astype(dtype))
        before = None if first else outputs(module, model, *look)
        timed = train(module, model, kind, job, job.batches(seen, i if kind == "own" else 0))
        after = outputs(module, model, *look)
        trainings.append(Training(kind, *timed, minus_elbo(x_test, after)))
        first = first or (model, before, after)
    peak = peak_mb()  # before the exporters, which import much more
    model, before, after = first
    exports = list(export(module, model, folder / system, after["mean"][:SHOWN]))
    versions = {package: importlib.import_module(package).__version__ for package in packages}
    return Report(system, versions, seconds, peak, trainings, exports, before, after, module.dump_weights(model))


def main() -> None:
    system, folder = sys.argv[1], Path(sys.argv[2])
    if lost := missing(system):
        print(" ".join(lost), file=sys.stderr)
        sys.exit(NOT_INSTALLED)
    save_report(work(system, folder), folder / system)


if __name__ == "__main__":
    main()
