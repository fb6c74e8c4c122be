"""Starts one process a framework, one after the other, each on one thread, and reads what comes back."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aigc_lib.frameworks import job as files
from aigc_lib.frameworks.job import Exported, Job, Outputs, Report
from aigc_lib.frameworks.worker import MODULES, NOT_INSTALLED
from aigc_lib.paths import ROOT

ONE_THREAD = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",  # PyTorch, NumPy
    "NPROC": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",              # JAX's compiler XLA
    "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1",                 # TensorFlow
}
QUIET = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}


def run(system: str, job: Job, folder: Path, python: str = sys.executable, timeout: float = 300) -> Report | None:
    """One framework's report on the job; None, and one Chinese line, where it is not installed.

    system: a key of ``worker.MODULES``. folder: where the job, the report and the exported files go, one a system.
    python: the interpreter that has the framework. RuntimeError with the last line of what the process said when it
    fails, or needs more than ``timeout`` seconds.
    """
    if system not in MODULES:
        raise ValueError(f"wanted one of {', '.join(MODULES)}, found {system!r}.")
    folder.mkdir(parents=True, exist_ok=True)
    files.save(job, folder, "job")
    missing = _process(system, ["aigc_lib.frameworks.worker", system, str(folder)], folder, python, timeout)
    if missing:
        print(f"没有 {missing.replace(' ', '、')}：{system} 跳过，其余照跑。要装：pip install {missing}")
        return None
    return files.load_report(folder)


def to_onnx(keras_file: Path, onnx_file: Path, timeout: float = 300) -> None:
    """Open a VAE's .keras file, of whatever backend, with Keras on PyTorch and write its decoder as ONNX."""
    _process("keras-torch", ["aigc_lib.frameworks.convert", str(keras_file), str(onnx_file)], onnx_file.parent,
             sys.executable, timeout)


def _process(system: str, words: list[str], home: Path, python: str, timeout: float) -> str:
    """Run a module in a process of its own; the packages that it lacks, or nothing. RuntimeError when it fails."""
    environment = os.environ | ONE_THREAD | QUIET | {
        "PYTHONPATH": str(ROOT), "KERAS_BACKEND": system.removeprefix("keras-"), "KERAS_HOME": str(home)}
    try:
        done = subprocess.run([python, "-m", *words], env=environment, capture_output=True, text=True, encoding="utf-8",
                              errors="replace", timeout=timeout)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the process of {system} was stopped after {timeout:g} seconds; give it a smaller job, or "
                           "a larger timeout.") from None
    said = done.stderr.strip().splitlines() or ["it said nothing"]
    if done.returncode == NOT_INSTALLED:
        return said[-1]
    if done.returncode:
        raise RuntimeError(f"the process of {system} ended with status {done.returncode}: {said[-1]}")
    return ""


def run_all(systems: Sequence[str], job: Job, folder: Path) -> dict[str, Report]:
    """The reports of those that are installed, one process after the other, so that none disturbs another's clock."""
    found = {system: run(system, job, folder / system) for system in systems}
    return {system: report for system, report in found.items() if report is not None}


def minus_elbo(x: np.ndarray, said: Outputs) -> float:
    """-ELBO in nats a picture for one draw of z, counted in float64; x (M, pixels).

    The variance of the pixels is the best one for these pictures, as in training (Rybkin, Daniilidis & Levine 2021).
    """
    mean, log_variance, x_hat = (np.asarray(a, np.float64) for a in (said.mean, said.log_variance, said.x_hat))
    variance = np.square(x_hat - x).mean()
    kl = (np.square(mean) + np.exp(log_variance) - 1 - log_variance).sum(1).mean() / 2
    return float(x.shape[1] / 2 * (np.log(2 * np.pi * variance) + 1) + kl)


def farthest(a: Outputs, b: Outputs) -> float:
    """The largest difference between two frameworks' outputs, over means, log variances and pixels."""
    return max(float(np.abs(getattr(a, name) - getattr(b, name)).max()) for name in ("mean", "log_variance", "x_hat"))


def seconds_a_step(report: Report, steps: int) -> float:
    """CPU seconds: the median epoch over its steps; each training's first epoch, in which compilers run, is left out.

    Of one thread, CPU seconds are what the clock would show on a machine that does nothing else.
    """
    return float(np.median([s for trained in report.trained for s in trained.cpu_seconds[1:]])) / steps


def warm_up_seconds(report: Report) -> float:
    """What the very first epoch took above a usual one: compiling, choosing kernels, first allocations."""
    first = report.trained[0].cpu_seconds
    return first[0] - float(np.median(first[1:]))


def check_onnx(exported: Exported, folder: Path, z: np.ndarray, wanted: np.ndarray) -> Exported:
    """Run the exported decoder with ONNX's own reference evaluator; the largest difference from ``wanted``."""
    from onnx.reference import ReferenceEvaluator  # part of an extra

    network = ReferenceEvaluator(str(folder / exported.file))
    picture = network.run(None, {network.input_names[0]: z})[0]
    return Exported(exported.kind, exported.file, exported.size, float(np.abs(picture - wanted).max()))
