"""What a good practitioner tries first. The models must beat these, not each other.

They speak the models' verbs, so a notebook can swap one for the other.
"""

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn


class LinearCode:
    """Principal component analysis as an autoencoder: the best linear code of a given width."""

    def __init__(self, width: int):
        self.pca = PCA(width, svd_solver="covariance_eigh" if width > 1 else "full")

    def fit(self, x: Tensor) -> "LinearCode":
        self.shape = x.shape[1:]
        self.pca.fit(x.flatten(1).double().numpy())
        return self

    def encode(self, x: Tensor) -> Tensor:  # (B, ...) -> (B, width)
        return torch.from_numpy(self.pca.transform(x.flatten(1).double().numpy())).float()

    def decode(self, z: Tensor) -> Tensor:  # (B, width) -> (B, ...)
        return torch.from_numpy(self.pca.inverse_transform(z.double().numpy())).float().view(-1, *self.shape)

    def score(self, x: Tensor) -> Tensor:
        """Reconstruction error of each example, (B,)."""
        return (self.decode(self.encode(x)) - x).square().flatten(1).mean(1)


class GaussianPictures:
    """One Gaussian a class in the space of the leading principal components; draws new pictures from it."""

    def __init__(self, width: int = 64):
        self.code = LinearCode(width)

    def fit(self, x: Tensor, labels: Tensor) -> "GaussianPictures":
        z = self.code.fit(x).encode(x).double().numpy()
        self.gaussians = {int(k): (z[labels == k].mean(0), np.cov(z[labels == k], rowvar=False))
                          for k in labels.unique()}
        return self

    def generate(self, cond: Tensor, seed: int = 0) -> Tensor:
        """Pictures for the labels cond (n,): (n, ...) in [-1, 1]."""
        rng = np.random.default_rng(seed)
        z = np.stack([rng.multivariate_normal(*self.gaussians[int(k)]) for k in cond])
        return self.code.decode(torch.from_numpy(z)).clamp(-1, 1)


class Regression(nn.Module):
    """One answer a question, trained on the mean squared error: it learns the average of all good answers.

    network: ``f(z, cond)`` as a GAN's generator; z is always 0. latent_dim: how many zeros it wants.
    """

    def __init__(self, network: nn.Module, latent_dim: int):
        super().__init__()
        self.network, self.latent_dim = network, latent_dim

    def predict(self, cond: Tensor) -> Tensor:
        """Given pictures (B, C, H, W) -> answers, the same ones each time."""
        return self.network(cond.new_zeros(len(cond), self.latent_dim), cond)

    def loss(self, x: Tensor, cond: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return (self.predict(cond).float() - x).square().mean()
