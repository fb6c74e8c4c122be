"""A small server that speaks OpenAI's protocol for text, on this machine only.

It answers ``/v1/models``, ``/v1/completions`` and ``/v1/chat/completions``, whole or streamed (server-sent events),
with the errors that the official client knows. For lessons: one key, no encryption, no users; not for the open net.
"""

import hmac
import json
import math
import random
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from aigc_lib.protocol import MODEL, Refusal, Request, understand
from aigc_lib.writer import QUATRAIN, Writer

LONGEST_BODY = 1 << 16  # bytes
IDLE_SECONDS = 15.0  # a connection that stays silent for so long is closed


class Visit(NamedTuple):
    """One request as the server saw it. retry: how many times the client had tried before, by its own account."""

    at: float
    path: str
    status: int
    retry: int


@dataclass
class Rules:
    """What the server demands and how it misbehaves; may be changed while it runs.

    key: what the client must show. pause: seconds of silence before an answer. down: called for each question,
    whether the server is out of order just now. visits: what came, in order. A rate limit is set with `at_most`.
    """

    key: str
    pause: float = 0.0
    down: Callable[[], bool] = lambda: False
    visits: list[Visit] = field(default_factory=list)
    _limit: tuple[float, float] = (math.inf, 0.0)
    _recent: deque = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at_most(self, questions: float, seconds: float = 1.0) -> None:
        """From now on no more than so many questions in any so many seconds; math.inf: as many as they like."""
        with self._lock:
            self._limit = questions, seconds
            self._recent.clear()

    def wait(self) -> float:
        """0 if a question may be asked now, else in how many seconds."""
        with self._lock:
            most, seconds = self._limit
            now = time.monotonic()
            while self._recent and self._recent[0] <= now - seconds:
                self._recent.popleft()
            if len(self._recent) >= most:
                return self._recent[0] + seconds - now
            self._recent.append(now)
            return 0.0


def coin(share: float, seed: int) -> Callable[[], bool]:
    """Out of order for each question by itself, with this chance: a fault that the next try need not meet again."""
    rng, lock = random.Random(seed), threading.Lock()

    def down() -> bool:
        with lock:
            return rng.random() < share

    return down


def outages(share: float, seconds: float, seed: int) -> Callable[[], bool]:
    """Out of order for ``seconds`` at a time on average, this share of the time: who tries again at once, fails again.

    Spells up and down are exponential, of the same seed always the same; the clock starts at the first question.
    """
    rng, lock, spells = random.Random(seed), threading.Lock(), [0.0]
    begun: list[float] = []

    def down() -> bool:
        with lock:
            begun[:] = begun or [time.monotonic()]
            now = time.monotonic() - begun[0]
            while spells[-1] <= now:  # it starts up; spells[k] is when the k-th spell ended
                mean = seconds * (1 / share - 1) if len(spells) % 2 else seconds
                spells.append(spells[-1] + rng.expovariate(1 / mean))
            return (bisect_right(spells, now) - 1) % 2 == 1

    return down


@contextmanager
def serve(writer: Writer, rules: Rules) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 while the block runs; yields the address, which ends in /v1."""
    handler = type("Desk", (_Desk,), {"writer": writer, "rules": rules})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Desk(BaseHTTPRequestHandler):
    writer: Writer
    rules: Rules
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # else a streamed character waits for the next

    def log_message(self, *_: object) -> None:
        """Nothing on the screen; `Rules.visits` keeps what happened."""

    def handle(self) -> None:
        """A reader who hangs up between two questions is no error."""
        with suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            self.close_connection = True  # its body stays unread
            return self._refuse(Refusal(413, "too_large", f"the body should have at most {LONGEST_BODY} bytes"))
        return self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes | None) -> None:
        try:
            self._check_key()
            if body is None and self.path == "/v1/models":
                return self._send(200, {"object": "list", "data": [
                    {"id": MODEL, "object": "model", "created": 0, "owned_by": "aigc-course"}]})
            if body is None or self.path not in ("/v1/completions", "/v1/chat/completions"):
                raise Refusal(404, "not_found", f"there is no {self.command} {self.path} here")
            try:
                request = understand(self.path, json.loads(body))
            except (ValueError, RecursionError) as error:
                raise Refusal(400, "invalid_json", "the body is not JSON") from error
            if (wait := self.rules.wait()) > 0:
                raise Refusal(429, "rate_limit_exceeded", "too many questions", wait)
            if self.rules.down():
                raise Refusal(503, "server_error", "out of order")
            time.sleep(self.rules.pause)
            return self._stream(request) if request.stream else self._whole(request)
        except Refusal as refusal:
            return self._refuse(refusal)
        except OSError:  # the reader has gone
            self.close_connection = True

    def _check_key(self) -> None:
        shown = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(shown, f"Bearer {self.rules.key}".encode()):  # takes as long for a near miss
            raise Refusal(401, "invalid_api_key", "incorrect API key provided")

    def _pieces(self, request: Request) -> Iterator[str]:
        for i, character in enumerate(self.writer.write(request.form, request.temperature, request.seed)):
            if i >= request.skip:
                yield character

    def _whole(self, request: Request) -> None:
        try:
            text = "".join(self._pieces(request))
        except RuntimeError as error:
            raise Refusal(500, "server_error", "the model failed") from error
        self._send(200, self._event(request, text, last=True, whole=True) | {"usage": {
            "prompt_tokens": request.skip, "completion_tokens": len(text), "total_tokens": request.skip + len(text)}})

    def _stream(self, request: Request) -> None:
        """One event a character. What goes wrong from here on can only be told by hanging up."""
        self._visited(200)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for character in self._pieces(request):
                self._chunk(json.dumps(self._event(request, character)))
        except RuntimeError:
            self.close_connection = True
            return
        self._chunk(json.dumps(self._event(request, "", last=True)))
        self._chunk("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")

    def _event(self, request: Request, text: str, last: bool = False, whole: bool = False) -> dict:
        """A whole answer, or a piece of one, in OpenAI's form."""
        chat = self.path.endswith("/chat/completions")
        finished = "stop" if request.form[-1] == QUATRAIN[-1] else "length"
        said = {"text": text} if not chat else {("message" if whole else "delta"): {"role": "assistant", "content": text}}
        kind = "text_completion" if not chat else "chat.completion" if whole else "chat.completion.chunk"
        return {"id": f"poem-{request.seed}", "object": kind, "created": int(time.time()), "model": MODEL,
                "choices": [{"index": 0, "finish_reason": finished if last else None, "logprobs": None, **said}]}

    def _refuse(self, refusal: Refusal) -> None:
        wait = {"Retry-After": str(int(refusal.wait) + 1), "retry-after-ms": f"{1000 * refusal.wait:.0f}"}
        self._send(refusal.status, refusal.body, wait if refusal.wait else {})

    def _send(self, status: int, body: dict, more: dict[str, str] | None = None) -> None:
        self._visited(status)
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _visited(self, status: int) -> None:
        retry = self.headers.get("x-stainless-retry-count", "")
        self.rules.visits.append(Visit(time.monotonic(), self.path, status, int(retry) if retry.isdecimal() else 0))
