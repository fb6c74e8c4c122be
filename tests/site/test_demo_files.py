"""The demos' files: ONNX against PyTorch, the record, and a site that has to do without."""

import dataclasses
import hashlib
import io
import json
import sys
import tarfile

import pytest
import site_links as links
import site_miniature as miniature
import torch
from click.testing import CliRunner

from aigc_lib.course import demo_models, demos, npm
from aigc_lib.course.cli import main

reference = pytest.importorskip("onnx.reference", reason="onnx is not installed (extra: dev)")
MODELS = list(demo_models.RECIPES)


def answers(name: str, guidance: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """One output of a model's graph: as the ONNX file says, as PyTorch says with the same weights."""
    recipe = demo_models.RECIPES[name]
    inputs = recipe.inputs()
    for key, value in inputs.items():
        if key in ("x", "z"):
            inputs[key] = torch.randn(value.shape, generator=torch.Generator().manual_seed(1))
    graph = recipe.graph(demo_models.load(name)).eval()
    asked = inputs | ({"guidance": torch.tensor([3.0])} if "guidance" in inputs else {})
    evaluator = reference.ReferenceEvaluator(str(demo_models.file_of(name)))
    onnx_says = evaluator.run(None, {key: value.numpy() for key, value in asked.items()})[0]
    told = inputs | ({"guidance": torch.tensor([guidance])} if "guidance" in inputs else {"z": inputs["z"] * guidance / 3})
    with torch.no_grad():
        return torch.tensor(onnx_says), graph(*told.values())


@pytest.mark.parametrize("name", MODELS)
def test_the_onnx_file_says_what_pytorch_says(name):
    onnx_says, torch_says = answers(name)
    assert (onnx_says - torch_says).abs().max() < 1e-4
    onnx_says, torch_says = answers(name, guidance=1.0)
    assert (onnx_says - torch_says).abs().max() > 1e-2  # another question has another answer


@pytest.mark.parametrize("name", ["diffusion", "caption"])
def test_guidance_is_that_of_the_library(name):
    model, inputs = demo_models.load(name), demo_models.RECIPES[name].inputs()
    x, t, cond = torch.randn(inputs["x"].shape, generator=torch.Generator().manual_seed(0)), torch.tensor([0.7]), inputs["cond"]
    with torch.no_grad():
        x0, noise = model.denoise(x, t, cond, 2.5)
        assert torch.allclose(demo_models.Guided(model.network)(x, t, cond, torch.tensor([2.5])), noise - x0, atol=1e-5)


def test_the_record_is_that_of_the_files():
    records = json.loads(demo_models.records_file().read_text("utf-8"))
    assert list(records) == MODELS
    total = 0
    for name, record in records.items():
        content = demo_models.file_of(name).read_bytes()
        recipe = demo_models.RECIPES[name]
        assert record["sha256"] == hashlib.sha256(content).hexdigest() and record["bytes"] == len(content) <= 1e6
        assert record["training"] == recipe.options and record["settings"] == recipe.settings()
        assert (miniature.REPOSITORY / "notebooks" / f"{record['notebook']}.ipynb").exists()
        total += len(content)
    assert total < 4e6


def test_writing_a_model_rounds_it_and_reads_back(monkeypatch, tmp_path):
    monkeypatch.setattr(demo_models.paths, "BOOK", tmp_path)
    (tmp_path / "demos").mkdir()
    model = demo_models.build_vae()
    before = model.decoder[0][0].weight.clone()
    demo_models.write("vae", model)
    again = demo_models.load("vae")
    z = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(model.decode(z), again.decode(z))
    assert torch.equal(before.half().float(), again.decoder[0][0].weight)


def test_the_command_trains_and_writes(monkeypatch, tmp_path):
    monkeypatch.setattr(demo_models.paths, "BOOK", tmp_path)
    (tmp_path / "demos").mkdir()
    recipe = demo_models.RECIPES["vae"]
    small = dataclasses.replace(recipe, options=recipe.options | {"steps": 2})
    monkeypatch.setitem(demo_models.RECIPES, "vae", small)
    assert CliRunner().invoke(main, ["demos", "vae"]).exit_code == 0
    assert json.loads((tmp_path / "demos" / "models.json").read_text("utf-8"))["vae"]["training"]["steps"] == 2
    refused = CliRunner().invoke(main, ["demos", "vea"])
    assert refused.exit_code == 1 and "没有叫 vea 的演示" in refused.output


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(npm.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))


def package(folder, content: bytes):
    """A package of npm whose files all hold ``content``."""
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for source, _ in demos.RUNTIME.values():
            member = tarfile.TarInfo(f"package/{source}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_site_without_npm_goes_without_demos(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    (tmp_path / "extra" / "demos").mkdir(parents=True)
    assert "没有找到 npm" in demos.stage_demos(tmp_path / "extra")
    assert list((tmp_path / "extra").iterdir()) == []


def test_the_page_and_the_builder_say_that_there_are_no_demos(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    said = []
    site = miniature.build_at(miniature.write_course(tmp_path / "course"), say=said.append)
    assert ["没有带现场演示" in said[0], "没有带幻灯片" in said[1]] == [True, True] and len(said) == 2
    assert not (site / "demos").exists() and not (site / "slides").exists()
    page = (site / "demos.html").read_text("utf-8")
    assert page.count("这份网站没有带演示") == len(MODELS) and 'class="demo"' not in page
    assert links.broken_links(site) == []


def test_an_npm_that_fails_is_reported(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setattr(npm.shutil, "which", lambda _: sys.executable)  # knows no command "pack"
    assert "npm 没有取到" in demos.stage_demos(tmp_path / "extra")


def test_another_runtime_than_the_pinned_one_is_refused(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setattr(npm, "npm_pack", lambda *_: package(tmp_path, b"tampered"))
    assert "校验和不同" in demos.stage_demos(tmp_path / "extra")
    genuine = hashlib.sha256(b"genuine").hexdigest()
    monkeypatch.setattr(npm, "npm_pack", lambda *_: package(tmp_path, b"genuine"))
    monkeypatch.setattr(demos, "RUNTIME", {name: (source, genuine) for name, (source, _) in demos.RUNTIME.items()})
    assert demos.stage_demos(tmp_path / "extra") is None
    assert {path.name for path in (tmp_path / "extra" / "demos").iterdir()} == {*demos.RUNTIME, *(f"{m}.onnx" for m in MODELS)}


def test_the_directive_says_the_weight_or_that_there_is_none(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(miniature.REPOSITORY / "book" / "_ext"))
    sys.modules.pop("demos", None)
    import demos as directive

    record = {"settings": {"text": "</script>"}}
    assert "没有带演示" in directive.render("vae", "<p>inside</p>", tmp_path, record)
    for name in (*demos.RUNTIME, "vae.onnx"):
        (tmp_path / name).write_bytes(bytes(600_000))
    html = directive.render("vae", "<p>inside</p>", tmp_path, record)
    assert "<strong>1.8 MB</strong>（1,800,000 字节）" in html and "<p>inside</p>" in html
    assert html.count("</script>") == 2  # the settings' own is escaped
