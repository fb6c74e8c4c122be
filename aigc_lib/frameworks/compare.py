"""Starts one process a framework, one after the other, each on one thread, and reads what comes back."""

import importlib
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from aigc_lib.frameworks.job import OUTPUTS, Arrays, Job, Report, Training, load_report, save_job
from aigc_lib.frameworks.worker import MODULES, NOT_INSTALLED
from aigc_lib.paths import ROOT

SETTINGS = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",  # PyTorch, NumPy
    "NPROC": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",              # JAX's compiler XLA
    "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",                 # TensorFlow
    "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3",
}


def interpreter(system: str) -> str:
    """This Python; for TensorFlow the one that AIGC_TENSORFLOW names, where it names one."""
    named = os.environ.get("AIGC_TENSORFLOW") if system == "keras-tensorflow" else None
    if named and shutil.which(named) is None:
        raise ValueError("AIGC_TENSORFLOW should name a Python that has TensorFlow; what it names cannot be started.")
    return named or sys.executable


def run(system: str, folder: Path, timeout: float = 300) -> Report | None:
    """One framework's report on the job in ``folder``; None, and one Chinese line, where it is not installed.

    system: a key of ``worker.MODULES``. RuntimeError with the last line of what the process said when it fails, or
    needs more than ``timeout`` seconds.
    """
    if system not in MODULES:
        raise ValueError(f"wanted one of {', '.join(MODULES)}, found {system!r}.")
    home = folder / system
    home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | SETTINGS | {
        "PYTHONPATH": str(ROOT), "KERAS_BACKEND": system.removeprefix("keras-"), "KERAS_HOME": str(home),
        "TORCHINDUCTOR_CACHE_DIR": str(home)}  # else an earlier run's compiling would be free
    command = [interpreter(system), "-m", "aigc_lib.frameworks.worker", system, str(folder)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8",
                              errors="replace", timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the process of {system} was stopped after {timeout:g} seconds; give it a smaller job, or "
                           "a larger timeout.") from None
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    if done.returncode == NOT_INSTALLED:
        print(f"{system}：这台机器没有 {said[-1].replace(' ', '、')}，跳过，其余照跑。")
        return None
    if done.returncode:
        raise RuntimeError(f"the process of {system} ended with status {done.returncode}: {said[-1]}")
    return load_report(home)


def run_all(systems: Sequence[str], job: Job, x_train: np.ndarray, x_test: np.ndarray, folder: Path) -> dict[str, Report]:
    """The reports of those that are installed, one process after the other, so that none disturbs another's clock.

    x_train (N, pixels), x_test (M, pixels), float32. Job, reports and exported files go to ``folder``.
    """
    save_job(job, x_train, x_test, folder)
    found = {system: run(system, folder) for system in systems}
    return {system: report for system, report in found.items() if report is not None}


def keras_on_torch(home: Path) -> ModuleType | None:
    """``keras_vae`` in this very process, on PyTorch; None, and one Chinese line, without Keras."""
    if importlib.util.find_spec("keras") is None:
        print("这台机器没有 keras，这一步跳过。")
        return None
    os.environ |= {"KERAS_BACKEND": "torch", "KERAS_HOME": str(home)}  # read once, at the import
    return importlib.import_module("aigc_lib.frameworks.keras_vae")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep an exporter's warnings, of optional packages and of its own older parts, out of a notebook."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(logging.NOTSET)


def exact_layers(weights: Arrays, a: np.ndarray, part: str) -> np.ndarray:
    """The "encoder" or "decoder" by NumPy in float64: what every framework would say if it did not round."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    h = np.maximum(a @ w[f"{part}.0.weight"].T + w[f"{part}.0.bias"], 0)
    return h @ w[f"{part}.2.weight"].T + w[f"{part}.2.bias"]


def reference(weights: Arrays, x: np.ndarray, noise: np.ndarray) -> Arrays:
    """The VAE's OUTPUTS in float64."""
    mean, log_variance = np.split(exact_layers(weights, x, "encoder"), 2, axis=1)
    log_variance = log_variance.clip(-12, 8)
    z = mean + np.exp(log_variance / 2) * noise
    return {"mean": mean, "log_variance": log_variance, "x_hat": exact_layers(weights, z, "decoder")}


def farthest(a: Arrays, b: Arrays) -> float:
    """The largest difference between two models' outputs, over means, log variances and pixels."""
    return max(float(np.abs(a[name].astype(np.float64) - b[name]).max()) for name in OUTPUTS)


def seconds_a_step(trainings: Sequence[Training], steps: int, clock: str = "cpu_seconds") -> float:
    """The median epoch over its steps; each training's first epoch, in which compilers run, is left out."""
    return float(np.median([seconds for training in trainings for seconds in getattr(training, clock)[1:]])) / steps


def warm_up_seconds(report: Report) -> float:
    """Seconds on the clock that the first epoch took above a usual one: compiling, choosing kernels, first allocations.

    Not CPU seconds: compilers are processes of their own.
    """
    first = report.trainings[0].seconds
    return first[0] - float(np.median(first[1:]))
