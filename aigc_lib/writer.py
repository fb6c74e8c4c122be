"""Many readers, one model: answers are written a character at a time, several of them at once.

Each step of the model takes every answer that is not finished one character further; an answer joins and leaves when
it likes (continuous batching, Yu et al. 2022). Nothing but the text written so far is kept of an answer.
"""

import math
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import torch
from torch.nn.utils.rnn import pad_sequence

from aigc_lib.text import BEGIN, END, UNKNOWN, Autoregressive, Tokenizer, choose

FREE = "▢"  # a place where the model may write
QUATRAIN = "▢▢▢▢▢，▢▢▢▢▢。▢▢▢▢▢，▢▢▢▢▢。"
COLDEST = 1e-3  # at temperature 0 the likeliest character, without dividing by 0


@dataclass(eq=False)
class _Answer:
    form: str
    temperature: float
    generator: torch.Generator
    tokens: list[int] = field(default_factory=lambda: [BEGIN])
    written: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)
    wanted: bool = True

    def say(self, character: str, token: int) -> None:
        self.tokens.append(token)
        self.written.put((character, None))

    @property
    def place(self) -> int:
        return len(self.tokens) - 1

    @property
    def over(self) -> bool:
        return self.place == len(self.form)


class Writer:
    """Writes into forms such as "床前▢▢▢，▢▢▢▢▢。" for any number of readers; at most ``most`` at once, the rest wait.

    A thread of its own owns the model. Use it as a context manager, or call `close`.
    """

    def __init__(self, model: Autoregressive, tokenizer: Tokenizer, most: int = 8):
        if most < 1:
            raise ValueError(f"most should be at least 1, found {most}")
        self.model, self.tokenizer, self.most = model.eval(), tokenizer, most
        self._waiting: list[_Answer] = []
        self._changed, self._open = threading.Condition(), True
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def write(self, form: str = QUATRAIN, temperature: float = 1.0, seed: int = 0) -> Iterator[str]:
        """The characters of one answer, each as soon as it is there. Who stops reading stops the writing."""
        if not 0 < len(form) <= self.model.network.length:
            raise ValueError(f"a form has 1 to {self.model.network.length} characters, found {len(form)}")
        answer = _Answer(form, max(temperature, COLDEST), torch.Generator().manual_seed(seed))
        with self._changed:
            if not self._open:
                raise RuntimeError("the writer is closed")
            self._waiting.append(answer)
            self._changed.notify()
        try:
            for _ in form:
                character, error = answer.written.get()
                if error is not None:
                    raise RuntimeError("the model failed") from error
                yield character
        finally:
            answer.wanted = False

    def close(self) -> None:
        """Stop; readers still waiting get a RuntimeError."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._waiting = [answer for answer in self._waiting if answer.wanted and not answer.over]
                self._changed.wait_for(lambda: self._waiting or not self._open)
                if not self._open:
                    break
                now = self._waiting[:self.most]
            try:
                self._step(now)
            except Exception as error:  # noqa: BLE001  (whatever the model raises must reach its readers)
                self._fail(now, error)
        self._fail(self._waiting, RuntimeError("the writer was closed"))

    def _fail(self, answers: list[_Answer], error: Exception) -> None:
        for answer in answers:
            answer.wanted = False
            answer.written.put(("", error))

    @torch.inference_mode()
    def _step(self, answers: list[_Answer]) -> None:
        """What is given is copied; then each answer gets one character of the model's."""
        for answer in answers:
            while not answer.over and (given := answer.form[answer.place]) != FREE:
                answer.say(given, self.tokenizer.numbers.get(given, UNKNOWN))
        answers = [answer for answer in answers if not answer.over]
        if not answers:
            return
        tokens = pad_sequence([torch.tensor(answer.tokens) for answer in answers], batch_first=True)  # (B, T)
        last = torch.tensor([answer.place for answer in answers])
        states = self.model.network.states(tokens)[torch.arange(len(answers)), last]  # causal: the padding is not seen
        everything = self.model.network.read(states)
        everything[:, END] = -math.inf  # the form says where a text ends
        for answer, logits in zip(answers, everything):
            token = int(choose(logits[None], answer.temperature, answer.generator))
            answer.say(self.tokenizer.characters[token], token)
