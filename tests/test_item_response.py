"""Item response theory against simulated truth and against what maximum likelihood must satisfy."""

import pytest
import torch

from aigc_lib.item_response import TwoParameter


def simulated(n: int, slopes: torch.Tensor, easiness: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    ability = torch.randn(n, generator=g)
    chance = (ability[:, None] * slopes + easiness).sigmoid()
    return torch.where(torch.rand(chance.shape, generator=g) < chance, 1.0, -1.0), ability


SLOPES = torch.linspace(0.5, 2, 12)
EASINESS = torch.linspace(-1.5, 1.5, 12)[[3, 8, 0, 11, 5, 1, 9, 6, 2, 10, 4, 7]]


@pytest.fixture(scope="module")
def sheets():
    return simulated(4000, SLOPES, EASINESS)


def test_simulated_slopes_easiness_and_abilities_come_back(sheets):
    answers, ability = sheets
    model = TwoParameter(0.5).fit(answers)
    assert (model.slopes - SLOPES).abs().max() < 0.25
    assert (model.easiness - EASINESS).abs().max() < 0.15
    mean, deviation = model.ability(answers)
    assert ((mean - ability) / deviation).std() == pytest.approx(1, abs=0.05)  # the posterior is as wide as its errors


def test_gaps_do_not_bias_the_items(sheets):
    answers, _ = sheets
    shown = torch.rand(answers.shape, generator=torch.Generator().manual_seed(1)) < 0.6
    model = TwoParameter(0.5).fit(answers * shown)
    assert (model.easiness - EASINESS).abs().max() < 0.2


def test_rasch_model_has_one_slope_and_the_score_is_sufficient(sheets):
    answers, _ = sheets
    model = TwoParameter(0).fit(answers)
    assert model.slopes.max() - model.slopes.min() < 1e-12
    one, other = torch.tensor([1.0] * 5 + [-1] * 7), torch.tensor([-1.0] * 7 + [1] * 5)
    assert torch.allclose(*model.posterior(torch.stack([one, other])), atol=1e-9)


def test_at_the_maximum_expected_scores_equal_observed_scores(sheets):
    """The derivative of the marginal likelihood by an easiness is observed minus expected right answers."""
    answers, _ = sheets
    model = TwoParameter(0).fit(answers)
    assert torch.allclose(model.predict(answers).mean(0), (answers > 0).float().mean(0), atol=2e-3)


def test_without_answers_the_prediction_is_the_average_student(sheets):
    answers, _ = sheets
    model = TwoParameter(0.5).fit(answers)
    nothing = torch.zeros(1, 12)
    assert torch.allclose(model.predict(nothing)[0], (answers > 0).float().mean(0), atol=0.02)
    mean, deviation = model.ability(nothing)
    assert mean.item() == pytest.approx(0, abs=1e-9) and deviation.item() == pytest.approx(1, abs=1e-3)


def test_a_prediction_is_the_ratio_of_two_sheets_chances(sheets):
    """p(right | seen) = p(seen and right) / p(seen), so the chain rule may be used to draw whole sheets."""
    model = TwoParameter(0.5).fit(sheets[0])
    seen = torch.zeros(1, 12)
    seen[0, :3] = torch.tensor([1.0, -1, 1])
    both = seen.clone()
    both[0, 7] = 1
    ratio = (torch.logsumexp(model._log_joint(both), 1) - torch.logsumexp(model._log_joint(seen), 1)).exp()
    assert model.predict(seen)[0, 7].item() == pytest.approx(ratio.item(), abs=1e-6)


def test_an_item_nobody_answered_is_refused():
    with pytest.raises(ValueError, match="at least one answer"):
        TwoParameter(0.5).fit(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
