"""Text models against what can be worked out by hand, and what their samplers promise."""

import math

import pytest
import torch

from aigc_lib.text import (
    BEGIN,
    END,
    MASK,
    PAD,
    UNKNOWN,
    Autoregressive,
    MaskedDiffusion,
    TextVAE,
    Tokenizer,
    Transformer,
)
from aigc_lib.training import train

FIRST = 5  # the first character that is not special


def markov(n: int, length: int, seed: int, stay: float = 0.9) -> torch.Tensor:
    """Two characters; each repeats the one before with probability ``stay``."""
    g = torch.Generator().manual_seed(seed)
    flips = torch.rand(n, length, generator=g) > stay
    flips[:, 0] = torch.rand(n, generator=g) > 0.5
    return FIRST + flips.cumsum(1) % 2


def entropy(length: int, stay: float = 0.9) -> float:
    """Nats of a text of the chain above, on average."""
    return math.log(2) - (length - 1) * (stay * math.log(stay) + (1 - stay) * math.log(1 - stay))


def small(causal: bool, length: int = 8) -> Transformer:
    torch.manual_seed(0)
    return Transformer(FIRST + 2, length, width=32, depth=2, heads=2, causal=causal, dropout=0.0)


def test_tokenizer_there_and_back():
    tokenizer = Tokenizer(["床前明月光", "月光"], least=1)
    assert tokenizer.decode(tokenizer.encode("明月光")) == "明月光"
    assert len(tokenizer) == FIRST + 5
    assert tokenizer.encode("明月", length=4).tolist()[2:] == [PAD, PAD]
    assert tokenizer.encode("星").tolist() == [UNKNOWN]
    assert tokenizer.decode(torch.tensor([FIRST, END, FIRST])) == tokenizer.characters[FIRST]
    assert len(Tokenizer(["床前明月光", "月光"], least=2)) == FIRST + 2


def test_causal_network_cannot_look_ahead():
    network = small(causal=True).eval()
    a, b = markov(2, 8, seed=0)
    b[:5] = a[:5]
    out = network(torch.stack([a, b]))
    assert torch.allclose(out[0, :5], out[1, :5], atol=1e-5)
    other = small(causal=False).eval()(torch.stack([a, torch.cat([a[:7], 11 - a[7:]])]))
    assert not torch.allclose(other[0, 0], other[1, 0], atol=1e-4)


def test_chances_of_all_texts_sum_to_one():
    """Exactness of the likelihood: every text of two characters, END and the specials included."""
    model = Autoregressive(small(causal=True)).eval()
    every = torch.cartesian_prod(torch.arange(1, FIRST + 2), torch.arange(1, FIRST + 2))
    with torch.no_grad():
        whole = (-model.nats(every)).exp().sum()
        starts = model.network(torch.full((1, 1), BEGIN))[0, 0].softmax(0)
        seconds = model.network(torch.stack([torch.full((FIRST + 2,), BEGIN), torch.arange(FIRST + 2)], 1))[:, 1]
        skipped = starts[PAD] + (starts[1:] * seconds.softmax(1)[1:, PAD]).sum()  # PAD is no character
    assert whole + skipped == pytest.approx(1, abs=1e-5)


def test_autoregressive_reaches_the_entropy_of_a_markov_chain():
    model = Autoregressive(small(causal=True))
    for _ in train(model, markov(4000, 8, seed=1), 300, lr=3e-3, batch_size=128):
        pass
    with torch.no_grad():
        found = model.nats(markov(4000, 8, seed=2)).mean().item()
    assert found == pytest.approx(entropy(8), rel=0.03)


def test_masked_diffusion_bounds_the_entropy_and_comes_near():
    model = MaskedDiffusion(small(causal=False))
    for _ in train(model, markov(4000, 8, seed=1), 500, lr=3e-3, batch_size=128):
        pass
    with torch.no_grad():
        g = torch.Generator().manual_seed(0)
        found = torch.stack([model.nats(markov(2000, 8, seed=2), g).mean() for _ in range(10)]).mean().item()
    assert 0.97 * entropy(8) < found < 1.15 * entropy(8)
    repeats = model.generate(500, 8, seed=0)
    assert (repeats[:, 1:] == repeats[:, :-1]).float().mean() == pytest.approx(0.9, abs=0.04)


def test_bound_of_an_untrained_uniform_guess_is_length_times_log_v():
    network = small(causal=False)
    torch.nn.init.zeros_(network.tokens.weight)
    model = MaskedDiffusion(network).eval()
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():
        found = torch.stack([model.nats(markov(1000, 8, seed=0), g).mean() for _ in range(10)]).mean()
    assert found.item() == pytest.approx(8 * math.log(FIRST + 2), rel=0.03)


@pytest.mark.parametrize("make", [lambda: Autoregressive(small(True)), lambda: MaskedDiffusion(small(False))])
def test_given_characters_stay_and_samples_are_reproducible(make):
    model = make().eval()
    known = torch.full((8,), MASK)
    known[[0, 3]] = FIRST + 1
    texts = model.generate(16, 8, known=known, seed=3)
    assert texts.shape == (16, 8) and (texts[:, [0, 3]] == FIRST + 1).all()
    assert not torch.isin(texts, torch.tensor([PAD, BEGIN, MASK, UNKNOWN])).any()
    assert torch.equal(texts, model.generate(16, 8, known=known, seed=3))


def test_text_vae_code_carries_the_first_character():
    """Texts of one repeated character: the code must say which."""
    texts = (FIRST + torch.arange(400) % 2)[:, None].expand(400, 8).contiguous()
    model = TextVAE(small(False), small(True), latent_dim=2, hide=1.0)
    for _ in train(model, texts, 200, lr=3e-3):
        pass
    z = model.encode(texts[:2])
    assert torch.equal(model.decode(z, 8, temperature=0.01), texts[:2])
    rebuilding, kl = model.terms(texts[:2])
    assert kl.sum(1).min() > 0.5 and rebuilding.shape == (2,)


def test_wrong_uses_are_named():
    with pytest.raises(ValueError, match="causal=False"):
        MaskedDiffusion(small(causal=True))
    with pytest.raises(ValueError, match="at most 8"):
        small(causal=True)(torch.full((1, 9), FIRST))


@pytest.mark.parametrize("make", [lambda: Autoregressive(small(True)), lambda: MaskedDiffusion(small(False))])
def test_each_text_may_have_its_own_given_characters(make):
    known = torch.full((3, 8), MASK)
    known[0, 7], known[1, :4], known[2] = FIRST, FIRST + 1, FIRST
    texts = make().eval().generate(3, 8, known=known, seed=3)
    assert (texts[known != MASK] == known[known != MASK]).all() and (texts != MASK).all()


def test_bound_of_masked_diffusion_is_exact_for_one_character():
    model = MaskedDiffusion(small(False)).eval()
    tokens = torch.tensor([[FIRST], [FIRST + 1]])
    with torch.no_grad():
        exact = -model.network(torch.full((2, 1), MASK)).log_softmax(2).gather(2, tokens[..., None]).flatten()
        assert torch.allclose(model.nats(tokens), exact)


def test_more_draws_tighten_the_bound_of_the_vae():
    """Two characters and a wide code: the sum over a fine grid of codes is the truth."""
    torch.manual_seed(1)
    model = TextVAE(small(False), small(True), latent_dim=1).eval()
    tokens = markov(4, 8, seed=0)
    torch.nn.init.normal_(model.from_code.weight, std=2.0)
    with torch.no_grad():
        z = torch.linspace(-6, 6, 1001)[:, None]
        log_prior = torch.distributions.Normal(0, 1).log_prob(z[:, 0]) + math.log(12 / 1000)
        exact = -torch.stack([torch.logsumexp(log_prior - model.writer.nats(t.expand(1001, 8), model.from_code(z)), 0)
                              for t in tokens])
        g = torch.Generator().manual_seed(0)
        one = torch.stack([model.nats(tokens, 1, g) for _ in range(300)]).mean(0)
        g.manual_seed(0)
        rebuilding, kl = map(torch.stack, zip(*[model.terms(tokens, g) for _ in range(300)]))
        assert torch.allclose(one, rebuilding.mean(0) + kl.mean(0).sum(1), atol=0.15)  # the same draws of z
        assert torch.allclose(model.nats(tokens, 3000, g), exact, atol=0.05)
        assert one.mean() > exact.mean()
