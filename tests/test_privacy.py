"""Membership attacks, DP-SGD and its accounting, the private Gaussian: closed forms, an independent accountant, bad input."""

import importlib.util
import math
import sys

import numpy as np
import pytest
import torch
from scipy.stats import norm

from aigc_lib.diffusion import Diffusion
from aigc_lib.networks import ConditionalMLP
from aigc_lib.training import train
from aigc_lib.trust import privacy
from aigc_lib.trust.packages import installed

needs_opacus = pytest.mark.skipif(importlib.util.find_spec("opacus") is None, reason="opacus is an extra")


def delta_of(noise, epsilon):
    """Of one Gaussian release with sensitivity 1, exactly. Balle & Wang 2018, equation 6."""
    return norm.cdf(0.5 / noise - epsilon * noise) - math.exp(epsilon) * norm.cdf(-0.5 / noise - epsilon * noise)


def small_model(size=4):
    torch.manual_seed(0)
    return Diffusion(ConditionalMLP(size, 64, 1), (size,))


# attacks

def test_attack_on_known_scores():
    rng = np.random.default_rng(0)
    found = privacy.judge_attack(rng.normal(1, 1, 20000), rng.normal(0, 1, 20000))
    assert found.auc == pytest.approx(norm.cdf(1 / math.sqrt(2)), abs=0.01)
    assert found.tpr == pytest.approx(norm.sf(norm.isf(0.01) - 1), abs=0.01)
    assert privacy.judge_attack(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == (1.0, 1.0)
    assert privacy.judge_attack(np.zeros(5), np.zeros(5)) == (0.5, 0.0)


@pytest.mark.parametrize("scores", [np.zeros((2, 2)), np.array([]), np.array([np.nan])])
def test_scores_that_cannot_be_judged(scores):
    with pytest.raises(ValueError, match="members must be finite"):
        privacy.judge_attack(scores, np.zeros(3))


def test_a_model_that_learnt_by_heart_gives_its_records_away():
    x = torch.randn(80, 32, generator=torch.Generator().manual_seed(0))
    model = small_model(32)
    fresh = privacy.record_losses(model, x, 0.3, 10).numpy()
    for _ in train(model, x[:40], 400, batch_size=40, lr=5e-3, weight_decay=0, seed=0):
        pass
    learnt = privacy.record_losses(model, x, 0.3, 10).numpy()
    assert privacy.judge_attack(fresh[:40] / learnt[:40], fresh[40:] / learnt[40:]).auc > 0.9
    assert abs(privacy.judge_attack(-fresh[:40], -fresh[40:]).auc - 0.5) < 0.2


def test_losses_of_two_models_share_their_noise():
    x, model = torch.randn(6, 4), small_model()
    assert torch.equal(privacy.record_losses(model, x, 0.5, 3), privacy.record_losses(model, x, 0.5, 3))
    with pytest.raises(ValueError, match="between 0 and 1"):
        privacy.record_losses(model, x, 1.0)
    with pytest.raises(ValueError, match="shape"):
        privacy.record_losses(model, x[:, :3], 0.5)


def test_no_attack_passes_the_bound():
    assert privacy.most_true_positives(0.1, 0.0, 0.0) == pytest.approx(0.1)  # epsilon 0: guessing
    assert privacy.most_true_positives(0.01, math.log(3), 0.001) == pytest.approx(0.031)
    # the best attack on one Gaussian release, threshold by threshold
    fpr = np.linspace(1e-4, 0.999, 200)
    best = norm.sf(norm.isf(fpr) - 1 / 1.5)
    for epsilon in (0.3, 1.0, 2.0):
        assert (best <= privacy.most_true_positives(fpr, epsilon, delta_of(1.5, epsilon)) + 1e-9).all()
    assert (best > privacy.most_true_positives(fpr, 1.0, delta_of(1.5, 1.0) / 4)).any()  # and the bound is tight


# accounting

@needs_opacus
def test_accountant_against_the_closed_form_of_full_batches():
    """Without sampling k steps are one release with noise / sqrt(k), whose exact epsilon is known."""
    noise, steps, delta = 20.0, 100, 1e-5
    spent = privacy.epsilon_spent(noise, delta, 1.0, steps)
    single = noise / math.sqrt(steps)
    assert delta_of(single, spent) < delta  # the claim holds
    assert delta_of(single, spent / 1.25) > delta  # and is not slack


@needs_opacus
def test_accountant_against_our_own_sum_for_sampled_batches():
    """Rényi divergence of the sampled Gaussian at whole orders: Mironov, Talwar & Zhang 2019, section 3.3."""
    noise, rate, steps, delta = 1.5, 0.05, 300, 1e-5

    def renyi(order):
        terms = [math.lgamma(order + 1) - math.lgamma(k + 1) - math.lgamma(order - k + 1)
                 + k * math.log(rate) + (order - k) * math.log1p(-rate) + k * (k - 1) / (2 * noise**2)
                 for k in range(order + 1)]
        return np.logaddexp.reduce(terms) / (order - 1)

    ours = min(steps * renyi(a) + math.log1p(-1 / a) - math.log(delta * a) / (a - 1) for a in range(2, 64))
    assert privacy.epsilon_spent(noise, delta, rate, steps) == pytest.approx(ours, rel=0.02)


@needs_opacus
def test_noise_buys_the_epsilon_asked_for():
    for epsilon in (1.0, 8.0):
        noise = privacy.noise_for(epsilon, 1e-4, 0.2, 50)
        assert epsilon * 0.95 < privacy.epsilon_spent(noise, 1e-4, 0.2, 50) <= epsilon
    with pytest.raises(ValueError, match="0 < delta < 1"):
        privacy.noise_for(1.0, 0.0, 0.2, 50)


# DP-SGD

@needs_opacus
def test_one_step_is_clipped_and_noised_as_the_recipe_says():
    """A linear model, full batch, plain numbers: what opacus hands the optimiser, against the gradient by hand."""
    torch.manual_seed(0)
    model, x = small_model(), torch.randn(64, 4)
    seen = {}

    def one(noise, clip):
        model.load_state_dict(start)
        for _ in privacy.train_private(model, x, 1, noise, batch_size=64, clip=clip, lr=1e-3, ema=None, seed=3):
            seen[noise, clip] = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    start = {k: v.clone() for k, v in model.state_dict().items()}
    one(0.0, 1e-3)
    assert seen[0.0, 1e-3].norm() <= 1e-3 + 1e-8  # no record pulls more than clip; the mean cannot either
    one(0.0, 1e9)
    generator = torch.Generator().manual_seed(3)
    torch.rand(64, generator=generator)  # the coin tosses
    model.load_state_dict(start)
    loss = model.loss(x, generator=generator)
    by_hand = torch.cat([g.flatten() for g in torch.autograd.grad(loss, [p for p in model.parameters()])])
    assert torch.allclose(seen[0.0, 1e9], by_hand, atol=1e-5)
    one(5.0, 1e-3)
    noise = seen[5.0, 1e-3] - seen[0.0, 1e-3]
    assert noise.std().item() == pytest.approx(5.0 * 1e-3 / 64, rel=0.05)


@needs_opacus
def test_private_training_repeats_and_leaves_a_plain_model():
    x, states = torch.randn(100, 4), []
    for _ in range(2):
        model = small_model()
        steps = list(privacy.train_private(model, x, 5, 1.0, batch_size=50, seed=1))
        states.append(torch.cat([p.flatten() for p in model.parameters()]))
    assert torch.equal(*states) and [s.step for s in steps] == [1, 2, 3, 4, 5]
    assert 0 < steps[0].seconds < steps[-1].seconds
    assert not any(hasattr(p, "grad_sample") for p in model.parameters())
    assert list(train(model, x, 1, seed=0))  # trains on as any other


@needs_opacus
def test_models_and_batches_that_cannot_be_private():
    mixing = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    with pytest.raises(ValueError, match="mix the records"):
        next(privacy.train_private(mixing, torch.zeros(100, 4), 1, 1.0, batch_size=50))
    for size in (8, 200):
        with pytest.raises(ValueError, match="batch_size must lie between 32 and the 100"):
            next(privacy.train_private(small_model(), torch.zeros(100, 4), 1, 1.0, batch_size=size))


# the private Gaussian

@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0, 16.0])
def test_gaussian_noise_is_exact(epsilon):
    assert delta_of(privacy.gaussian_noise(epsilon, 1e-5), epsilon) == pytest.approx(1e-5, rel=1e-4)


def test_private_gaussian_learns_mean_and_covariance_when_privacy_is_weak():
    generator = torch.Generator().manual_seed(0)
    mix = torch.tensor([[0.5, 0.0, 0.0], [0.3, 0.4, 0.0], [0.0, -0.2, 0.3]])
    x = torch.randn(20000, 3, generator=generator) @ mix.T + torch.tensor([0.5, -0.5, 0.0])
    made = privacy.PrivateGaussian(50.0, 1e-4, bound=4.0).fit(x).generate(20000, seed=1)
    assert torch.allclose(made.mean(0), x.mean(0), atol=0.03) and torch.allclose(made.T.cov(), x.T.cov(), atol=0.03)


def test_one_wild_row_cannot_move_the_private_gaussian():
    x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) / 3
    wild = torch.cat([x, torch.full((1, 3), 1e6)])
    means = [privacy.PrivateGaussian(1.0, 1e-4, bound=2.0).fit(rows).mean for rows in (x, wild)]
    assert (means[0] - means[1]).norm() < 0.02


def test_private_gaussian_rejects_bad_input():
    with pytest.raises(ValueError, match="epsilon > 0"):
        privacy.PrivateGaussian(0.0, 1e-4, 2.0)
    with pytest.raises(ValueError, match="NaN"):
        privacy.PrivateGaussian(1.0, 1e-4, 2.0).fit(torch.tensor([[float("nan"), 1.0]]))


# a package that is not there

def test_missing_package_gets_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "opacus", None)  # importing it now raises ImportError
    assert not installed("opacus")
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "没有 opacus" in said and "pip install opacus" in said
    assert installed("json") and not capsys.readouterr().out
