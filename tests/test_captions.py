"""Captions say what the picture shows, are understood as they are written, and reach the network."""

import pytest
import torch

from aigc_lib.captions import AttributeClassifier, CaptionEmbedding, Captioner
from aigc_lib.datasets import load_fashion_mnist
from aigc_lib.diffusion import Diffusion
from aigc_lib.networks import UNet
from aigc_lib.scenes import COLOURS, FASHION_LABELS, FORMS, all_scenes, describe, draw, understand
from aigc_lib.text import END, Tokenizer
from aigc_lib.training import train

SCENES = all_scenes()
TOKENIZER = Tokenizer(describe(scene, form) for scene in SCENES for form in range(len(FORMS)))
LENGTH = 16


def tokens(scenes: torch.Tensor) -> torch.Tensor:
    return torch.stack([TOKENIZER.encode(describe(scene), LENGTH) for scene in scenes])


@pytest.mark.parametrize("form", range(len(FORMS)))
def test_every_caption_is_understood_as_it_was_meant(form):
    assert all(torch.equal(understand(describe(scene, form)), scene) for scene in SCENES)
    assert len({describe(scene, form) for scene in SCENES}) == len(SCENES) == 360


@pytest.mark.parametrize("text, complaint", [
    ("左上角有一件黑色的大T恤", "黑"), ("左上角有一件红色的大", "种类要说一个，这里说了 0 个"),
    ("左上角有一件红色的蓝色的大T恤", "颜色要说一个，这里说了 2 个"), ("", "短靴")])
def test_unknown_and_missing_words_are_answered_with_the_known_ones(text, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        understand(text)
    assert "红色" in str(error.value) and "正中间" in str(error.value)


def test_a_drawn_scene_has_the_colour_the_size_and_the_place_it_was_given():
    x, labels = load_fashion_mnist("train", 600)
    scenes = SCENES[torch.randperm(360, generator=torch.Generator().manual_seed(0))[:120]]
    pictures = (draw(scenes, x, labels) + 1) / 2
    assert pictures.shape == (120, 3, 28, 28) and pictures.min() >= 0 and pictures.max() <= 1
    seen = torch.nn.functional.normalize(pictures.sum((2, 3)), dim=1) @ torch.nn.functional.normalize(COLOURS, dim=1).T
    assert torch.equal(seen.argmax(1), scenes[:, 1])
    ink = pictures.amax(1)
    boxes = [(i > 0.05).nonzero() for i in ink]
    heights = torch.tensor([(box.amax(0) - box.amin(0) + 1).max() for box in boxes])
    assert heights[scenes[:, 2] == 1].max() <= 14 and heights[scenes[:, 2] == 0].float().mean() > 15
    middles = torch.stack([(box.amax(0) + box.amin(0)) / 2 for box in boxes])
    top_left, bottom_right = middles[scenes[:, 3] == 0], middles[scenes[:, 3] == 3]
    assert top_left.max() < bottom_right.min()


def test_drawing_is_reproducible_and_takes_garments_of_the_right_kind():
    x, labels = load_fashion_mnist("train", 600)
    assert torch.equal(draw(SCENES[:20], x, labels, seed=1), draw(SCENES[:20], x, labels, seed=1))
    only = torch.full_like(x, -1)
    only[labels == FASHION_LABELS[4]] = 1.0  # bags are white squares, everything else is empty
    lit = draw(SCENES, only, labels).amax((1, 2, 3)) > 0
    assert torch.equal(lit, SCENES[:, 0] == 4)


def test_embedding_tells_captions_apart_ignores_padding_and_knows_none():
    torch.manual_seed(0)
    embedding = CaptionEmbedding(len(TOKENIZER), LENGTH, dim=8).eval()
    a = embedding(tokens(SCENES[:3]), 3)
    assert a.shape == (3, 8) and not torch.allclose(a[0], a[1])
    nothing = embedding(torch.full((3, LENGTH), -1), 3)
    assert torch.equal(nothing, embedding(None, 3)) and not torch.allclose(nothing, a)


def test_captions_steer_a_diffusion_model():
    """Two captions, two pictures (all dark, all light): after training each caption gets its own."""
    torch.manual_seed(0)
    captions = tokens(SCENES[[0, 359]]).repeat(32, 1)
    pictures = torch.tensor([-0.8, 0.8]).repeat(32)[:, None, None, None].expand(64, 3, 8, 8).clone()
    model = Diffusion(UNet(3, widths=(8, 8), blocks=(1, 1), condition=CaptionEmbedding(len(TOKENIZER), LENGTH)), (3, 8, 8))
    for _ in train(model, (pictures, captions), 120, batch_size=64, lr=5e-3, precision="float32"):
        pass
    dark, light = model.generate(2, 5, captions[:2], 2.0)
    assert dark.mean() < -0.4 and light.mean() > 0.4


def test_captioner_and_classifier_learn_what_they_are_shown():
    torch.manual_seed(0)
    x, labels = load_fashion_mnist("train", 600)
    scenes = SCENES[torch.randint(360, (256,))]
    pictures, captions = draw(scenes, x, labels), torch.stack(
        [torch.cat([TOKENIZER.encode(describe(s)), torch.tensor([END])]) for s in scenes if len(describe(s)) == 12])
    pictures = pictures[torch.tensor([len(describe(s)) == 12 for s in scenes])]
    writer = Captioner(len(TOKENIZER), 13)
    for _ in train(writer, (pictures, captions), 150, batch_size=64, lr=3e-3, precision="float32"):
        pass
    assert (writer.write(pictures[:50]) == captions[:50]).float().mean() > 0.9
    classifier = AttributeClassifier([6, 6, 2, 5], width=8)
    for _ in train(classifier, (draw(scenes, x, labels), scenes), 200, batch_size=64, lr=3e-3, precision="float32"):
        pass
    right = (classifier.classify(draw(scenes, x, labels)) == scenes).float().mean(0)
    assert right.min() > 0.85
