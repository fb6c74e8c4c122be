"""Diffusion models: spoil data with noise little by little, learn to undo it, then start from noise.

One idea holds every variant together. At time t in [0, 1] the data are

    x_t = alpha(t) * x_0 + sigma(t) * noise,        alpha(0) = 1, sigma(0) = 0, alpha(1) ~ 0.

A network looks at x_t and guesses both parts, x_0 and noise. Sampling follows the guess from t = 1
to t = 0 along dx = x_0 * d alpha + noise * d sigma, with fresh noise (DDPM) or without (DDIM, Heun).

Sohl-Dickstein et al. 2015; Ho et al. 2020 (DDPM); Song et al. 2021 (DDIM; score SDE);
Lipman et al. 2023 and Liu et al. 2023 (flow matching); Ho & Salimans 2022 (guidance).
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

Schedule = Callable[[Tensor], tuple[Tensor, Tensor]]  # t (B,) -> alpha (B,), sigma (B,)


def flow_schedule(t: Tensor) -> tuple[Tensor, Tensor]:
    """Straight lines between data and noise. Lipman et al. 2023, Liu et al. 2023."""
    return 1 - t, t


def cosine_schedule(t: Tensor) -> tuple[Tensor, Tensor]:
    """Nichol & Dhariwal 2021, equation 17, held away from alpha = 0 as their clipping does."""
    angle = (t + 0.008) / 1.008 * torch.pi / 2
    alpha = (angle.cos() / torch.cos(torch.tensor(0.008 / 1.008 * torch.pi / 2))).clamp(1e-3, 1)
    return alpha, (1 - alpha**2).sqrt()


def linear_schedule(t: Tensor) -> tuple[Tensor, Tensor]:
    """The 1000 linear betas of Ho et al. 2020; t = k / 1000 is their step k, between steps interpolated."""
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    log_alpha_bar = torch.cat([torch.zeros(1, dtype=torch.float64), torch.log1p(-betas).cumsum(0)]).to(t.device)
    position = t.double() * 1000
    below = position.floor().clamp(0, 999).long()
    weight = position - below
    log_alpha_bar = torch.lerp(log_alpha_bar[below], log_alpha_bar[below + 1], weight)
    return (log_alpha_bar / 2).exp().to(t.dtype), (-torch.expm1(log_alpha_bar)).sqrt().to(t.dtype)


SCHEDULES: dict[str, Schedule] = {"flow": flow_schedule, "cosine": cosine_schedule, "linear": linear_schedule}


def _as(value: Tensor, x: Tensor) -> Tensor:
    """(B,) -> (B, 1, ..., 1), to multiply x (B, ...)."""
    return value.view(-1, *[1] * (x.ndim - 1))


class Diffusion(nn.Module):
    """A denoiser with its forward process, its loss and its samplers.

    network: ``f(x_t, t, cond)`` -> a tensor like x_t. shape: of one example, without the batch.
    objective: what the network predicts, "noise" (DDPM) or "velocity" (flow matching: noise - x_0).
    early: of the velocity objective; above 0 it trains more on times near 1, where the layout is decided.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, ...], objective: str = "velocity",
                 schedule: str = "flow", drop_condition: float = 0.1, early: float = 0.0):
        super().__init__()
        if objective not in ("noise", "velocity") or schedule not in SCHEDULES:
            raise ValueError(f"objective must be noise or velocity and schedule one of {list(SCHEDULES)}, "
                             f"found {objective!r} and {schedule!r}.")
        if objective == "velocity" and schedule != "flow":
            raise ValueError("the velocity objective is defined for the flow schedule; use schedule='flow'.")
        self.network, self.shape = network, tuple(shape)
        self.objective, self.schedule = objective, SCHEDULES[schedule]
        self.drop_condition, self.early = drop_condition, early

    def diffuse(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Jump straight to time t: (B, ...), (B,), (B, ...) -> x_t (B, ...)."""
        alpha, sigma = self.schedule(t)
        return _as(alpha, x0) * x0 + _as(sigma, x0) * noise

    def loss(self, x0: Tensor, cond: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error of the prediction at a random time. Labels are hidden now and then."""
        if x0.shape[1:] != self.shape:
            raise ValueError(f"x0 must have shape (B, {', '.join(map(str, self.shape))}), found {tuple(x0.shape)}.")

        def draw(sample: Callable, *size: int) -> Tensor:
            return sample(*size, generator=generator, device=x0.device)

        noise = draw(torch.randn, *x0.shape)
        if self.objective == "velocity":  # middle times are the hardest: Esser et al. 2024, section 3.1
            t, target = (draw(torch.randn, len(x0)) + self.early).sigmoid(), noise - x0
        else:
            t, target = draw(torch.rand, len(x0)), noise
        if cond is not None:
            hidden = draw(torch.rand, len(cond)) < self.drop_condition
            cond = torch.where(_as(hidden, cond), -1, cond)
        prediction = self.network(self.diffuse(x0, t, noise), t, cond)
        return (prediction.float() - target).square().mean()

    def denoise(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None,
                guidance: float = 1.0) -> tuple[Tensor, Tensor]:
        """The two parts of x_t as the network sees them: (x_0, noise), each like x_t.

        guidance > 1 exaggerates what the condition changes (Ho & Salimans 2022); 1 switches it off.
        """
        prediction = self.network(x_t, t, cond)
        if cond is not None and guidance != 1:
            free = self.network(x_t, t, None)
            prediction = free + guidance * (prediction - free)
        if self.objective == "velocity":
            return x_t - _as(t, x_t) * prediction, x_t + _as(1 - t, x_t) * prediction
        alpha, sigma = self.schedule(t)
        return (x_t - _as(sigma, x_t) * prediction) / _as(alpha, x_t), prediction

    @torch.no_grad()
    def trajectory(self, n: int, steps: int = 20, cond: Tensor | None = None, guidance: float = 1.0,
                   sampler: str = "heun", seed: int = 0, start: Tensor | None = None,
                   t_start: float = 1.0, guide_below: float = 1.0) -> Iterator[Tensor]:
        """Yield x (n, ...) at each of the steps + 1 times from noise to data.

        sampler: "ddpm" (fresh noise each step), "ddim" (none; Euler's method), or "heun" (second
        order, two evaluations a step). start, t_start: begin from a given x_t instead of pure noise.
        guide_below: steps that begin at a later time go unguided; near t = 1 guidance costs variety and
        brings nothing (Kynkäänniemi et al. 2024).
        """
        if sampler not in ("ddpm", "ddim", "heun"):
            raise ValueError(f"sampler must be ddpm, ddim or heun, found {sampler!r}.")
        device = next(self.parameters()).device
        generator = torch.Generator(device).manual_seed(seed)
        x = start if start is not None else torch.randn(n, *self.shape, generator=generator, device=device)
        times = torch.linspace(t_start, 0, steps + 1, device=device)
        yield x
        for i, (t, s) in enumerate(pairwise(times)):
            strength = guidance if t <= guide_below else 1.0
            t, s = t.expand(n), s.expand(n)
            if sampler == "ddpm":
                fresh = torch.randn(x.shape, generator=generator, device=device)
                x = self._ancestral(x, t, s, cond, strength, fresh)
            else:
                x = self._ode(x, t, s, cond, strength, second_order=sampler == "heun" and i < steps - 1)
            yield x

    def _ode(self, x: Tensor, t: Tensor, s: Tensor, cond: Tensor | None, guidance: float,
             second_order: bool) -> Tensor:
        """One step from t to s along dx = x_0 d alpha + noise d sigma."""
        (alpha_t, sigma_t), (alpha_s, sigma_s) = self.schedule(t), self.schedule(s)
        d_alpha, d_sigma = _as(alpha_s - alpha_t, x), _as(sigma_s - sigma_t, x)
        x0, noise = self.denoise(x, t, cond, guidance)
        ahead = x + d_alpha * x0 + d_sigma * noise
        if not second_order:
            return ahead
        x0_ahead, noise_ahead = self.denoise(ahead, s, cond, guidance)
        return x + d_alpha * (x0 + x0_ahead) / 2 + d_sigma * (noise + noise_ahead) / 2

    def _ancestral(self, x: Tensor, t: Tensor, s: Tensor, cond: Tensor | None, guidance: float,
                   fresh: Tensor) -> Tensor:
        """One step of Ho et al. 2020, algorithm 2, written as in Song et al. 2021 (DDIM, eta = 1)."""
        (alpha_t, sigma_t), (alpha_s, sigma_s) = self.schedule(t), self.schedule(s)
        x0, noise = self.denoise(x, t, cond, guidance)
        kept = alpha_t / alpha_s * sigma_s**2 / sigma_t  # of the noise that is in x_t
        added = (sigma_s**2 - kept**2).clamp(min=0).sqrt()
        return _as(alpha_s, x) * x0 + _as(kept, x) * noise + _as(added, x) * fresh

    def generate(self, n: int, steps: int = 20, cond: Tensor | None = None, guidance: float = 1.0,
                 sampler: str = "heun", seed: int = 0, guide_below: float = 1.0) -> Tensor:
        """n new examples (n, ...). cond: labels (n,) or None. Same seed, same examples. See ``trajectory``."""
        if cond is not None and len(cond) != n:
            raise ValueError(f"cond must have one entry for each of the {n} examples, found {len(cond)}.")
        x = None
        for x in self.trajectory(n, steps, cond, guidance, sampler, seed, guide_below=guide_below):
            pass
        return x
