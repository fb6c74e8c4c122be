"""Few-step students: the answer they are taught is the teacher's, and they learn it."""

import pytest
import torch
from torch import nn

from aigc_lib.diffusion import Diffusion
from aigc_lib.distillation import Distillation
from aigc_lib.networks import ConditionalMLP
from aigc_lib.training import train


class Growth(nn.Module):
    """dx/dt = x, and twice as fast without a label: every Euler step is known in closed form."""

    def __init__(self):
        super().__init__()
        self.rate = nn.Parameter(torch.ones(()))

    def forward(self, x, t, cond=None):
        return self.rate * x * (2 if cond is None else 1)


def test_target_is_the_mean_velocity_of_the_teachers_small_steps():
    course = Distillation(Diffusion(Growth(), (3,)), steps=2, substeps=4)
    x, t = torch.randn(5, 3), torch.ones(5)
    assert torch.allclose(course.target(x, t, torch.zeros(5)), (x - x * (1 - 1 / 8) ** 4) * 2, atol=1e-5)


def test_target_goes_where_the_sampler_goes_with_guidance():
    torch.manual_seed(0)
    teacher = Diffusion(ConditionalMLP(2, 16, n_classes=3), (2,))
    cond = torch.tensor([0, 1, 2, 1])
    x = torch.randn(4, 2)
    course = Distillation(teacher, steps=1, substeps=6, guidance=2.0)
    *_, end = teacher.trajectory(4, 6, cond, guidance=2.0, sampler="ddim", start=x)
    assert torch.allclose(x - course.target(x, torch.ones(4), cond), end, atol=1e-5)


def test_student_in_one_step_comes_close_to_the_teacher_and_the_teacher_stays():
    torch.manual_seed(0)
    points = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(500, 1)
    teacher = Diffusion(ConditionalMLP(2, 64), (2,))
    list(train(teacher, points, 400, batch_size=256, lr=5e-3))
    before = [p.clone() for p in teacher.parameters()]
    course = Distillation(teacher, steps=1, substeps=8)
    list(train(course, points, 300, batch_size=256, lr=5e-3))
    many, one, student = (model.generate(500, steps, sampler="ddim", seed=3)
                          for model, steps in ((teacher, 8), (teacher, 1), (course.student, 1)))
    assert (student - many).square().mean() < 0.3 * (one - many).square().mean()
    assert all(torch.equal(a, b) for a, b in zip(before, teacher.parameters()))


def test_calls_count_looks_at_a_network():
    teacher = Diffusion(ConditionalMLP(2, 8), (2,))
    assert Distillation(teacher, 4, substeps=2).calls == 5
    assert Distillation(teacher, 4, substeps=4, guidance=2.0).calls == 11


def test_bad_teachers_and_counts_are_refused():
    with pytest.raises(ValueError, match="velocity"):
        Distillation(Diffusion(ConditionalMLP(2, 8), (2,), "noise", "cosine"), 4)
    with pytest.raises(ValueError, match="at least 1"):
        Distillation(Diffusion(ConditionalMLP(2, 8), (2,)), 0)
