"""Asking a text model behind OpenAI's protocol: the official client, or without it Python's own urllib.

What goes wrong comes back as `NoAnswer`, one Chinese sentence that says what to do. Nobody is asked by accident: the
address must be named, there is no default that costs money.
"""

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

from aigc_lib.protocol import MODEL

LOCAL = ("127.0.0.1", "localhost", "::1")
FIRST_WAIT = 0.5  # seconds before the second try, doubled each time, as the official client does


class NoAnswer(RuntimeError):
    """Why there is no answer, in one Chinese sentence; kind names the case, wait is what a 429 asked for (seconds)."""

    def __init__(self, kind: str, sentence: str, wait: float | None = None):
        super().__init__(sentence)
        self.kind, self.wait = kind, wait


def place(base_url: str | None = None, key: str | None = None) -> tuple[str, str]:
    """Address and key: those given, else OPENAI_BASE_URL and OPENAI_API_KEY; NoAnswer if one is missing."""
    address = base_url or os.environ.get("OPENAI_BASE_URL", "")
    key = key or os.environ.get("OPENAI_API_KEY", "")
    if urlsplit(address).scheme not in ("http", "https"):
        raise NoAnswer("address", "没有服务的地址：设环境变量 OPENAI_BASE_URL，例如本机的 http://127.0.0.1:端口/v1。")
    if not key:
        raise NoAnswer("key", "没有钥匙：设环境变量 OPENAI_API_KEY。别写进代码，也别提交。")
    return address.rstrip("/"), key


class Official:
    """The package ``openai``. timeout: seconds of silence; retries: tries after the first, done by the client."""

    def __init__(self, base_url: str | None = None, key: str | None = None, timeout: float = 10.0, retries: int = 2):
        import openai  # an extra, imported where it is used

        self.address, key = place(base_url, key)
        local = urlsplit(self.address).hostname in LOCAL  # a proxy set for the outside cannot reach this machine
        self.client = openai.OpenAI(base_url=self.address, api_key=key, timeout=timeout, max_retries=retries,
                                    http_client=openai.DefaultHttpxClient(trust_env=not local))
        self.timeout, self._errors = timeout, openai

    def answer(self, question: str, **options: object) -> str:
        """The whole answer at once."""
        try:
            made = self.client.chat.completions.create(messages=_asked(question), **({"model": MODEL} | options))
            return made.choices[0].message.content or ""
        except self._errors.OpenAIError as error:
            raise self._told(error) from error

    def stream(self, question: str, **options: object) -> Iterator[str]:
        """The answer piece by piece, as it is written. One that breaks off is a NoAnswer, not a short answer."""
        finished = begun = False
        try:
            with self.client.chat.completions.create(messages=_asked(question), stream=True,
                                                     **({"model": MODEL} | options)) as events:
                for event in events:
                    if not event.choices:
                        continue
                    begun, finished = True, finished or event.choices[0].finish_reason is not None
                    if event.choices[0].delta.content:
                        yield event.choices[0].delta.content
        except (self._errors.OpenAIError, ValueError) as error:  # ValueError: half an event is no JSON
            told = self._told(error)
            raise (_broken_off() if begun and told.kind == "connection" else told) from error
        if not finished:
            raise _broken_off()

    def close(self) -> None:
        self.client.close()

    def _told(self, error: Exception) -> NoAnswer:
        if isinstance(error, self._errors.APITimeoutError):  # before APIConnectionError, of which it is one
            return _too_slow(self.timeout)
        if isinstance(error, self._errors.APIStatusError):
            return _status(error.response.status_code, error.code, error.response.headers)
        if isinstance(error, self._errors.APIConnectionError):
            return _no_connection(self.address)
        return NoAnswer("other", f"客户端出错：{type(error).__name__}。")


class Plain:
    """The same with urllib, for a machine without the package: fewer comforts, the same protocol."""

    def __init__(self, base_url: str | None = None, key: str | None = None, timeout: float = 10.0, retries: int = 2):
        self.address, self._key = place(base_url, key)
        self.timeout, self.retries = timeout, retries
        local = urlsplit(self.address).hostname in LOCAL
        self._open = urllib.request.build_opener(*[urllib.request.ProxyHandler({})] * local).open

    def answer(self, question: str, **options: object) -> str:
        return "".join(self._pieces(question, False, options))

    def stream(self, question: str, **options: object) -> Iterator[str]:
        return self._pieces(question, True, options)

    def close(self) -> None:
        """Nothing is kept open."""

    def _pieces(self, question: str, stream: bool, options: dict) -> Iterator[str]:
        body = {"model": MODEL, "messages": _asked(question), "stream": stream} | options
        try:
            with self._patiently(json.dumps(body).encode()) as response:
                if not stream:
                    yield json.loads(response.read())["choices"][0]["message"]["content"] or ""
                    return
                for line in response:
                    data = line.removeprefix(b"data: ").strip()
                    if data == b"[DONE]":
                        return
                    if data and (piece := json.loads(data)["choices"][0]["delta"].get("content")):
                        yield piece
            raise _broken_off()
        except TimeoutError as error:
            raise _too_slow(self.timeout) from error
        except (OSError, http.client.HTTPException) as error:
            raise _no_connection(self.address) from error
        except (ValueError, KeyError, IndexError) as error:
            raise NoAnswer("other", "回来的不是这套协议的内容：核对地址，看是不是少了 /v1。") from error

    def _patiently(self, body: bytes) -> http.client.HTTPResponse:
        for tried in range(self.retries + 1):
            request = urllib.request.Request(f"{self.address}/chat/completions", body, {
                "Authorization": f"Bearer {self._key}", "Content-Type": "application/json",
                "x-stainless-retry-count": str(tried)})
            try:
                return self._open(request, timeout=self.timeout)
            except urllib.error.HTTPError as error:
                with error:
                    trouble = _status(error.code, _code(error.read()), error.headers)
            except urllib.error.URLError as error:
                trouble = _too_slow(self.timeout) if isinstance(error.reason, TimeoutError) else _no_connection(self.address)
            except TimeoutError:
                trouble = _too_slow(self.timeout)
            except (OSError, http.client.HTTPException):
                trouble = _no_connection(self.address)
            if tried == self.retries or trouble.kind not in ("rate", "server", "slow", "connection"):
                raise trouble
            time.sleep(trouble.wait or FIRST_WAIT * 2**tried)
        raise AssertionError("unreachable")


class Outcome(NamedTuple):
    """What became of one question: the answer, or None and why; and the seconds it took."""

    text: str | None
    trouble: str
    seconds: float


def crowd(call: Callable[[int], str], n: int, readers: int = 8, at: Sequence[float] | None = None) -> list[Outcome]:
    """call(0) ... call(n - 1) by ``readers`` threads at once, in order of the question.

    at: (n,) seconds after the start when each question comes up; a reader who is busy asks later. Needed to be rising.
    """
    start = threading.Event()
    zero = [0.0]

    def one(i: int) -> Outcome:
        start.wait()
        time.sleep(max(0.0, zero[0] + at[i] - time.monotonic()) if at is not None else 0.0)
        began = time.monotonic()
        try:
            return Outcome(call(i), "", time.monotonic() - began)
        except NoAnswer as error:
            return Outcome(None, error.kind, time.monotonic() - began)

    with ThreadPoolExecutor(readers) as pool:
        waiting = [pool.submit(one, i) for i in range(n)]
        zero[0] = time.monotonic()
        start.set()
        return [future.result() for future in waiting]


def _asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _too_slow(timeout: float) -> NoAnswer:
    return NoAnswer("slow", f"{timeout:g} 秒没有回音：服务太忙，过一会儿再问，或把 timeout 设长些。")


def _no_connection(address: str) -> NoAnswer:
    return NoAnswer("connection", f"连不上 {urlsplit(address).netloc}：看看服务开了没有，地址和端口对不对。")


def _broken_off() -> NoAnswer:
    return NoAnswer("broken", "回答断在半路：收到的不是全部，请从头再问。")


def _status(status: int, code: str | None, headers: object) -> NoAnswer:
    """HTTP status -> sentence. The server's own words are not repeated: they may hold part of the key."""
    if status == 429 and code == "insufficient_quota":
        return NoAnswer("quota", "额度用完了：再试也没用，去服务商的页面充值，或换一把钥匙。")
    if status == 429:
        wait = _seconds(headers)
        return NoAnswer("rate", "问得太快：" + (f"{wait:.1f} 秒以后再问。" if wait else "过一会儿再问。"), wait)
    known = {401: ("key", "钥匙不对：核对环境变量 OPENAI_API_KEY，看有没有多余的空格。"),
             403: ("key", "这把钥匙没有权限，或这个地区不提供服务：换一把钥匙，或换一家服务商。"),
             404: ("address", "没有这个模型或这个地址：核对模型的名字，地址是不是写到了 /v1。")}
    if status in known:
        return NoAnswer(*known[status])
    if status >= 500:
        return NoAnswer("server", f"服务那边出错了（{status}）：不是你的错，过一会儿再问。")
    return NoAnswer("request", f"服务不接受这个问法（{status}）：核对参数的名字和取值。")


def _seconds(headers: object) -> float | None:
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return float(headers.get(name)) / unit
        except (TypeError, ValueError):
            continue
    return None
