"""The VAE in PyTorch with its loss compiled; that wants a C++ compiler on the machine."""

import torch

from aigc_lib.frameworks import torch_vae
from aigc_lib.frameworks.torch_vae import SHARED, VAE, decode, dump_weights, encode, fit, load_weights, use

__all__ = ["EXPORTS", "SHARED", "build", "decode", "dump_weights", "encode", "fit", "load_weights", "use"]
EXPORTS = {}  # those of torch_vae


def build(sizes: tuple[int, int, int], seed: int) -> VAE:
    model = torch_vae.build(sizes, seed)
    model.loss = torch.compile(model.loss)
    return model
