"""The summarisers: what a bottleneck can and cannot carry, and that the pointer points."""

import pytest
import torch

from aigc_lib.baselines import TextRank, lead, sentences
from aigc_lib.metrics import rouge
from aigc_lib.summarise import Bottleneck, Seq2Seq, pairs_to_tokens, write_out
from aigc_lib.text import END, PAD, Tokenizer
from aigc_lib.training import train

FIRST = 5  # the first character that is not special
TOKENIZER = Tokenizer(["甲乙丙丁戊己"])


def strings(n: int, length: int, alphabet: int, seed: int) -> torch.Tensor:
    return FIRST + torch.randint(alphabet, (n, length), generator=torch.Generator().manual_seed(seed))


def with_end(texts: torch.Tensor) -> torch.Tensor:
    return torch.cat([texts, torch.full((len(texts), 1), END)], dim=1)


def test_tokens_are_cut_filled_and_closed():
    source, target = pairs_to_tokens(TOKENIZER, ["甲乙丙丁", "甲"], ["甲乙丙丁", "戊"], 3, 3)
    assert [TOKENIZER.decode(row[row != PAD]) for row in source] == ["甲乙丙", "甲"]
    assert [TOKENIZER.decode(row) for row in target] == ["甲乙", "戊"]
    assert target[0, 2] == END and target[1].tolist()[1:] == [END, PAD]


def test_autoencoder_reproduces_what_fits_into_its_code():
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(0)
    texts = FIRST + torch.stack([torch.randperm(6, generator=g) for _ in range(8)])
    model = Bottleneck(FIRST + 6, 6, 7, latent_dim=16, width=32, depth=1, dropout=0.0)
    for _ in train(model, (texts, with_end(texts)), 400, batch_size=8, lr=5e-3):
        pass
    rebuilt = model.generate(texts, 7)
    assert torch.equal(rebuilt, model.decode(model.encode(texts), 7))
    assert torch.equal(rebuilt[:, :6], texts) and (rebuilt[:, 6] == END).all()


def test_code_ignores_padding():
    model = Bottleneck(FIRST + 6, 8, 7, latent_dim=4, width=32, depth=1).eval()
    model.encoder.states = lambda tokens: model.encoder.tokens(tokens)  # without attention, nothing else could differ
    text = strings(1, 5, 6, seed=1)
    padded = torch.cat([text, torch.zeros(1, 3, dtype=torch.int64)], dim=1)
    assert torch.allclose(model.encode(text), model.encode(padded), atol=1e-6)


@pytest.mark.parametrize("copies", [True, False])
def test_chances_sum_to_one_and_padding_is_not_looked_at(copies):
    torch.manual_seed(0)
    model = Seq2Seq(FIRST + 6, 8, 5, width=32, depth=2, heads=2, copies=copies).eval()
    source = strings(3, 8, 6, seed=0)
    source[1, 4:] = PAD
    chances, looks = model.write(model.encoder.states(source), source, strings(3, 5, 6, seed=1))
    assert torch.allclose(chances.exp().sum(-1), torch.ones(3, 5), atol=1e-4)
    assert torch.allclose(looks.sum(-1), torch.ones(3, 5), atol=1e-5)
    assert (looks[1, :, 4:] == 0).all()


def test_writer_cannot_look_ahead():
    torch.manual_seed(0)
    model = Seq2Seq(FIRST + 6, 8, 5, width=32, heads=2).eval()
    source, a = strings(1, 8, 6, seed=0), strings(1, 5, 6, seed=1)
    b = a.clone()
    b[0, 3:] = FIRST + (b[0, 3:] - FIRST + 1) % 6
    memory = model.encoder.states(source)
    one, two = (model.write(memory, source, x)[0] for x in (a, b))
    assert torch.allclose(one[:, :3], two[:, :3], atol=1e-5) and not torch.allclose(one[:, 3:], two[:, 3:], atol=1e-3)


def test_pointer_copies_characters_it_was_never_taught_to_write():
    """Task: repeat the first character. Half of the alphabet never occurs in training."""
    found = {}
    for copies in (True, False):
        torch.manual_seed(0)
        model = Seq2Seq(FIRST + 12, 4, 2, width=32, depth=1, heads=2, dropout=0.0, copies=copies)
        source = strings(2000, 4, 6, seed=0)
        for _ in train(model, (source, with_end(source[:, :1])), 200, batch_size=64, lr=5e-3):
            pass
        unseen = strings(200, 4, 6, seed=1) + 6
        written = model.generate(unseen, 2)
        assert written.shape == (200, 2)
        if copies:  # and it looks where it takes from
            assert model.looks(unseen, written)[:, 0, 0].mean() > 0.8
        found[copies] = (written[:, 0] == unseen[:, 0]).float().mean().item()
    assert found[True] > 0.9 and found[False] < 0.3


def test_written_texts_end_late_enough_and_do_not_go_round_in_circles():
    likes_a = torch.zeros(FIRST + 3)
    likes_a[END], likes_a[FIRST], likes_a[FIRST + 1] = 3.0, 2.0, 1.0
    likes_a[[PAD, 4]] = 9.0  # specials are never written
    texts = write_out(lambda tokens: likes_a.expand(len(tokens), -1), 2, 5, least=4)
    a, b = FIRST, FIRST + 1
    assert texts.tolist() == [[a, a, b, a, END]] * 2  # a a, then a a again is not allowed, nor is b a twice


def test_looks_follow_what_was_written():
    """Before any training: after a character, the eyes go to what comes after it in the source."""
    torch.manual_seed(0)
    model = Seq2Seq(200, 20, 5, width=128, depth=1).eval()
    source = torch.arange(FIRST, FIRST + 20)[None]
    looks = model.looks(source, source[:, 7:12])  # at place 1, character 7 has been written
    assert looks[0, 1:].argmax(-1).tolist() == [8, 9, 10, 11]


# baselines and metric


def test_sentences_and_lead():
    text = "今天，他说：“好。”大家笑了！\n第二段；完"
    assert sentences(text) == ["今天，他说：“好。”", "大家笑了！", "第二段；", "完"]
    assert lead(text, 3) == "今天"
    assert lead("新馆开放了。", 30) == "新馆开放了"
    assert lead("", 5) == ""


def test_textrank_picks_the_sentence_that_repeats_the_others():
    text = "天气很好。图书馆周末开放。图书馆周末开放借书。周末图书馆可以借书。他吃了面。"
    assert "图书馆" in TextRank().fit([text]).pick(text)
    assert TextRank().fit([text]).pick("只有一句。") == "只有一句。"


def test_rouge_by_hand():
    found = rouge(["图书馆周末免费开放"], ["小镇图书馆周末开放"])
    # 7 of 9 characters; 图书 书馆 馆周 周末 开放: 5 of 8 pairs; 图书馆周末开放 in order
    assert found == pytest.approx((7 / 9, 5 / 8, 7 / 9))
    assert rouge(["甲，乙"], ["甲乙"]) == pytest.approx((1, 1, 1))
    with pytest.raises(ValueError, match="one reference"):
        rouge([], [])
