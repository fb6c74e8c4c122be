"""Schedules and samplers against a mixture with an exact answer, and against diffusers."""

import numpy as np
import pytest
import torch
from torch import nn

from aigc_lib.diffusion import SCHEDULES, Diffusion
from aigc_lib.networks import ConditionalMLP

CENTRES = torch.tensor([[-2.0, 0.0], [2.0, 1.0]], dtype=torch.float64)
WIDTH = 0.3


class ExactMixture(nn.Module):
    """The perfect network for two Gaussians: its answer is a conditional expectation in closed form."""

    def __init__(self, schedule: str, objective: str):
        super().__init__()
        self.schedule, self.objective = SCHEDULES[schedule], objective
        self.anchor = nn.Parameter(torch.zeros((), dtype=torch.float64))  # tells the device

    def forward(self, x, t, cond=None):
        alpha, sigma = (v[:, None] for v in self.schedule(t.double()))
        variance = alpha**2 * WIDTH**2 + sigma**2
        gap = x[:, None] - alpha[:, None] * CENTRES
        share = torch.softmax(-gap.square().sum(-1) / (2 * variance), dim=1)
        x0 = (share[..., None] * (CENTRES + (alpha * WIDTH**2 / variance)[:, None] * gap)).sum(1)
        noise = (x - alpha * x0) / sigma.clamp(min=1e-12)
        return noise - x0 if self.objective == "velocity" else noise


def log_density(x, alpha, sigma):
    parts = [torch.distributions.MultivariateNormal(alpha * c, (alpha**2 * WIDTH**2 + sigma**2) * torch.eye(2).double())
             .log_prob(x) for c in CENTRES]
    return torch.logsumexp(torch.stack(parts), 0) - np.log(2)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_denoised_noise_is_the_exact_score(schedule):
    model = Diffusion(ExactMixture(schedule, "noise"), (2,), "noise", schedule)
    x = torch.randn(20, 2, dtype=torch.float64, requires_grad=True)
    t = torch.full((20,), 0.4, dtype=torch.float64)
    alpha, sigma = model.schedule(t)
    score, = torch.autograd.grad(log_density(x, alpha[0], sigma[0]).sum(), x)
    _, noise = model.denoise(x, t)
    assert torch.allclose(-noise / sigma[:, None], score, atol=1e-6)


CASES = [("flow", "velocity"), ("flow", "noise"), ("cosine", "noise"), ("linear", "noise")]


@pytest.mark.parametrize("schedule, objective", CASES)
@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "heun"])
def test_samplers_converge_to_the_mixture(schedule, objective, sampler):
    if (schedule, objective) == ("flow", "noise"):
        pytest.skip("at t = 1 the flow schedule has alpha = 0: x_0 cannot be read off the noise")
    model = Diffusion(ExactMixture(schedule, objective), (2,), objective, schedule)

    def width_error(steps: int) -> float:
        start = torch.randn(4000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        for x in model.trajectory(4000, steps, sampler=sampler, start=start, seed=1):
            pass
        spread = (torch.cdist(x, CENTRES).min(1).values.square().mean() / 2).sqrt()
        return abs(spread.item() - WIDTH)

    coarse, fine = width_error(5), width_error(200)
    assert fine < 0.02 and fine < coarse


def test_heun_needs_fewer_looks_than_euler():
    model = Diffusion(ExactMixture("flow", "velocity"), (2,))
    start = torch.randn(500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def end(sampler: str, steps: int):
        return list(model.trajectory(500, steps, sampler=sampler, start=start))[-1]

    truth = end("heun", 2000)
    assert (end("heun", 25) - truth).abs().mean() < (end("ddim", 50) - truth).abs().mean() / 2


def test_linear_schedule_equals_diffusers():
    from diffusers import DDPMScheduler
    theirs = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear", beta_start=1e-4, beta_end=0.02)
    alpha, sigma = SCHEDULES["linear"](torch.arange(1, 1001) / 1000)
    assert torch.allclose(alpha**2, theirs.alphas_cumprod, atol=1e-6)
    assert torch.allclose(sigma**2, 1 - theirs.alphas_cumprod, atol=1e-6)


def test_ddim_equals_diffusers():
    from diffusers import DDIMScheduler
    theirs = DDIMScheduler(num_train_timesteps=1000, beta_schedule="linear", beta_start=1e-4, beta_end=0.02,
                           clip_sample=False, set_alpha_to_one=True, timestep_spacing="trailing")
    theirs.set_timesteps(20)
    torch.manual_seed(0)
    model = Diffusion(ConditionalMLP(2, width=32), (2,), "noise", "linear")
    x = start = torch.randn(64, 2)
    with torch.no_grad():
        for k in theirs.timesteps:
            guess = model.network(x, torch.full((64,), (int(k) + 1) / 1000), None)
            x = theirs.step(guess, k, x, eta=0.0).prev_sample
    ours = list(model.trajectory(64, 20, sampler="ddim", start=start))[-1]
    assert torch.allclose(ours, x, rtol=1e-3, atol=1e-3 * x.abs().max().item())


def test_ddpm_step_has_the_posterior_of_diffusers():
    from diffusers import DDPMScheduler
    theirs = DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear", beta_start=1e-4, beta_end=0.02,
                           clip_sample=False)
    torch.manual_seed(0)
    model = Diffusion(ConditionalMLP(2, width=32), (2,), "noise", "linear")
    x, k = torch.randn(8, 2), 600
    t, s = torch.full((8,), (k + 1) / 1000), torch.full((8,), k / 1000)
    with torch.no_grad():
        mean = model._ancestral(x, t, s, None, 1.0, torch.zeros_like(x))
        spread = model._ancestral(x, t, s, None, 1.0, torch.ones_like(x)) - mean
        guess = model.network(x, t, None)
    a_t, a_s = theirs.alphas_cumprod[k], theirs.alphas_cumprod[k - 1]
    x0 = (x - (1 - a_t).sqrt() * guess) / a_t.sqrt()
    beta = 1 - a_t / a_s
    expected = a_s.sqrt() * beta / (1 - a_t) * x0 + (a_t / a_s).sqrt() * (1 - a_s) / (1 - a_t) * x
    assert torch.allclose(mean, expected, atol=1e-4)
    assert torch.allclose(spread**2, torch.full_like(x, theirs._get_variance(k).item()), atol=1e-5)


def test_guidance_one_is_none_and_two_doubles_the_difference():
    torch.manual_seed(0)
    model = Diffusion(ConditionalMLP(2, width=16, n_classes=3), (2,))
    x, t, cond = torch.randn(5, 2), torch.full((5,), 0.5), torch.tensor([0, 1, 2, 0, 1])
    with torch.no_grad():
        with_label, without = model.network(x, t, cond), model.network(x, t, None)
        x0, _ = model.denoise(x, t, cond, guidance=2.0)
    assert torch.allclose(x0, x - 0.5 * (2 * with_label - without), atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(model.denoise(x, t, cond, 1.0)[0], x - 0.5 * with_label, atol=1e-6)


def test_guidance_waits_until_guide_below():
    torch.manual_seed(0)
    model = Diffusion(ConditionalMLP(2, width=16, n_classes=3), (2,))
    cond = torch.tensor([0, 1, 2, 0])

    def path(guidance: float, below: float) -> list[torch.Tensor]:
        return list(model.trajectory(4, 4, cond, guidance, seed=1, guide_below=below))

    free, late, always = path(1.0, 1.0), path(3.0, 0.5), path(3.0, 1.0)
    same = [torch.equal(a, b) for a, b in zip(free, late)]
    assert same == [True, True, True, False, False]  # times 1, 0.75, 0.5; the step from 0.5 is the first guided one
    assert not torch.equal(free[1], always[1])
    assert torch.equal(path(3.0, -1.0)[-1], free[-1])


def test_hidden_labels_equal_no_labels():
    model = Diffusion(ConditionalMLP(2, width=16, n_classes=3), (2,), drop_condition=1.0)
    x, labels = torch.randn(50, 2), torch.randint(3, (50,))
    losses = [model.loss(x, cond, torch.Generator().manual_seed(0)) for cond in (labels, labels.flip(0))]
    assert losses[0] == losses[1]


def test_generation_is_reproducible():
    model = Diffusion(ConditionalMLP(2, width=16), (2,))
    for sampler in ("ddpm", "ddim", "heun"):
        assert torch.equal(model.generate(6, 4, sampler=sampler, seed=5), model.generate(6, 4, sampler=sampler, seed=5))


@pytest.mark.parametrize("call, message", [
    (lambda m: Diffusion(m.network, (2,), "score"), "objective must be noise or velocity"),
    (lambda m: Diffusion(m.network, (2,), "velocity", "cosine"), "flow schedule"),
    (lambda m: m.generate(3, sampler="rk4"), "sampler must be"),
    (lambda m: m.generate(3, cond=torch.tensor([0])), "one entry for each of the 3"),
    (lambda m: m.loss(torch.zeros(4, 3)), r"shape \(B, 2\)"),
])
def test_wrong_arguments_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call(Diffusion(ConditionalMLP(2, width=8), (2,)))


@pytest.mark.parametrize("early", [0.0, 1.0])
def test_early_moves_the_training_times_towards_noise(early):
    """t is logit-normal with location ``early`` and scale 1 (Esser et al. 2024, section 3.1)."""
    seen = []

    def network(x, t, cond=None):
        seen.append(t)
        return x

    model = Diffusion(torch.nn.Identity(), (1,), early=early)
    model.network = torch.nn.Module()
    model.network.forward = network
    model.loss(torch.zeros(50_000, 1), generator=torch.Generator().manual_seed(0))
    logit = torch.logit(seen[0].double())
    assert logit.mean().item() == pytest.approx(early, abs=0.02) and logit.std().item() == pytest.approx(1, abs=0.02)
