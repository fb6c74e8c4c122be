"""Networks: shapes, and that conditions reach the output."""

import pytest
import torch

from aigc_lib.networks import (
    Classifier,
    ConditionalMLP,
    ControlEmbedding,
    ConvDecoder,
    ConvEncoder,
    LabelEmbedding,
    LabelledMLP,
    PictureDiscriminator,
    PictureGenerator,
    SelfAttention,
    Translator,
    UNet,
    mlp,
    time_features,
    with_coordinates,
)


def test_label_minus_one_is_no_label():
    table = LabelEmbedding(4, 8)
    assert torch.equal(table(torch.tensor([-1, -1]), 2), table(None, 2))
    assert not torch.equal(table(torch.tensor([0, 1]), 2), table(None, 2))


def test_a_denoiser_for_points_can_be_steered_by_numbers():
    torch.manual_seed(0)
    network = ConditionalMLP(2, width=16, condition=ControlEmbedding(3, 16))
    x, t = torch.randn(4, 2), torch.rand(4)
    a, b = network(x, t, torch.zeros(4, 3)), network(x, t, torch.ones(4, 3))
    assert a.shape == x.shape and not torch.allclose(a, b)
    with pytest.raises(ValueError, match="steered by 3 numbers"):
        network(x, t, None)


@pytest.mark.parametrize("size", [28, 32])
def test_unet_returns_a_picture_and_starts_at_zero(size):
    network = UNet(widths=(16, 32), n_classes=10)
    x = torch.randn(2, 1, size, size)
    out = network(x, torch.rand(2), torch.tensor([0, 9]))
    assert out.shape == x.shape and out.abs().max() == 0


def test_unet_hears_time_and_label():
    torch.manual_seed(0)
    network = UNet(widths=(16, 32), n_classes=10)
    for p in network.parameters():
        if p.abs().sum() == 0:  # wake the layers that start at zero
            torch.nn.init.normal_(p, std=0.1)
    x, t, y = torch.randn(1, 1, 28, 28), torch.tensor([0.3]), torch.tensor([2])
    base = network(x, t, y)
    assert not torch.allclose(base, network(x, t + 0.4, y))
    assert not torch.allclose(base, network(x, t, y + 1))


def test_attention_starts_as_the_identity_and_keeps_shape():
    x = torch.randn(2, 16, 7, 7)
    assert torch.equal(SelfAttention(16)(x), x)


def test_shapes_of_the_rest():
    assert mlp([3, 5, 2])(torch.zeros(4, 3)).shape == (4, 2)
    assert time_features(torch.rand(4), 16).shape == (4, 16)
    assert ConditionalMLP(2, width=8)(torch.zeros(4, 2), torch.rand(4)).shape == (4, 2)
    x = PictureGenerator(6, width=8, n_classes=3)(torch.randn(4, 6), torch.tensor([0, 1, 2, -1]))
    assert x.shape == (4, 1, 28, 28)
    assert PictureDiscriminator(width=8, n_classes=3)(x, torch.tensor([0, 1, 2, 0])).shape == (4,)
    assert Classifier()(x).shape == (4, 10) and Classifier().features(x).shape == (4, 64)


def test_colour_pictures_of_side_32():
    x = PictureGenerator(6, width=8, n_classes=3, channels=3, side=32)(torch.randn(4, 6), torch.tensor([0, 1, 2, -1]))
    assert x.shape == (4, 3, 32, 32)
    assert PictureDiscriminator(width=8, n_classes=3, channels=3)(x, torch.tensor([0, 1, 2, 0])).shape == (4,)
    assert Classifier(5, n_features=7, channels=3).features(x).shape == (4, 7)
    assert ConvDecoder(6, width=8, channels=3, side=32)(ConvEncoder(6, 8, channels=3, side=32)(x)).shape == x.shape


def test_pictures_may_have_several_channels():
    clip = PictureGenerator(6, width=8, channels=5)(torch.randn(2, 6))
    assert clip.shape == (2, 5, 28, 28)
    assert ConvDecoder(4, width=8, channels=5)(torch.randn(2, 4)).shape == clip.shape
    assert ConvEncoder(3, width=8, channels=5)(clip).shape == (2, 3)
    assert PictureDiscriminator(width=8, channels=5)(clip).shape == (2,)
    assert PictureDiscriminator(width=8, channels=5, given=1)(clip, clip[:, :1]).shape == (2,)
    assert Classifier(channels=5)(clip).shape == (2, 10)
    unet = UNet(channels=5, widths=(8, 8), blocks=(1, 1), given=1)
    assert Translator(unet)(torch.randn(2, 5 * 784), clip[:, :1]).shape == clip.shape


def test_the_score_of_one_picture_ignores_the_rest_of_the_batch():
    network = PictureDiscriminator(width=8)
    x = torch.randn(4, 1, 28, 28)
    assert torch.allclose(network(x)[:1], network(x[:1]), atol=1e-6)


def test_labelled_mlp_hears_the_label_and_gives_scores():
    torch.manual_seed(0)
    points, scores = LabelledMLP([3, 16, 2], n_classes=4), LabelledMLP([2, 16, 1])
    x = points(torch.ones(5, 3), torch.tensor([0, 1, 2, 3, -1]))
    assert x.shape == (5, 2) and len(x.unique(dim=0)) == 5
    assert scores(x).shape == (5,)
    assert LabelledMLP([3, 16, 2], last=torch.nn.Tanh())(100 * torch.ones(1, 3)).abs().max() <= 1


def test_coordinates_run_from_corner_to_corner():
    out = with_coordinates(torch.zeros(2, 3, 4, 5))
    assert out.shape == (2, 5, 4, 5)
    assert out[0, 3, :, 0].tolist() == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert out[1, 4, 0].tolist() == pytest.approx([-1, -0.5, 0, 0.5, 1])


def test_a_given_picture_reaches_translator_and_discriminator():
    torch.manual_seed(0)
    unet = UNet(widths=(8, 8), blocks=(1, 1), given=1)
    torch.nn.init.normal_(unet.leave.weight)
    translator, judge = Translator(unet), PictureDiscriminator(width=8, given=1)
    z, given = torch.randn(2, 784), torch.rand(2, 1, 28, 28)
    out = translator(z, given)
    assert out.shape == (2, 1, 28, 28) and out.abs().max() <= 1
    assert not torch.allclose(out, translator(z, -given)) and not torch.allclose(out, translator(-z, given))
    assert judge(out, given).shape == (2,) and not torch.allclose(judge(out, given), judge(out, -given))
    with pytest.raises(ValueError, match="pass it as cond"):
        judge(out)
    with pytest.raises(ValueError, match="found \\(2, 1, 14, 14\\)"):
        judge(out, given[..., :14, :14])


def test_controls_reach_picture_and_score():
    torch.manual_seed(0)
    generator = PictureGenerator(8, width=8, condition=ControlEmbedding(4, 16))
    discriminator = PictureDiscriminator(width=8, condition=ControlEmbedding(4, 128))
    z, controls = torch.randn(1, 8).expand(2, -1), torch.tensor([[0.0, 0, 0, 0], [0.0, 0, 0, 1]])
    x = generator(z, controls)
    assert x.shape == (2, 1, 28, 28) and (x[0] - x[1]).abs().mean() > 1e-3
    scores = discriminator(x[:1].expand(2, -1, -1, -1), controls)
    assert scores.shape == (2,) and scores[0] != scores[1]


@pytest.mark.parametrize("wrong", [None, torch.zeros(2, 3), torch.zeros(3, 4)])
def test_missing_controls_are_asked_for(wrong):
    with pytest.raises(ValueError, match="4 numbers"):
        PictureGenerator(8, width=8, condition=ControlEmbedding(4, 16))(torch.zeros(2, 8), wrong)
