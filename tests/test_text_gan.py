"""The GAN that writes: what it draws, and what its gradient can do."""

import pytest
import torch

from aigc_lib.text_gan import Writer, character_points

CHANCES = torch.tensor([[0.5, 0.3, 0.2, 1e-9], [0.1, 0.1, 0.8, 1e-9]])


def _writer() -> Writer:
    torch.manual_seed(0)
    return Writer(torch.randn(4, 3), CHANCES.log(), width=8, mood=2)


def test_before_training_the_dice_give_each_place_its_frequencies():
    writer = _writer()
    texts = writer.write(torch.randn(20_000, writer.latent_dim, generator=torch.Generator().manual_seed(1)))
    for place in (0, 1):
        shares = torch.bincount(texts[:, place], minlength=4) / len(texts)
        assert torch.allclose(shares, CHANCES[place], atol=0.015)


def test_a_path_goes_through_the_points_of_what_is_written():
    writer = _writer()
    z = torch.randn(50, writer.latent_dim)
    assert torch.allclose(writer(z), writer.table[writer.write(z)], atol=1e-5)


def test_the_slope_leads_back_to_a_character_that_is_wanted():
    writer = _writer()
    z = torch.randn(500, writer.latent_dim, generator=torch.Generator().manual_seed(2))
    before = (writer.write(z) == 1).float().mean()
    optimizer = torch.optim.Adam(writer.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        (writer(z) - writer.table[1]).square().mean().backward()
        optimizer.step()
    assert (writer.write(z) == 1).float().mean() > before + 0.3


def test_characters_that_keep_the_same_company_lie_close():
    # 2 and 3 stand between 0 and 1, 4 and 5 between 1 and 0
    texts = torch.tensor([[0, 2, 1, 4, 0, 2, 1], [0, 3, 1, 5, 0, 3, 1], [0, 2, 1, 5, 0, 3, 1], [0, 3, 1, 4, 0, 2, 1]])
    points = character_points(texts, 7, dim=3, reach=1)
    apart = torch.cdist(points, points)
    assert points.shape == (7, 3)
    assert apart[2, 3] < 0.1 * apart[2, 1]
    assert points[:6].square().mean().item() == pytest.approx(1, rel=0.01)
