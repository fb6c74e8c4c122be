"""The files in deploy/: valid by the platforms' own schemas, true to the Makefile, and of use in a rehearsal."""

import ast
import copy
import json
import re
import runpy
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest

from aigc_lib import platforms
from aigc_lib.course import rehearsal
from aigc_lib.course.manifest import load_manifest, select
from aigc_lib.paths import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
JOBS = ("SageMaker", "Azure ML")


def changed(platform, *path, to=None):
    """The platform's job file with one place changed, or removed when ``to`` is None."""
    job = copy.deepcopy(platforms.load_job(platform))
    inside = job
    for key in path[:-1]:
        inside = inside[key]
    if to is None:
        del inside[path[-1]]
    else:
        inside[path[-1]] = to
    return job


@pytest.mark.parametrize("platform", platforms.FILES)
def test_job_files_keep_the_published_schema(platform):
    assert platforms.job_problems(platform, platforms.load_job(platform)) == []
    assert {"x-source", "x-version", "x-licence"} <= set(platforms.schema(platform))
    assert (DEPLOY / "schemas" / f"LICENSE.{platforms.schema(platform)['x-source']}").exists()


@pytest.mark.parametrize(("platform", "path", "to", "said"), [
    ("SageMaker", ["ResourceConfig", "InstanceCount"], -1, "-1"),
    ("SageMaker", ["ResourceConfig", "InstanceCount"], "two", "two"),
    ("SageMaker", ["ResourceConfig", "InstanceType"], "ml.m5.lagre", "ml.m5.lagre"),
    ("SageMaker", ["RoleArn"], None, "RoleArn"),
    ("SageMaker", ["TrainingJobName"], "aigc course", "aigc course"),
    ("SageMaker", ["StopingCondition"], {"MaxRuntimeInSeconds": 60}, "StopingCondition"),
    ("Azure ML", ["command"], None, "command"),
    ("Azure ML", ["enviroment"], "azureml:aigc-course:1", "enviroment"),
    ("Azure ML", ["resources", "instance_count"], "two", "two"),
    ("Azure ML", ["environment"], "aigc-course:1", "aigc-course:1"),
    ("Azure ML 环境", ["name"], None, "name"),
])
def test_wrong_files_are_rejected(platform, path, to, said):
    assert any(said in problem for problem in platforms.job_problems(platform, changed(platform, *path, to=to)))


@pytest.mark.parametrize(("platform", "path", "to"), [
    ("SageMaker", ["HyperParameters", "chapters"], "ch99"),
    ("SageMaker", ["HyperParameters", "profile"], "fast"),
    ("SageMaker", ["HyperParameters", "epochs"], "3"),
    ("SageMaker", ["ResourceConfig", "InstanceCount"], 3),
    ("SageMaker", ["AlgorithmSpecification", "ContainerEntrypoint"], None),
    ("Azure ML", ["inputs", "chapters"], "ch99"),
    ("Azure ML", ["inputs", "seed"], None),
    ("Azure ML", ["environment_variables", "AIGC_RUNS"], "./runs"),
    ("Azure ML", ["command"], "aigc rnu ch01"),
])
def test_the_dry_run_rejects_what_the_schema_lets_through(platform, path, to):
    wrong = changed(platform, *path, to=to)
    assert platforms.job_problems(platform, wrong) == []
    assert rehearsal.dry_run(platform, platforms.load_job(platform)) is None
    assert rehearsal.dry_run(platform, wrong)


@pytest.mark.parametrize("platform", JOBS)
def test_slips_change_one_place_each_and_leave_the_job_alone(platform):
    job = platforms.load_job(platform)
    before = copy.deepcopy(job)
    planted = platforms.slips(job, np.random.default_rng(0))
    again = platforms.slips(job, np.random.default_rng(0))
    assert job == before and planted == again
    assert all(slip.document != job for slip in planted)
    assert {slip.kind for slip in planted} == {"漏写", "键名拼错", "值拼错", "留空", "数写错", "类型写错"}


def test_a_file_that_cannot_be_read_is_a_value_error():
    for platform, text in (("SageMaker", "{"), ("SageMaker", "3"), ("Azure ML", "a: [b"), ("Azure ML", "just words")):
        with pytest.raises(ValueError):
            platforms.parse(platform, text)


@pytest.mark.parametrize("platform", JOBS)
def test_a_lost_character_changes_the_file(platform):
    lost = platforms.lost_characters(platform, 40, np.random.default_rng(0))
    assert len(lost) == 40 and platforms.load_job(platform) not in lost
    assert None in lost and any(lost)  # some cannot be read any more, some can
    assert lost == platforms.lost_characters(platform, 40, np.random.default_rng(0))


def test_misspelling_swaps_two_letters():
    rng = np.random.default_rng(0)
    for word in ("seed", "ml.m5.large", "0", "aa"):
        wrong = platforms.misspelt(word, rng)
        assert wrong != word and (sorted(wrong) == sorted(word) or len(wrong) == len(word) + 1)


# The official clients, where they are installed: the committed schemas must say what they say.

def test_sagemaker_client_and_schema_agree():
    pytest.importorskip("botocore", reason="botocore is no part of the course: pip install it to compare")
    from botocore.session import Session
    from botocore.validate import ParamValidator

    shape = Session().get_service_model("sagemaker").operation_model("CreateTrainingJob").input_shape
    job = platforms.load_job("SageMaker")
    for slip in platforms.slips(job, np.random.default_rng(1)):
        theirs = ParamValidator().validate(slip.document, shape).has_errors()
        ours = platforms.job_problems("SageMaker", slip.document, platforms.client_schema("SageMaker"))
        assert theirs == bool(ours), (slip.kind, slip.where, slip.became, ours)


def test_azureml_client_and_schema_agree(tmp_path):
    pytest.importorskip("azure.ai.ml", reason="azure-ai-ml is no part of the course: pip install it to compare")
    import yaml
    from azure.ai.ml import load_environment, load_job

    assert load_environment(DEPLOY / "azureml" / "environment.yml").name == "aigc-course"
    for i, slip in enumerate(platforms.slips(platforms.load_job("Azure ML"), np.random.default_rng(1))):
        path = tmp_path / f"{i}.yml"
        path.write_text(yaml.safe_dump(slip.document), encoding="utf-8")
        try:
            load_job(path)
            theirs = False
        except Exception:  # noqa: BLE001  (the client raises several kinds)
            theirs = True
        assert theirs == bool(platforms.job_problems("Azure ML", slip.document)), (slip.kind, slip.where, slip.became)


# The image, the dev container and Colab install what `make course` installs.

def extras_of_make_course():
    lines = re.search(r"(?ms)^\$\(VENV\)/\.course:.*?\n\n", (ROOT / "Makefile").read_text(encoding="utf-8")).group(0)
    found, = platforms.extras(lines)
    return found


def colab():
    return nbformat.read(DEPLOY / "colab.ipynb", as_version=4)


def test_extras_are_those_of_make_course():
    in_colab = "\n".join(cell.source for cell in colab().cells)
    assert platforms.extras(DOCKERFILE) == platforms.extras(in_colab) == [extras_of_make_course()]
    for text in (DOCKERFILE, in_colab):
        assert "-c constraints.txt" in text and "grep '^torch==' constraints.txt" in text


def test_an_extra_too_few_would_be_noticed():
    assert platforms.extras(DOCKERFILE.replace(",compliance", "")) != [extras_of_make_course()]


def test_container_file_is_sound():
    assert platforms.container_problems(DOCKERFILE) == []


@pytest.mark.parametrize(("before", "after", "said"), [
    ("USER aigc", "USER root", "root"),
    ("COPY constraints.txt", "COPY constrants.txt", "constrants.txt"),
    ("WORKDIR", "WORKDRI", "WORKDRI"),
    ("python:3.11-slim-bookworm", "python", "版本"),
    ('["aigc", "run"]', "aigc run", "JSON"),
    ("FROM python:3.11-slim-bookworm AS course", "", "FROM"),
])
def test_bad_container_files_are_noticed(before, after, said):
    assert any(said in problem for problem in platforms.container_problems(DOCKERFILE.replace(before, after)))


def test_dev_container_builds_the_same_image():
    folder = ROOT / ".devcontainer"
    settings = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    assert (folder / settings["build"]["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    assert (folder / settings["build"]["context"]).resolve() == ROOT
    lines = platforms.instructions(DOCKERFILE)
    assert ("USER", settings["remoteUser"]) in lines and ("WORKDIR", settings["workspaceFolder"]) in lines
    assert any(words.endswith(f" AS {settings['build']['target']}") for name, words in lines if name == "FROM")


def test_colab_notebook_is_valid_and_runs_a_chapter_that_exists():
    from IPython.core.inputtransformer2 import TransformerManager

    nbformat.validate(colab())
    cells = [cell.source for cell in colab().cells if cell.cell_type == "code"]
    for source in cells:
        ast.parse(TransformerManager().transform_cell(source))
    command, = re.findall(r"bin/aigc (run .*)", "\n".join(cells))
    assert len(select(load_manifest(), [command.split()[1]])) == 1
    assert not any(cell.get("outputs") for cell in colab().cells)


# The entry script, started as the platform starts it.

@pytest.fixture
def tiny(tmp_path):
    return rehearsal.tiny_course(tmp_path / "course")


def test_a_job_gives_the_same_numbers_in_every_layout(tmp_path, tiny):
    here = rehearsal.run_here(["run", "ch01", "--profile", "smoke"], tmp_path / "here", **tiny)
    sagemaker = rehearsal.run_sagemaker(platforms.load_job("SageMaker"), tmp_path / "opt" / "ml", **tiny)
    azureml = rehearsal.run_azureml(platforms.load_job("Azure ML"), tmp_path / "azure", OMP_NUM_THREADS="2", **tiny)
    other = rehearsal.run_here(["run", "ch01", "--profile", "smoke", "--seed", "1"], tmp_path / "other", **tiny)
    assert sagemaker.difference(here) == azureml.difference(here) == 0 < other.difference(here)
    assert here.files == sagemaker.files == azureml.files and "smoke/report.json" in here.files
    assert not (tmp_path / "course" / "runs").exists()  # AIGC_RUNS moved them, relative for Azure ML
    with pytest.raises(ValueError, match="same claims"):
        here.difference(rehearsal.Rehearsal(1.0, 1.0, {}, ()))


def test_a_failed_job_says_why_where_sagemaker_looks(tmp_path, tiny):
    with pytest.raises(RuntimeError, match="chapetrs"):
        rehearsal.run_sagemaker(changed("SageMaker", "HyperParameters", "chapetrs", to="ch01"), tmp_path / "ml", **tiny)
    assert "chapetrs" in (tmp_path / "ml" / "output" / "failure").read_text(encoding="utf-8")
    with pytest.raises(RuntimeError):
        rehearsal.run_sagemaker(changed("SageMaker", "HyperParameters", "chapters", to="ch99"), tmp_path / "ml", **tiny)
    assert "aigc run" in (tmp_path / "ml" / "output" / "failure").read_text(encoding="utf-8")


def test_the_entry_script_uses_the_documented_folder_by_default():
    source = (DEPLOY / "sagemaker" / "train.py").read_text(encoding="utf-8")
    assert '"/opt/ml"' in source
    assert runpy.run_path(str(DEPLOY / "sagemaker" / "train.py"))["KNOWN"] == set(
        platforms.load_job("SageMaker")["HyperParameters"])


def test_an_input_that_is_missing_is_named():
    with pytest.raises(ValueError, match="seed"):
        rehearsal.filled("aigc run --seed ${{inputs.seed}}", {})
    assert rehearsal.filled("a ${{inputs.x}} ${{ inputs.y }}", {"x": 1, "y": "b"}) == "a 1 b"


def test_sizes_count_what_the_course_needs():
    sizes = platforms.installed_sizes(extras_of_make_course())
    assert sizes["torch"] > 50e6 and "pytest" not in sizes and "nbformat" in sizes


def test_prepare_script_makes_the_committed_schemas(tmp_path):
    for package in ("botocore", "azure.ai.ml"):
        pytest.importorskip(package, reason=f"{package} is no part of the course: pip install it to compare")
    shutil.copytree(DEPLOY / "prepare", tmp_path / "prepare")
    (tmp_path / "schemas").mkdir()
    subprocess.run([sys.executable, str(tmp_path / "prepare" / "schemas.py")], check=True, capture_output=True)
    for path in (tmp_path / "schemas").iterdir():
        assert path.read_bytes() == (DEPLOY / "schemas" / path.name).read_bytes(), path.name
