"""Checks the answers to a notebook's exercises, without ever stopping the notebook."""

import re
from collections.abc import Callable
from typing import Any

LONGEST_REASON = 200  # characters: one line on the page


def grade(check: Callable[[Any], Any], answer: Any) -> None:
    """Print whether ``answer`` passes ``check``, and if not, why not. Never raises.

    ``check`` is called with the answer and asserts what should hold; its name ends with the
    exercise's number (``check_2``). A stub that raises NotImplementedError, or the answer ``...``,
    counts as not written yet.
    """
    found = re.search(r"(\d+)$", getattr(check, "__name__", ""))
    head = f"练习 {found.group(1) if found else '?'}："
    reason = "还没写" if answer is ... else _failure(check, answer)
    print(head + ("通过" if reason is None else f"还没通过——{reason}"))


def _failure(check: Callable[[Any], Any], answer: Any) -> str | None:
    """Why the answer fails, in one line; None when it passes."""
    try:
        result = check(answer)
    except NotImplementedError:
        return "还没写"
    except AssertionError as error:
        return _line(str(error)) or "结果和要求的不一样"
    except Exception as error:  # noqa: BLE001  (whatever a learner's code may raise)
        return _line(f"{type(error).__name__}: {error}")
    return "结果和要求的不一样" if result is False else None


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else line[:LONGEST_REASON - 1] + "…"
