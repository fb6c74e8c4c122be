"""Metrics against closed forms and reference libraries."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aigc_lib import metrics
from aigc_lib.baselines import GaussianPictures, LinearCode, Regression
from aigc_lib.checks import check_labels, check_tensor
from aigc_lib.datasets import load_fashion_mnist
from aigc_lib.metrics import (
    ClassifierFeatures,
    PictureFeatures,
    copying,
    fidelity,
    frechet_distance,
    modes_reached,
    nearest,
    peak_signal_to_noise,
    power_spectrum,
    spectrum_gap,
)
from aigc_lib.networks import Classifier
from aigc_lib.training import shift, train


def gaussian(n, mean, scales, seed):
    return np.random.default_rng(seed).normal(mean, scales, (n, len(scales)))


def test_frechet_distance_of_two_gaussians():
    """Diagonal covariances: |m1 - m2|^2 + sum (s1 - s2)^2 (Dowson & Landau 1982)."""
    a = gaussian(200_000, [0, 1, 2], [1, 2, 3], 0)
    b = gaussian(200_000, [1, 1, 0], [2, 2, 1], 1)
    assert frechet_distance(a, b) == pytest.approx((1 + 0 + 4) + (1 + 0 + 4), rel=0.02)


def test_frechet_distance_equals_the_matrix_square_root_formula():
    import scipy.linalg
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(400, 6)) + 0.5
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(cov_a @ cov_b).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_frechet_distance_is_symmetric_zero_on_itself_and_scales(seed, scale):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(30, 4)), rng.normal(1, 2, size=(40, 4))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)
    assert frechet_distance(scale * a, scale * b) == pytest.approx(scale**2 * frechet_distance(a, b), rel=1e-6)


@pytest.mark.parametrize("bad", [np.zeros((3, 5)), np.zeros(5), np.full((9, 2), np.nan)])
def test_frechet_distance_refuses_too_few_or_damaged_features(bad):
    with pytest.raises(ValueError, match="N > D"):
        frechet_distance(bad, np.random.default_rng(0).normal(size=(20, 2)))


def test_fidelity_equals_prdc():
    from prdc import compute_prdc
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(300, 5)), rng.normal(0.4, 1.2, size=(250, 5))
    theirs, ours = compute_prdc(real, fake, nearest_k=5), fidelity(real, fake, k=5)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(ours, name) == pytest.approx(theirs[name], abs=1e-9), name


def test_copying_tells_a_thief_from_an_honest_generator():
    g = torch.Generator().manual_seed(0)
    training, held_out, honest = (torch.randn(1000, 1, 4, 4, generator=g) for _ in range(3))
    assert copying(honest, training, held_out) < 0.04
    assert copying(training[:200] + 0.01, training, held_out) == 1.0


def test_nearest_finds_the_pair():
    training = torch.eye(5)
    distance, index = nearest(training[[3, 1]] * 1.5, training)
    assert index.tolist() == [3, 1] and torch.allclose(distance, torch.tensor([0.5, 0.5]), atol=1e-4)


def test_modes_reached_counts_collapse():
    centres = torch.tensor([[0.0, 0], [5, 5], [9, 9]])
    points = torch.cat([centres[:1].repeat(50, 1), centres[1:2].repeat(5, 1), torch.full((45, 2), 100.0)])
    modes, share = modes_reached(points, centres, radius=0.5)
    assert modes == 1 and share == pytest.approx(0.55)


def test_feature_classifier_is_as_good_as_its_card_says():
    x, labels = load_fashion_mnist("test", 2000)
    features = PictureFeatures()
    assert features.accuracy(x, labels) > 0.88
    assert features(x).shape == (2000, 64)
    assert features.shares(x).sum() == pytest.approx(1)
    assert np.abs(features.shares(x) - 0.1).max() < 0.03


def test_features_refuse_wrong_pictures():
    with pytest.raises(ValueError, match="any, 1, 28, 28"):
        PictureFeatures()(torch.zeros(2, 3, 28, 28))


def test_features_of_a_classifier_of_colour_pictures():
    features = ClassifierFeatures(Classifier(3, n_features=8, channels=3), (3, 32, 32))
    x = torch.rand(5, 3, 32, 32)
    assert features(x).shape == (5, 8) and features.shares(x).shape == (3,)
    with pytest.raises(ValueError, match="any, 3, 32, 32"):
        features(torch.zeros(2, 1, 28, 28))


def test_linear_code_is_the_best_linear_code():
    x = torch.randn(400, 1, 4, 4, generator=torch.Generator().manual_seed(0)) * torch.linspace(2, 0.1, 16).view(4, 4)
    code = LinearCode(5).fit(x)
    flat = (x - x.mean(0)).flatten(1).double().numpy()
    s = np.linalg.svd(flat, compute_uv=False)
    assert code.score(x).mean().item() == pytest.approx((s[5:] ** 2).sum() / flat.size, rel=1e-4)
    assert code.decode(code.encode(x)).shape == x.shape
    few = LinearCode(5).fit(x[:9])  # fewer pictures than pixels take another way to the same answer
    s = np.linalg.svd((x[:9] - x[:9].mean(0)).flatten(1).double().numpy(), compute_uv=False)
    assert few.score(x[:9]).mean().item() == pytest.approx((s[5:] ** 2).sum() / (9 * 16), rel=1e-4)


def test_linear_code_of_large_pictures_is_the_same_without_their_covariance():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=g) @ torch.randn(3, 5000, generator=g) + 0.01 * torch.randn(40, 5000, generator=g)
    code = LinearCode(3).fit(x.view(40, 1, 50, 100))
    _, _, axes = torch.linalg.svd((x - x.mean(0)).double(), full_matrices=False)
    exact = (x.double() - x.double().mean(0)) @ axes[:3].T
    assert torch.allclose(code.encode(x.view(40, 1, 50, 100)).abs(), exact.abs().float(), atol=1e-3)


def test_gaussian_pictures_keep_each_class_mean():
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(2000) % 2
    x = torch.randn(2000, 1, 4, 4, generator=g) * 0.1 + labels.float().view(-1, 1, 1, 1) - 0.5
    drawn = GaussianPictures(8).fit(x, labels).generate(torch.zeros(500, dtype=torch.int64))
    assert drawn.shape == (500, 1, 4, 4) and abs(drawn.mean().item() + 0.5) < 0.05
    given = GaussianPictures(code=LinearCode(8)).fit(x, labels).generate(torch.zeros(500, dtype=torch.int64))
    assert torch.equal(given, drawn)


@pytest.mark.parametrize("x, message", [
    (torch.zeros(0, 2), "empty"), (torch.tensor([[1.0, float("nan")]]), "1 NaN"),
    (torch.zeros(2, 3), r"shape \(any, 2\)"), (torch.full((1, 2), 5.0), r"\[-1, 1\]")])
def test_check_tensor_says_what_is_wrong(x, message):
    with pytest.raises(ValueError, match=message):
        check_tensor(x, "x", (None, 2), -1, 1)


def test_check_tensor_wants_floats():
    with pytest.raises(TypeError, match="float tensor, found torch.int64"):
        check_tensor(torch.zeros(2, dtype=torch.int64), "x")


def test_check_labels_wants_int64_in_range():
    with pytest.raises(ValueError, match="int64"):
        check_labels(torch.zeros(3), 3)
    with pytest.raises(ValueError, match=r"\[0, 9\]"):
        check_labels(torch.tensor([0, 10]), 2, 10)


def test_peak_signal_to_noise_of_known_errors():
    zero = torch.zeros(2, 1, 4, 4)
    assert peak_signal_to_noise(zero, zero + torch.tensor([1.0, 0.1]).view(2, 1, 1, 1)) == pytest.approx(
        (10 * np.log10(4) + 10 * np.log10(400)) / 2, rel=1e-5)
    assert 100 < peak_signal_to_noise(zero, zero) < 1000


def test_regression_learns_the_average_answer():
    """Two answers, -1 and 1, to the same question, three to one: least squares answers -0.5 both times."""
    class Constant(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.value = torch.nn.Parameter(torch.zeros(1))

        def forward(self, z, cond):
            assert not z.any()
            return self.value.expand(len(z), 1)

    model = Regression(Constant(), latent_dim=3)
    answers = torch.tensor([[-1.0], [-1.0], [-1.0], [1.0]])
    for _ in train(model, (answers, torch.zeros(4, 1)), 300, batch_size=4, lr=0.05, weight_decay=0.0):
        pass
    assert model.predict(torch.zeros(2, 1)).flatten().tolist() == pytest.approx([-0.5, -0.5], abs=0.02)


def test_shift_moves_at_most_two_pixels_and_keeps_the_size():
    x = torch.zeros(1, 1, 9, 9)
    x[..., 4, 4] = 1
    places = {tuple(shift(x, torch.Generator().manual_seed(i)).nonzero()[0, 2:].tolist()) for i in range(200)}
    assert places == {(i, j) for i in range(2, 7) for j in range(2, 7)}


def test_a_wave_has_its_power_at_its_wave_number():
    across = torch.arange(28) / 28
    for k in (2, 5, 11):
        wave = torch.cos(2 * torch.pi * k * across).expand(3, 1, 28, 28)
        power = power_spectrum(wave)
        assert power.shape == (14,) and power.argmax() == k - 1
        assert np.allclose(power, power_spectrum(wave.transpose(2, 3)), rtol=1e-3)  # whatever its direction


def test_twice_the_amplitude_is_six_decibels():
    x = torch.randn(50, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert spectrum_gap(2 * x, x) == pytest.approx(20 * np.log10(2), abs=1e-4)
    assert spectrum_gap(x, x) == 0


# chances


def test_ks_is_the_largest_gap_of_the_two_distributions():
    score, event = np.array([0.1, 0.2, 0.3, 0.4, 0.9]), np.array([False, False, True, False, True])
    assert metrics.kolmogorov_smirnov(score, event) == pytest.approx(2 / 3)  # after 0.2: two of three others, no event
    assert metrics.kolmogorov_smirnov(event.astype(float), event) == 1


def test_reliability_counts_what_happened():
    chance = np.array([0.1] * 10 + [0.8] * 10)
    event = np.array([True] * 2 + [False] * 8 + [True] * 8 + [False] * 2)
    table = metrics.reliability(chance, event, bins=2)
    assert table.count.tolist() == [10, 10]
    assert np.allclose(table.said, [0.1, 0.8]) and np.allclose(table.happened, [0.2, 0.8])
    assert table.error == pytest.approx(0.05)


def test_wilson_interval_ends_at_zero_and_one():
    low, high = metrics.wilson(np.array([0, 0, 60]), np.array([60, 150, 60]))
    assert low[0] == low[1] == 0 and not np.signbit(low).any()
    assert high[2] == 1


def test_wilson_interval_is_the_one_of_scipy():
    from scipy.stats import binomtest

    for hits in (0, 3, 10):
        low, high = metrics.wilson(np.array([hits]), np.array([10]))
        want = binomtest(hits, 10).proportion_ci(method="wilson")
        assert (low[0], high[0]) == pytest.approx((want.low, want.high), abs=1e-4)


@pytest.mark.parametrize("event", [np.ones(3, bool), np.zeros(3, bool), np.array([0, 1, 1]), np.array([True, False])])
def test_events_must_be_bool_and_of_both_kinds(event):
    with pytest.raises(ValueError, match="event"):
        metrics.kolmogorov_smirnov(np.array([0.1, 0.2, 0.3]), event)


def test_chances_lie_between_0_and_1():
    with pytest.raises(ValueError, match="chances must lie"):
        metrics.reliability(np.array([0.5, 1.5]), np.array([True, False]), bins=1)
