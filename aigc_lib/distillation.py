"""Progressive distillation: a student learns to reach in one step what its teacher reaches in several.

    halving = Distillation(teacher, steps=4, substeps=2, guidance=1.5)
    for step in train(halving, (pictures, labels), steps=300):
        ...
    halving.student.generate(10, steps=4, cond=labels, sampler="ddim")

The student starts as a copy of the teacher. Guidance goes into its weights, so that it asks once where the
teacher asks twice. Do it again with the student as the teacher, and the steps halve again.

Salimans & Ho 2022 (the halving); Meng et al. 2023 (the guidance); Luhman & Luhman 2021 (the first of the kind).
"""

import copy

import torch
from torch import Tensor, nn

from aigc_lib.diffusion import Diffusion


class Distillation(nn.Module):
    """One round: ``student`` in ``steps`` equal DDIM steps follows ``teacher`` in ``steps * substeps``.

    teacher: predicts velocities; it is copied and stays as it is. guidance: strength at which the teacher is asked.
    Raises ValueError for another objective, and for counts below 1.
    """

    def __init__(self, teacher: Diffusion, steps: int, substeps: int = 2, guidance: float = 1.0):
        super().__init__()
        if teacher.objective != "velocity":
            raise ValueError(f"distillation needs a teacher that predicts velocity, found {teacher.objective!r}.")
        if steps < 1 or substeps < 1:
            raise ValueError(f"steps and substeps must be at least 1, found {steps} and {substeps}.")
        self.teacher = copy.deepcopy(teacher).requires_grad_(False)
        self.student = copy.deepcopy(teacher)
        self.steps, self.substeps, self.guidance = steps, substeps, guidance

    def loss(self, x0: Tensor, cond: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Mean squared error between the student's velocity and the teacher's mean velocity over the same stretch."""
        k = torch.randint(1, self.steps + 1, (len(x0),), generator=generator, device=x0.device)
        noise = torch.randn(x0.shape, generator=generator, device=x0.device)
        t = k / self.steps
        x_t = self.student.diffuse(x0, t, noise)
        return (self.student.network(x_t, t, cond).float() - self.target(x_t, t, cond)).square().mean()

    @torch.no_grad()
    def target(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """(x_t - where the teacher gets from there) / the time it takes: like x_t. t (B,): multiples of 1 / steps."""
        x, pace = x_t, 1 / (self.steps * self.substeps)
        for i in range(self.substeps):
            x0, noise = self.teacher.denoise(x, t - i * pace, cond, self.guidance)
            x = x - pace * (noise - x0)
        return (x_t - x) * self.steps

    @property
    def calls(self) -> int:
        """Looks at a network that one example costs in training, where learning from it counts as two more."""
        return self.substeps * (2 if self.guidance != 1 else 1) + 3
