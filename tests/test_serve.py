"""The local server and its clients: the protocol, the errors as sentences, and that nothing hangs."""

import contextlib
import faulthandler
import json
import math
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
import torch

from aigc_lib import ask
from aigc_lib.ask import NoAnswer, Official, Plain, crowd
from aigc_lib.protocol import MODEL, Refusal, chat_form, understand
from aigc_lib.serve import LONGEST_BODY, Rules, coin, outages, serve
from aigc_lib.text import Autoregressive, Tokenizer, Transformer
from aigc_lib.writer import QUATRAIN, Writer

pytest.importorskip("openai")
KEY = "a-key-for-tests"
PIECE = b'data: {"choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": null}]}\n\n'
CLIENTS = pytest.mark.parametrize("client_of", [Official, Plain])


@pytest.fixture(autouse=True)
def no_test_may_hang():
    """A hard stop: what waits for longer than this has failed."""
    faulthandler.dump_traceback_later(60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(["床前明月光，疑是地上霜。举头望明月，低头思故乡。花好圆"])


@pytest.fixture
def writer(tokenizer):
    torch.manual_seed(0)
    with Writer(Autoregressive(Transformer(len(tokenizer), 24, width=16, depth=1)), tokenizer) as made:
        yield made


@pytest.fixture
def rules():
    return Rules(KEY)


@pytest.fixture
def address(writer, rules):
    with serve(writer, rules) as where:
        yield where


def post(address, body, path="/chat/completions", key=KEY):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read()), response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read()), error.headers


def said(text, **more):
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def trouble(call):
    with pytest.raises(NoAnswer) as error:
        call()
    assert "\n" not in str(error.value) and str(error.value).endswith("。") and KEY not in str(error.value)
    return error.value.kind


# the writer


def test_alone_or_in_company_the_same_poem(writer):
    alone = ["".join(writer.write(seed=i)) for i in range(6)]
    outcomes = crowd(lambda i: "".join(writer.write(seed=i)), 6, readers=6)
    assert [o.text for o in outcomes] == alone and len(set(alone)) > 1


def test_it_writes_what_the_model_would(writer, tokenizer):
    """Character by character against the model itself, one forward pass each."""
    text = "".join(writer.write("▢" * 8, temperature=0.0, seed=1))
    tokens = torch.tensor([[1]])
    for character in text:
        logits = writer.model.network(tokens)[0, -1]
        logits[:5] = -math.inf  # no special one, no early end
        assert tokenizer.characters[int(logits.argmax())] == character
        tokens = torch.cat([tokens, logits.argmax()[None, None]], 1)


def test_what_is_given_stays(writer):
    poem = "".join(writer.write("床前魑魅▢，▢▢▢▢▢。▢▢▢▢▢，▢▢▢▢乡。", seed=2))
    assert len(poem) == 24 and poem.startswith("床前魑魅") and poem.endswith("乡。") and "▢" not in poem


def test_who_stops_reading_stops_the_writing(writer):
    reader = writer.write(seed=3)
    next(reader)
    reader.close()
    deadline = time.monotonic() + 5
    while writer._waiting and time.monotonic() < deadline:
        writer.write(seed=4).close()
        "".join(writer.write("▢", seed=5))
    assert not writer._waiting


def test_closing_frees_who_waits(tokenizer):
    class Slow(Autoregressive):
        def __init__(self):
            super().__init__(Transformer(len(tokenizer), 24, width=8, depth=1, heads=1))
            self.network.read = lambda states: (time.sleep(0.2), states @ self.network.tokens.weight.T)[1]

    writer = Writer(Slow(), tokenizer)
    reader = writer.write(seed=0)
    next(reader)
    threading.Timer(0.3, writer.close).start()
    with pytest.raises(RuntimeError, match="the model failed"):
        list(reader)
    with pytest.raises(RuntimeError, match="closed"):
        next(writer.write())


def test_a_model_that_fails_tells_its_reader_and_goes_on(writer):
    read, writer.model.network.read = writer.model.network.read, None
    with pytest.raises(RuntimeError, match="the model failed"):
        list(writer.write(seed=0))
    writer.model.network.read = read
    assert len("".join(writer.write(seed=0))) == 24


@pytest.mark.parametrize("form", ["", "▢" * 25])
def test_forms_that_do_not_fit(writer, form):
    with pytest.raises(ValueError, match="1 to 24"):
        next(writer.write(form))


# the protocol


def test_forms():
    assert chat_form("写一首诗") == QUATRAIN
    assert chat_form("接着写：「床前 明月」") == "床前明月▢" + QUATRAIN[5:]
    assert chat_form("接着写：「床前明月光，疑是」").startswith("床前明月光，疑是▢")
    heads = chat_form("写一首藏头诗：「花好月圆」")
    assert [heads[i] for i in (0, 6, 12, 18)] == list("花好月圆") and heads.count("▢") == 16


def test_completions_give_only_what_is_new(address):
    status, body, _ = post(address, {"model": MODEL, "prompt": "床前明月光，", "seed": 1, "max_tokens": 4}, "/completions")
    choice = body["choices"][0]
    assert status == 200 and len(choice["text"]) == 4 and choice["finish_reason"] == "length"
    assert body["object"] == "text_completion" and body["usage"]["completion_tokens"] == 4


@pytest.mark.parametrize(("body", "status", "code"), [
    (b"not json", 400, "invalid_json"), ([1], 400, "invalid_json"), (b"[" * 60_000, 400, "invalid_json"),
    ({"model": "gpt-9", "messages": []}, 404, "model_not_found"),
    ({"model": MODEL}, 400, "invalid_value"), ({"model": MODEL, "messages": [{"role": "system", "content": "x"}]}, 400, "invalid_value"),
    (said("x", n=2), 400, "unsupported_value"), (said("x", temperature=3), 400, "invalid_value"),
    (said("x", temperature=True), 400, "invalid_value"), (said("x", max_tokens=0), 400, "invalid_value"),
    (said("x", seed="one"), 400, "invalid_value"), (b"x" * (LONGEST_BODY + 1), 413, "too_large"),
])
def test_bad_requests_get_openais_error_body(address, body, status, code):
    found, answer, _ = post(address, body)
    assert (found, answer["error"]["code"]) == (status, code)
    assert set(answer["error"]) == {"message", "type", "param", "code"}


def test_understand_refuses_without_a_server():
    with pytest.raises(Refusal):
        understand("/v1/completions", {"model": MODEL, "prompt": ["a", "list"]})


def test_same_seed_same_answer(address):
    first, second, other = (post(address, said("写", seed=s))[1]["choices"][0]["message"]["content"] for s in (1, 1, 2))
    assert first == second != other


def test_only_this_machine_can_ask(address):
    assert address.startswith("http://127.0.0.1:") and address.endswith("/v1")


def test_the_official_client_reads_everything(address):
    import openai

    with openai.OpenAI(base_url=address, api_key=KEY, max_retries=0, timeout=10) as client:
        assert [model.id for model in client.models.list()] == [MODEL]
        reply = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "写"}], seed=1)
        assert reply.choices[0].finish_reason == "stop" and reply.usage.completion_tokens == 24
        events = list(client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "写"}], seed=1, stream=True))
        assert "".join(e.choices[0].delta.content or "" for e in events) == reply.choices[0].message.content
        assert [e.choices[0].finish_reason for e in events].count("stop") == 1
        assert len(client.completions.create(model=MODEL, prompt="床前", seed=1).choices[0].text) == 22


# the clients


@CLIENTS
def test_whole_and_streamed_are_the_same(address, client_of):
    client = client_of(address, KEY, retries=0)
    pieces = list(client.stream("写", seed=7))
    assert len(pieces) == 24 and "".join(pieces) == client.answer("写", seed=7)
    client.close()


@CLIENTS
def test_first_character_comes_before_the_rest(address, client_of, writer):
    read = writer.model.network.read
    writer.model.network.read = lambda states: (time.sleep(0.03), read(states))[1]
    began, times = time.monotonic(), []
    for _ in client_of(address, KEY).stream("写", seed=7):
        times.append(time.monotonic() - began)
    assert times[0] < 0.5 * times[-1]


@CLIENTS
def test_each_trouble_is_one_sentence(address, rules, client_of):
    assert trouble(lambda: client_of(address, "wrong", retries=0).answer("x")) == "key"
    assert trouble(lambda: client_of(f"http://127.0.0.1:{free_port()}/v1", KEY, retries=0).answer("x")) == "connection"
    assert trouble(lambda: client_of(address.removesuffix("/v1"), KEY, retries=0).answer("x")) == "address"
    assert trouble(lambda: client_of(address, KEY, retries=0).answer("x", model="gpt-9")) == "address"
    assert trouble(lambda: client_of(address, KEY, retries=0).answer("x", temperature=9)) == "request"
    rules.down = lambda: True
    assert trouble(lambda: client_of(address, KEY, retries=0).answer("x")) == "server"
    assert trouble(lambda: list(client_of(address, KEY, retries=0).stream("x"))) == "server"
    rules.down = lambda: False
    rules.at_most(1, 30)
    client = client_of(address, KEY, retries=0)
    client.answer("x")
    with pytest.raises(NoAnswer, match=r"问得太快：\d+\.\d 秒以后再问。") as error:
        client.answer("x")
    assert 0 < error.value.wait <= 30


@CLIENTS
def test_a_server_that_sleeps_or_never_speaks(address, rules, client_of):
    rules.pause = 1.5
    began = time.monotonic()
    assert trouble(lambda: client_of(address, KEY, timeout=0.2, retries=0).answer("x")) == "slow"
    assert trouble(lambda: list(client_of(address, KEY, timeout=0.2, retries=0).stream("x"))) == "slow"
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes the connection, says nothing
        silent = f"http://127.0.0.1:{mute.getsockname()[1]}/v1"
        assert trouble(lambda: client_of(silent, KEY, timeout=0.2, retries=0).answer("x")) == "slow"
    assert time.monotonic() - began < 5


@CLIENTS
@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\nContent-Type: application/json\r\n\r\n{",
                                   b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\"cho",
                                   b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + PIECE])
def test_a_server_that_hangs_up_half_way(client_of, reply):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def hang_up():
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    peer.recv(65536)
                    peer.sendall(reply)

        threading.Thread(target=hang_up, daemon=True).start()
        client = client_of(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", KEY, timeout=2, retries=0)
        kind = trouble(lambda: "".join(client.stream("x")) if b"event" in reply else client.answer("x"))
        assert kind in ("connection", "broken", "other")


@CLIENTS
def test_retries_wait_as_the_server_says_and_are_counted(address, rules, client_of):
    rules.at_most(1, 0.4)
    client = client_of(address, KEY, retries=2)
    client.answer("x")
    began = time.monotonic()
    assert client.answer("x")
    assert 0.2 < time.monotonic() - began < 3
    assert [(v.status, v.retry) for v in rules.visits] == [(200, 0), (429, 0), (200, 1)]


@CLIENTS
def test_a_wrong_key_is_not_tried_again(address, rules, client_of):
    assert trouble(lambda: client_of(address, "wrong", retries=5).answer("x")) == "key"
    assert len(rules.visits) == 1


def test_used_up_credit_is_not_a_matter_of_waiting():
    assert ask._status(429, "insufficient_quota", {}).kind == "quota"
    assert ask._status(429, "rate_limit_exceeded", {"retry-after": "7"}).wait == 7


@CLIENTS
def test_nobody_is_asked_by_accident(monkeypatch, client_of):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert trouble(client_of) == "address"
    monkeypatch.setenv("OPENAI_API_KEY", "a-real-key")
    assert trouble(client_of) == "address"
    monkeypatch.setenv("OPENAI_BASE_URL", "ftp://somewhere/v1")
    assert trouble(client_of) == "address"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert client_of().address == "http://127.0.0.1:1/v1"
    monkeypatch.delenv("OPENAI_API_KEY")
    assert trouble(client_of) == "key"


@CLIENTS
def test_address_and_key_from_the_environment_and_no_proxy_in_between(monkeypatch, address, client_of):
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert len(client_of(retries=0).answer("x")) == 24


def test_a_reader_who_leaves_does_not_disturb_the_others(address, capfd):
    for _ in range(3):
        reader = Plain(address, KEY).stream("写")
        next(reader)
        reader.close()
    assert len(Plain(address, KEY).answer("写")) == 24
    assert "Traceback" not in capfd.readouterr().err


# a crowd, and faults on purpose


def test_crowd_keeps_the_order_and_the_troubles():
    def call(i):
        if i % 3 == 0:
            raise NoAnswer("server", "出错。")
        return str(i)

    made = crowd(call, 7, readers=3)
    assert [o.text for o in made] == [None, "1", "2", None, "4", "5", None]
    assert {o.trouble for o in made} == {"server", ""}


def test_crowd_asks_when_it_is_time():
    began, seen = time.monotonic(), []
    crowd(lambda i: seen.append(time.monotonic() - began) or "x", 3, readers=3, at=[0.0, 0.15, 0.3])
    assert seen[1] > 0.14 and seen[2] > 0.29


def test_coin_has_its_share_and_its_seed():
    down, again = coin(0.3, 5), coin(0.3, 5)
    drawn = [down() for _ in range(4000)]
    assert abs(sum(drawn) / 4000 - 0.3) < 0.03 and drawn == [again() for _ in range(4000)]


def test_outages_have_their_share_and_last(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("aigc_lib.serve.time.monotonic", lambda: now[0])
    down, seen = outages(0.3, 0.4, seed=2), []
    for _ in range(40_000):
        seen.append(down())
        now[0] += 0.02
    assert not seen[0] and abs(sum(seen) / len(seen) - 0.3) < 0.04
    same = sum(a == b for a, b in zip(seen, seen[5:])) / len(seen)  # 0.1 s later it is mostly as it was; a coin: 0.58
    assert same > 0.8
