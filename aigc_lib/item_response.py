"""Item response theory: one ability a student, two numbers an item. What examiners use, and the AE's baseline."""

import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from torch import Tensor


class TwoParameter:
    """P(right) = sigmoid(slope_j * ability + easiness_j), ability ~ N(0, 1). Birnbaum 1968.

    Answers are (N, J): 1 right, -1 wrong, 0 not given. Fitted by marginal maximum likelihood: ability is
    summed out on a grid (Bock & Aitkin 1981). spread: how far the logarithms of the slopes may stray from
    their common mean, as the standard deviation of a Gaussian prior; 0 makes all slopes equal, which is the
    Rasch model (Rasch 1960) with a free variance of the abilities.
    """

    def __init__(self, spread: float):
        self.spread = spread
        self.grid = torch.linspace(-5, 5, 41, dtype=torch.float64)
        self.log_prior = torch.log_softmax(-self.grid.square() / 2, 0)

    def fit(self, answers: Tensor) -> "TwoParameter":
        """Raises ValueError when an item was never answered: nothing could be said about it."""
        if not (answers != 0).any(0).all():
            raise ValueError("every item needs at least one answer; drop the columns without any.")
        n_items = answers.shape[1]
        share = (((answers > 0).sum(0) + 0.5) / ((answers != 0).sum(0) + 1)).double()

        def negative(values):
            flat = torch.tensor(values, requires_grad=True)
            self._set(flat)
            loss = -torch.logsumexp(self._log_joint(answers), 1).sum() + flat[1 + n_items:].square().sum() / 2
            return loss.item(), torch.autograd.grad(loss, flat)[0].numpy()

        start = torch.cat([torch.zeros(1), share.logit(), torch.zeros(n_items)]).double().numpy()
        self._set(torch.from_numpy(minimize(negative, start, jac=True, method="L-BFGS-B").x))
        return self

    def _set(self, flat: Tensor) -> None:
        """flat: mean log slope, J easinesses, J deviations of the log slopes in units of the spread."""
        n_items = len(flat) // 2
        self.easiness = flat[1:1 + n_items]
        self.slopes = (flat[0] + self.spread * flat[1 + n_items:]).exp()
        self.logits = self.grid[:, None] * self.slopes + self.easiness  # (41, J)

    def _log_joint(self, answers: Tensor) -> Tensor:
        """log p(answers, ability) for each ability on the grid, (N, 41)."""
        right, wrong = (answers > 0).double(), (answers < 0).double()
        return self.log_prior + right @ F.logsigmoid(self.logits).T + wrong @ F.logsigmoid(-self.logits).T

    def posterior(self, answers: Tensor) -> Tensor:
        """p(ability | answers) on the grid, (N, 41). Without answers it is the prior."""
        return self._log_joint(answers).softmax(1)

    def ability(self, answers: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean and standard deviation of each student's ability, (N,) and (N,)."""
        weights = self.posterior(answers)
        mean = weights @ self.grid
        return mean, (weights @ self.grid.square() - mean.square()).clamp(min=0).sqrt()

    def predict(self, answers: Tensor) -> Tensor:
        """The chance of a right answer to each item, (N, J), given what was answered so far."""
        return (self.posterior(answers) @ self.logits.sigmoid()).float()
