"""What a good practitioner tries first. The models must beat these, not each other.

They speak the models' verbs, so a notebook can swap one for the other.
"""

import re
from collections.abc import Iterable

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor


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


def sentences(text: str) -> list[str]:
    """The sentences of a Chinese text, each with its closing mark; a new line also ends one."""
    return [part.strip() for part in re.findall("[^。！？；\n]+[。！？；]?[”』」）]*", text) if part.strip()]


def lead(text: str, length: int) -> str:
    """The first ``length`` characters of the first sentence: what a newspaper puts first. Without closing mark."""
    first = sentences(text)[:1] or [""]
    return first[0].rstrip("。！？；")[:length].rstrip("，、：")


class TextRank:
    """The sentence that the other sentences vote for: PageRank over their likeness. Mihalcea & Tarau 2004.

    Likeness is the cosine of tf-idf vectors of characters and pairs of characters, as Erkan & Radev (2004)
    have it for words; their rarity is counted on the texts given to ``fit``.
    """

    def __init__(self, most: int = 12):
        self.most = most  # sentences of a text that are looked at
        self.vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True)

    def fit(self, texts: Iterable[str]) -> "TextRank":
        self.vectors.fit(sentence for text in texts for sentence in sentences(text))
        return self

    def pick(self, text: str) -> str:
        """The sentence with the most votes; the earlier one of two equals."""
        import networkx  # here, because only this baseline needs it

        parts = sentences(text)[:self.most]
        rows = self.vectors.transform(parts)
        likeness = (rows @ rows.T).toarray()
        np.fill_diagonal(likeness, 0)
        votes = networkx.pagerank(networkx.from_numpy_array(likeness))
        return parts[max(votes, key=lambda i: (round(votes[i], 9), -i))]
