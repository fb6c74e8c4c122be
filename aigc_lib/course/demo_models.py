"""The small models that the site's demos run in the browser: how they are trained, and their ONNX files.

``make`` trains one and writes ``book/demos/NAME.onnx``, the only copy of its weights; ``load`` rebuilds the
PyTorch model from that file, so a test can hold the one against the other. ``book/demos/models.json`` records
how each was made. The recipes are those of chapters 2.1, 2.3 and 2.4, with the same classes. Another machine or
another PyTorch trains to other last digits, so the files travel with the course.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from aigc_lib import paths
from aigc_lib.autoencoder import VAE
from aigc_lib.captions import CaptionEmbedding
from aigc_lib.course.files import write_atomic
from aigc_lib.datasets import FASHION_CLASSES, load_fashion_mnist
from aigc_lib.diffusion import Diffusion
from aigc_lib.networks import ConvDecoder, ConvEncoder, UNet, mlp
from aigc_lib.scenes import FORMS, WORDS, all_scenes, describe, draw
from aigc_lib.text import SPECIAL, Tokenizer
from aigc_lib.training import train

SEED = 0
PHOTOS = 50  # pictures of each scene


class Guided(nn.Module):
    """One look of a flow-matching network, guided (Ho & Salimans 2022), as a graph without branches.

    x (1, C, H, W), t (1,), cond (1, ...) int64, guidance (1,) -> velocity (1, C, H, W), noise minus x_0.
    """

    def __init__(self, network: UNet):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, t: Tensor, cond: Tensor, guidance: Tensor) -> Tensor:
        both = torch.cat([cond, torch.full_like(cond, -1)])
        told, free = self.network(torch.cat([x, x]), torch.cat([t, t]), both).chunk(2)
        return free + guidance * (told - free)


def build_vae() -> VAE:
    """Two numbers -> a picture (1, 28, 28), through an MLP: from two numbers a linear map says too little."""
    decoder = nn.Sequential(mlp([2, 64, 64]), nn.SiLU(), ConvDecoder(64, width=24))
    return VAE(ConvEncoder(4), decoder, latent_dim=2)


def build_diffusion() -> Diffusion:
    """A label -> a picture (1, 28, 28)."""
    return Diffusion(UNet(widths=(32, 96), blocks=(1, 1), n_classes=10), shape=(1, 28, 28))


def build_caption() -> Diffusion:
    """A caption -> a scene (3, 28, 28)."""
    reader = CaptionEmbedding(len(tokenizer()), longest())
    network = UNet(channels=3, widths=(24, 64), blocks=(1, 1), condition=reader)
    return Diffusion(network, shape=(3, 28, 28), early=1.0)


@cache
def captions() -> list[str]:
    """Every scene in every form of words."""
    return [describe(scene, form) for scene in all_scenes() for form in range(len(FORMS))]


@cache
def tokenizer() -> Tokenizer:
    """The characters that captions are made of."""
    return Tokenizer(captions())


def longest() -> int:
    """Characters of the longest caption."""
    return max(map(len, captions()))


def scene_data() -> tuple[Tensor, Tensor]:
    """Pictures of every scene (18000, 3, 28, 28), each with a caption (18000, longest()) of either form."""
    photos, labels = load_fashion_mnist("train")
    scenes = all_scenes().repeat(PHOTOS, 1)
    forms = torch.arange(len(scenes)) // len(all_scenes()) % len(FORMS)
    texts = (describe(scene, int(form)) for scene, form in zip(scenes, forms))
    return draw(scenes, photos, labels, seed=SEED), torch.stack([tokenizer().encode(text, longest()) for text in texts])


@dataclass(frozen=True)
class Recipe:
    """A model: the notebook that teaches it, how it is built and trained, and the graph that the browser gets.

    options: of ``train``. inputs: makes an example of each input of the graph, by name; ``batch``: they may be
    many at once. settings: makes what the page has to know besides.
    """

    notebook: str
    build: Callable[[], nn.Module]
    data: Callable[[], tuple[Tensor, ...]]
    options: dict
    graph: Callable[[nn.Module], nn.Module]
    inputs: Callable[[], dict[str, Tensor]]
    batch: bool
    settings: Callable[[], dict]


def _inputs(channels: int, cond: Tensor) -> dict[str, Tensor]:
    return {"x": torch.zeros(1, channels, 28, 28), "t": torch.ones(1), "cond": cond, "guidance": torch.ones(1)}


def _guided(model: Diffusion) -> Guided:
    return Guided(model.network)


def _caption_settings() -> dict:
    characters = "".join(tokenizer().characters[len(SPECIAL):])
    return {"words": WORDS, "characters": characters, "first": len(SPECIAL), "length": longest()}


RECIPES = {
    "vae": Recipe(
        notebook="ch02_1_autoencoder", build=build_vae, data=lambda: load_fashion_mnist("train")[:1],
        options={"steps": 8000, "batch_size": 128, "lr": 3e-3, "ema": 0.998},
        graph=lambda vae: vae.decoder, inputs=lambda: {"z": torch.zeros(2, 2)}, batch=True, settings=dict),
    "diffusion": Recipe(
        notebook="ch02_3_diffusion", build=build_diffusion, data=lambda: load_fashion_mnist("train"),
        options={"steps": 5000, "batch_size": 64, "lr": 6e-3, "ema": 0.998},
        graph=_guided, inputs=lambda: _inputs(1, torch.zeros(1, dtype=torch.int64)), batch=False,
        settings=lambda: {"classes": FASHION_CLASSES}),
    "caption": Recipe(
        notebook="ch02_4_text_to_image", build=build_caption, data=scene_data,
        options={"steps": 5000, "batch_size": 64, "lr": 8e-3, "ema": 0.998},
        graph=_guided, inputs=lambda: _inputs(3, tokenizer().encode(captions()[0], longest())[None]), batch=False,
        settings=_caption_settings),
}


def make(name: str, say: Callable[[str], None] = print) -> None:
    """Train the model ``name`` from scratch, a few minutes on two cores; write its ONNX file and its record."""
    recipe = RECIPES[name]
    torch.manual_seed(SEED)
    model = recipe.build()
    for step in train(model, recipe.data(), seed=SEED, device="cpu", **recipe.options):
        if step.step % 100 == 0:
            say(f"{name}：第 {step.step} 步，共 {recipe.options['steps']} 步，{step.seconds:.0f} 秒，损失 {step.losses['loss']:.3f}")
    write(name, model)


def write(name: str, model: nn.Module) -> None:
    """Write the ONNX file of a trained model, and its row of ``models.json``."""
    from aigc_lib.course.onnx_file import export, weights_of

    recipe = RECIPES[name]
    inputs = recipe.inputs()
    content = export(recipe.graph(model), inputs, recipe.batch)
    file_of(name).write_bytes(content)
    weights = weights_of(content)
    digest = hashlib.sha256()
    for key in sorted(weights):
        digest.update(key.encode() + weights[key].numpy().tobytes())
    book = records_file()
    records = json.loads(book.read_text("utf-8")) if book.exists() else {}
    records[name] = {
        "notebook": recipe.notebook, "seed": SEED, "training": recipe.options, "torch": torch.__version__.split("+")[0],
        "parameters": sum(weight.numel() for weight in weights.values()), "weights_sha256": digest.hexdigest(),
        "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "settings": recipe.settings(),
    }
    ordered = {key: records[key] for key in RECIPES if key in records}
    write_atomic(book, json.dumps(ordered, ensure_ascii=False, indent=1) + "\n")


def load(name: str) -> nn.Module:
    """The PyTorch model with the weights of its ONNX file; a VAE comes with an untrained encoder."""
    from aigc_lib.course.onnx_file import weights_of

    model = RECIPES[name].build().eval()
    graph = RECIPES[name].graph(model)
    counters = {k: v for k, v in graph.state_dict().items() if not v.is_floating_point()}  # of batches seen
    graph.load_state_dict(counters | weights_of(file_of(name).read_bytes()))
    return model


def file_of(name: str) -> Path:
    """Where the ONNX file of a model lies."""
    return paths.BOOK / "demos" / f"{name}.onnx"


def records_file() -> Path:
    """Where it is written how the models were made."""
    return paths.BOOK / "demos" / "models.json"
