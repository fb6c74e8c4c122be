"""What a client may ask of a server that speaks OpenAI's protocol, and how it is told no."""

import re
import secrets
from typing import NamedTuple

from aigc_lib.quatrains import han
from aigc_lib.writer import FREE, QUATRAIN

MODEL = "tang-quatrain"
QUOTED = re.compile("「(.*?)」")


class Refusal(Exception):
    """An error in OpenAI's form: HTTP status, code, a sentence, and what the client may wait for."""

    def __init__(self, status: int, code: str, sentence: str, wait: float = 0.0):
        super().__init__(sentence)
        self.status, self.wait = status, wait
        kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
        self.body = {"error": {"message": sentence, "type": kind if status < 500 else "server_error", "param": None,
                               "code": code}}


class Request(NamedTuple):
    """A question, checked: the form to fill, how many of its characters not to repeat, and how to write."""

    form: str
    skip: int
    temperature: float
    seed: int
    stream: bool


def understand(path: str, body: object) -> Request:
    """The request of a client; Refusal where it is not one that this server can answer."""
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_json", "the body should be a JSON object")
    if body.get("model") != MODEL:
        raise Refusal(404, "model_not_found", f"the model {body.get('model')!r} does not exist; there is {MODEL}")
    if body.get("n") not in (None, 1):
        raise Refusal(400, "unsupported_value", "n should be 1: one answer a question")
    chat = path.endswith("/chat/completions")
    form, skip = (chat_form(_last_question(body)), 0) if chat else _continued(body.get("prompt"))
    room = _number(body, "max_completion_tokens", _number(body, "max_tokens", len(form), 1, 10**6), 1, 10**6)
    return Request(form[:int(skip + room)], skip, _number(body, "temperature", 1.0, 0, 2),
                   int(_number(body, "seed", secrets.randbelow(2**31), 0, 2**63 - 1)), bool(body.get("stream")))


def chat_form(question: str) -> str:
    """What is in 「」 is given: the beginning of the poem, or with the word 藏头 the first character of each line."""
    quoted = QUOTED.search(question)
    given = han(quoted[1])[:20] if quoted else ""
    places = [i for i, character in enumerate(QUATRAIN) if character == FREE]
    if "藏头" in question:
        places = places[::5]
    form = list(QUATRAIN)
    for place, character in zip(places, given):
        form[place] = character
    return "".join(form)


def _continued(prompt: object) -> tuple[str, int]:
    if not isinstance(prompt, str):
        raise Refusal(400, "invalid_value", "prompt should be a string")
    given = len(han(prompt)[:19])
    form = chat_form(f"「{prompt}」")
    return form, form.index(FREE) if given else 0


def _last_question(body: dict) -> str:
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "user" or not isinstance(last.get("content"), str):
        raise Refusal(400, "invalid_value", "messages should end with a message of the user whose content is a string")
    return last["content"]


def _number(body: dict, name: str, default: float, low: float, high: float) -> float:
    value = default if body.get(name) is None else body[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Refusal(400, "invalid_value", f"{name} should be a number from {low} to {high}")
    return value
