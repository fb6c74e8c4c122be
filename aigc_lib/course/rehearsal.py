"""A rehearsal of a hosted job on this machine: the platform's folders in a temporary one, its command, our chapters.

What a rehearsal shows is what the job itself will say: wrong chapters, options and folders. What the platform says
(machine types, roles, limits) is for its schema; what the account says, only the account knows.
"""

import contextlib
import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import nbformat

from aigc_lib import paths
from aigc_lib.course.manifest import Chapter, with_chapter

IN_IMAGE = "/course"  # where deploy/Dockerfile puts the course
COLLECTED = "outputs"  # Azure ML uploads this folder of the job's own
TINY = """
import numpy as np
from aigc_lib.evidence import Experiment
experiment = Experiment("tiny", profile=PROFILE, seed=SEED)
claim = experiment.claim(id="tiny.mean", section="1", text="甲比乙好。", metric="分数", model="甲", baseline="乙",
                         higher_is_better=True, smallest_difference=0.5)
numbers = np.random.default_rng(SEED).normal(size=(2, 100))
claim.measure(model=numbers[0].mean(), baseline=numbers[1].mean())
"""


@dataclass(frozen=True)
class Rehearsal:
    """How a job went: seconds from the first process to the last, those of the chapters alone, and what they measured."""

    seconds: float
    chapter_seconds: float
    claims: dict[str, tuple[float, float]]  # id -> (model, baseline)
    files: tuple[str, ...]                  # what lies where the platform collects, relative to it

    @property
    def around(self) -> float:
        """Seconds spent outside the chapters: starting, reading the job, writing the report."""
        return self.seconds - self.chapter_seconds

    def difference(self, other: "Rehearsal") -> float:
        """The largest difference between two runs' measurements, relative to the other's; ValueError if claims differ."""
        if set(self.claims) != set(other.claims) or not self.claims:
            raise ValueError(f"wanted the same claims in both, found {sorted(self.claims)} and {sorted(other.claims)}")
        pairs = [pair for name in self.claims for pair in zip(self.claims[name], other.claims[name])]
        return max(abs(a - b) / max(abs(b), 1e-12) for a, b in pairs)


def sagemaker_layout(request: Mapping, root: Path) -> Path:
    """Make under ``root`` what SageMaker puts into a container's /opt/ml for this request; returns root."""
    config = root / "input" / "config"
    for folder in (config, root / "output" / "data", root / "model"):
        folder.mkdir(parents=True, exist_ok=True)
    resources = request.get("ResourceConfig")
    count = resources.get("InstanceCount", 1) if isinstance(resources, dict) else 1
    hosts = [f"algo-{i}" for i in range(1, 1 + (count if isinstance(count, int) else 1))]
    about = {"current_host": "algo-1", "hosts": hosts}
    (config / "resourceconfig.json").write_text(json.dumps(about), encoding="utf-8")
    (config / "hyperparameters.json").write_text(json.dumps(request.get("HyperParameters", {})), encoding="utf-8")
    return root


def dry_run(platform: str, job: Mapping) -> str | None:
    """What the job's own command says before it runs anything: the complaint, or None when it would start."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            _aigc(_sagemaker_words(job) if platform == "SageMaker" else _azureml_words(job))
    except click.ClickException as error:
        return error.format_message()
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    except (TypeError, AttributeError):
        return "有一处类型不对，预演不下去；是哪一处，看模式怎么说。"
    return None


def _aigc(words: Sequence[str]) -> None:
    """Let ``aigc`` read a command line to the end without running it. Raises ClickException."""
    from aigc_lib.course.cli import main

    if words[:1] != ["run"]:
        raise click.UsageError(f"作业要跑的不是 aigc run：{' '.join(words)}")
    main.main(args=[*words, "--dry-run"], prog_name="aigc", standalone_mode=False)


def _sagemaker_words(request: Mapping) -> list[str]:
    """The container's command, started as SageMaker would, up to what it hands to ``aigc``."""
    entry = request.get("AlgorithmSpecification", {}).get("ContainerEntrypoint")
    if entry is None:
        return ["run", "train"]  # SageMaker then starts the image with the one word "train"
    program, *script = entry
    _check_installed(program)
    if len(script) != 1:
        raise ValueError(f"入口应当是一个脚本，现在是 {script}。")
    path = _in_course(script[0])
    with tempfile.TemporaryDirectory() as root:
        return runpy.run_path(str(path))["plan"](sagemaker_layout(request, Path(root)))


def _check_installed(program: str) -> None:
    """The image's environment is made as ours is, so what lies beside our Python lies beside its."""
    if shutil.which(program, path=str(Path(sys.executable).parent)) is None:
        raise FileNotFoundError(f"课程的环境里没有命令“{program}”。")


def _in_course(name: str) -> Path:
    path = paths.ROOT / name.removeprefix(IN_IMAGE + "/")
    if not (name.startswith(IN_IMAGE + "/") and path.is_file()):
        raise FileNotFoundError(f"镜像里没有“{name}”。")
    return path


def _azureml_words(job: Mapping) -> list[str]:
    """The job's command with its inputs in place, and its results in the folder that is collected."""
    runs = job.get("environment_variables", {}).get("AIGC_RUNS", "runs")
    if not (Path.cwd() / runs).resolve().is_relative_to(Path.cwd() / COLLECTED):
        raise ValueError(f"结果写到“{runs}”，平台只收 ./{COLLECTED}：跑完就没了。")
    program, *words = shlex.split(filled(job.get("command", ""), job.get("inputs", {}))) or [""]
    _check_installed(program)
    return words


def filled(command: str, inputs: Mapping) -> str:
    """``command`` with ``${{inputs.name}}`` replaced; ValueError when an input is missing or has no plain value."""
    plain = {name: str(value) for name, value in inputs.items() if isinstance(value, (str, int, float))}
    done = re.sub(r"\$\{\{\s*inputs\.(\w+)\s*\}\}", lambda found: plain.get(found.group(1), found.group(0)), command)
    if left := re.search(r"\$\{\{.*?(\}\}|$)", done):
        raise ValueError(f"命令里的 {left.group(0)} 填不上：作业的 inputs 里没有它，或者它不是一个值。")
    return done


def run_here(words: Sequence[str], folder: Path, **more: str) -> Rehearsal:
    """``aigc`` with these words on this machine, results in ``folder``. ``more`` goes into the environment."""
    return _run([sys.executable, "-m", "aigc_lib.course.cli", *words], folder, folder, more)


def run_sagemaker(request: Mapping, root: Path, **more: str) -> Rehearsal:
    """The request's entry script in a folder laid out as /opt/ml; results from where SageMaker collects them."""
    script = _in_course(request["AlgorithmSpecification"]["ContainerEntrypoint"][1])
    sagemaker_layout(request, root)
    return _run([sys.executable, str(script), str(root)], root, root / "output" / "data", more)


def run_azureml(job: Mapping, folder: Path, **more: str) -> Rehearsal:
    """The job's command in a folder of its own; results from its ``outputs``, as Azure ML collects them."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "aigc_lib.course.cli", *_azureml_words(job)]
    return _run(command, folder, folder / COLLECTED, {**job.get("environment_variables", {}), **more})


def _run(command: Sequence[str], cwd: Path, results: Path, more: Mapping[str, str]) -> Rehearsal:
    cwd.mkdir(parents=True, exist_ok=True)
    search = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "AIGC_RUNS": str(results), "OMP_NUM_THREADS": "1", "PYTHONPATH": search, **more}
    started = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"the job ended with code {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}")
    report = json.loads(next(results.glob("*/report.json")).read_text(encoding="utf-8"))
    claims = {claim["id"]: (claim["model_value"], claim["baseline_value"]) for claim in report["claims"]}
    files = sorted(str(path.relative_to(results)) for path in results.rglob("*") if path.is_file())
    return Rehearsal(seconds, report["seconds"], claims, tuple(files))


def tiny_course(root: Path) -> dict[str, str]:
    """A course of one chapter that takes no time, for a rehearsal of the way there; the environment that names it."""
    (root / "notebooks").mkdir(parents=True)
    chapter = Chapter("ch01_overview", "1", "小小的一章", "部分", 25, 25)
    (root / "notebooks" / "course.toml").write_text(with_chapter("", chapter), encoding="utf-8")
    first = nbformat.v4.new_code_cell("PROFILE = None\nSEED = 0", metadata={"tags": ["parameters"]})
    cells = [nbformat.v4.new_markdown_cell("# 1 小小的一章"), first, nbformat.v4.new_code_cell(TINY.strip())]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "notebooks" / "ch01_overview.ipynb")
    return {"AIGC_ROOT": str(root)}
