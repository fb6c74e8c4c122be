"""One VAE in several frameworks: the same job in each one's own process, and what is made of the reports."""

import importlib.util
import logging
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from aigc_lib.frameworks import compare, torch_vae, worker
from aigc_lib.frameworks.job import Job, Report, Training, load_report, save_job, save_report
from aigc_lib.frameworks.lines import count_lines

TINY = Job(3, ("shared", "exact", "own"), epochs=2, steps=4, batch=32, hidden=24, latent=4)
PIXELS = 36
rng = np.random.default_rng(0)
X_TRAIN, X_TEST = (rng.uniform(-1, 1, (n, PIXELS)).astype(np.float32) for n in (200, 50))
OTHERS = ["jax", "keras-jax", "keras-torch", "keras-tensorflow"]
needs_keras = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="keras is an extra")
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is an extra")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the job in it; whoever works on it leaves the reports there."""
    folder = tmp_path_factory.mktemp("frameworks")
    save_job(TINY, X_TRAIN, X_TEST, folder)
    return folder


@pytest.fixture(scope="module")
def by_torch(folder):
    return compare.run("torch", folder)


def report_of(system, folder):
    if lost := worker.missing(system):
        pytest.skip(f"{system} needs {', '.join(lost)}")
    return load_report(folder / system) if (folder / system / "report.json").exists() else compare.run(system, folder)


def exact_outputs(weights):
    return compare.reference(weights, X_TEST, TINY.test_noise(len(X_TEST)))


def test_draws_depend_on_seed_and_training_alone():
    first, again, other = (list(TINY.batches(X_TRAIN, k)) for k in (0, 0, 1))
    assert len(first) == 8 and first[0][0].shape == (32, PIXELS) and first[0][1].shape == (32, 4)
    assert all(np.array_equal(a, b) for one, two in zip(first, again) for a, b in zip(one, two))
    assert not np.array_equal(first[0][1], other[0][1])
    assert not np.array_equal(TINY.start_weights(PIXELS)["encoder.0.weight"], Job(4, hidden=24, latent=4).start_weights(
        PIXELS)["encoder.0.weight"])
    wide = next(TINY.batches(X_TRAIN.astype(np.float64), 0))
    assert wide[1].dtype == np.float64 and np.array_equal(wide[1], first[0][1])  # the same numbers, not more of them


@pytest.mark.parametrize("x_test", [X_TEST.astype(np.float64), X_TEST[:, :-1], X_TEST[0]])
def test_pictures_of_another_kind_are_refused(x_test, tmp_path):
    with pytest.raises(ValueError, match="float32 arrays"):
        save_job(TINY, X_TRAIN, x_test, tmp_path)


def test_a_report_comes_back_as_it_was(tmp_path):
    arrays = {"mean": np.arange(6, dtype=np.float32).reshape(2, 3).T}  # not contiguous: safetensors would refuse it
    sent = Report("torch", {"torch": "2"}, 0.5, None, [Training("own", [1.0], [2.0], [3.0], 4.0)],
                  [], arrays, arrays, {"encoder.0.bias": np.zeros(2, np.float32)})
    save_report(sent, tmp_path)
    back = load_report(tmp_path)
    assert np.array_equal(back.after["mean"], arrays["mean"]) and list(back.weights) == ["encoder.0.bias"]
    assert back.trainings == sent.trainings and back.of("own") == sent.trainings and back.of("shared") == []


def test_loss_is_minus_elbo_a_pixel():
    torch.manual_seed(0)
    model, noise = torch_vae.VAE(PIXELS, 24, 4), TINY.test_noise(len(X_TEST))
    said = worker.outputs(torch_vae, model, X_TEST, noise)
    loss = model.loss(torch.from_numpy(X_TEST), torch.from_numpy(noise)).item()
    assert worker.minus_elbo(X_TEST, said) == pytest.approx(loss * PIXELS, rel=1e-5)


def one_step(adam):
    """Where one step of this Adam takes weights 0 whose gradients are tiny and large."""
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = adam([weights], lr=1e-3)
    weights.grad = torch.tensor([1e-7, 1e-5, 1.0], dtype=torch.float64)
    optimizer.step()
    return weights.detach().numpy(), weights.grad.numpy()


def test_keras_adam_has_epsilon_where_keras_has_it():
    moved, g = one_step(torch_vae.KerasAdam)
    rate = 1e-3 * np.sqrt(1 - 0.999) / (1 - 0.9)
    wanted = -rate * 0.1 * g / (np.sqrt(0.001 * g**2) + 1e-7)
    assert np.allclose(moved, wanted, rtol=1e-9)
    assert not np.allclose(one_step(torch.optim.Adam)[0], wanted, rtol=0.01)


def test_torch_says_what_the_mathematics_says(by_torch):
    exact = exact_outputs(TINY.start_weights(PIXELS))
    assert compare.farthest(by_torch.before, exact) < 1e-5
    assert compare.farthest(by_torch.after, exact) > 0.01  # training changed it
    assert compare.farthest(by_torch.after, exact_outputs(by_torch.weights)) < 1e-5


def test_a_matrix_moved_wrongly_is_far_off():
    weights = TINY.start_weights(PIXELS)
    exact = exact_outputs(weights)
    weights["encoder.2.weight"] = weights["encoder.2.weight"][::-1]
    assert compare.farthest(exact_outputs(weights), exact) > 0.1


@pytest.mark.parametrize("system", OTHERS)
def test_another_framework_says_the_same(system, folder, by_torch):
    report = report_of(system, folder)
    assert compare.farthest(report.before, exact_outputs(TINY.start_weights(PIXELS))) < 1e-5
    assert compare.farthest(report.after, exact_outputs(report.weights)) < 1e-5
    assert report.of("shared")[0].losses == pytest.approx(by_torch.of("shared")[0].losses, rel=1e-4)
    assert report.of("own")[0].losses != pytest.approx(by_torch.of("own")[0].losses, rel=1e-3)
    assert report.versions and report.import_seconds > 0


@pytest.mark.parametrize("system", ["jax", "keras-jax"])  # Keras on PyTorch takes means in float32: keras issue 23704
def test_in_float64_a_training_is_the_same_to_ten_digits(system, folder, by_torch):
    exact = report_of(system, folder).of("exact")[0]
    assert exact.minus_elbo == pytest.approx(by_torch.of("exact")[0].minus_elbo, rel=1e-8)
    assert exact.minus_elbo != by_torch.of("shared")[0].minus_elbo


def test_jax_trains_to_the_last_digits_of_torch(folder, by_torch):
    report = report_of("jax", folder)
    assert report.of("shared")[0].losses == pytest.approx(by_torch.of("shared")[0].losses, rel=1e-6)


WRITTEN = {"torch": {"torch.export", "ONNX"}, "jax": {"StableHLO"}, "keras-jax": {".keras"},
           "keras-torch": {".keras", "ONNX"}, "keras-tensorflow": {".keras", "SavedModel"}}


@pytest.mark.parametrize("system", WRITTEN)
def test_exported_files_give_the_same_pictures(system, folder):
    pytest.importorskip("onnxscript")
    pytest.importorskip("flatbuffers", reason="JAX writes its format with it")
    exports = report_of(system, folder).exports
    assert {e.kind for e in exports if not e.problem} >= WRITTEN[system]
    assert all(e.error < 1e-5 and e.size > 1000 for e in exports if not e.problem)
    assert all(e.problem or (folder / system / e.file).exists() for e in exports)


def test_a_format_that_cannot_be_written_says_why(tmp_path):
    def write(model, file, z):
        raise ImportError("no converter\nand more")

    broken = SimpleNamespace(decode=lambda model, z: z, EXPORTS={"ONNX": ("decoder.onnx", write)})
    made, = worker.export(broken, None, tmp_path, np.zeros((1, 4)))
    assert made.problem == "ImportError: no converter" and made.size == 0


@needs_keras
@needs_jax
def test_a_keras_file_opens_on_another_backend_and_another_model_does_not(folder, tmp_path, monkeypatch):
    report = report_of("keras-jax", folder)
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # so that it is taken back
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    here = compare.keras_on_torch(tmp_path)
    z = report.after["mean"][:5]
    pictures = here.decode(here.open_keras(folder / "keras-jax" / "vae.keras"), z)
    assert np.abs(pictures - compare.exact_layers(report.weights, z, "decoder")).max() < 1e-5
    here.keras.Sequential([here.keras.layers.Dense(2)]).save(tmp_path / "other.keras")
    with pytest.raises(TypeError, match="wanted a VAE"):
        here.open_keras(tmp_path / "other.keras")


def test_without_keras_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert compare.keras_on_torch(tmp_path) is None
    assert "没有 keras" in capsys.readouterr().out


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_a_framework_that_is_not_there_is_left_out(tmp_path, capsys):
    found = compare.run_all(["keras-tensorflow"], TINY, X_TRAIN, X_TEST, tmp_path)
    assert found == {} and "没有" in (said := capsys.readouterr().out) and "tensorflow" in said


def test_what_goes_wrong_in_a_process_is_told(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="wanted one of torch"):
        compare.run("theano", tmp_path)
    with pytest.raises(RuntimeError, match="ended with status 1: .*job.safetensors"):
        compare.run("torch", tmp_path)  # there is no job in it
    with pytest.raises(RuntimeError, match="stopped after 0.01 seconds"):
        compare.run("torch", tmp_path, timeout=0.01)
    monkeypatch.setenv("AIGC_TENSORFLOW", str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="AIGC_TENSORFLOW"):
        compare.interpreter("keras-tensorflow")
    assert compare.interpreter("keras-jax") == sys.executable


def test_times_leave_first_epochs_out():
    trainings = [Training("own", [], [9.0, 2.0, 4.0], [8.0, 1.0, 3.0], 0.0), Training("own", [], [7.0, 3.0], [6.0, 2.0], 0.0)]
    assert compare.seconds_a_step(trainings, 10) == pytest.approx(0.2)
    assert compare.seconds_a_step(trainings, 10, "seconds") == pytest.approx(0.3)
    assert compare.warm_up_seconds(Report("torch", {}, 0, None, trainings, [], {}, {}, {})) == pytest.approx(6)


def test_quiet_is_quiet_only_inside(recwarn):
    with compare.quiet():
        warnings.warn("an old part", FutureWarning, stacklevel=1)
        assert not logging.getLogger("torch.onnx").isEnabledFor(logging.WARNING)
    assert len(recwarn) == 0 and logging.getLogger("torch.onnx").isEnabledFor(logging.WARNING)


SOURCE = '''
@decorated
def f(x,
      y):
    """Words that are
    not code."""
    # nor is this

    return [x,
            y]


class C:
    """Only words."""


def unwanted():
    return 1
'''


def test_lines_count_statements_however_they_are_wrapped():
    assert count_lines(SOURCE, ["f"]) == 3
    assert count_lines(SOURCE, ["f", "C"]) == 5
    assert count_lines(SOURCE.replace("x,\n            y", "x, y"), ["f"]) == 3
    with pytest.raises(ValueError, match="no top-level function or class g"):
        count_lines(SOURCE, ["f", "g"])
