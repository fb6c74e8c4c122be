"""Checks the answers to a notebook's exercises, without ever stopping the notebook."""

import functools
import inspect
import re
import traceback
from collections.abc import Callable
from typing import Any

LONGEST_REASON = 200  # characters: one line on the page
LONGEST_SHOWN = 60  # characters of a returned value


def grade(check: Callable[[Any], Any], answer: Any) -> None:
    """Print whether ``answer`` passes ``check``, and if not, why not. Never raises.

    ``check`` is called with the answer and asserts what should hold; its name ends with the
    exercise's number (``check_2``). A stub that raises NotImplementedError, or the answer ``...``,
    counts as not written yet. An error says whose it is: the answer's own line, or what it returned.
    """
    found = re.search(r"(\d+)$", getattr(check, "__name__", ""))
    head = f"练习 {found.group(1) if found else '?'}："
    reason = "还没写" if answer is ... else _failure(check, answer)
    print(head + ("通过" if reason is None else f"还没通过——{reason}"))


def _failure(check: Callable[[Any], Any], answer: Any) -> str | None:
    """Why the answer fails, in one line; None when it passes."""
    returned: list[Any] = []
    try:
        result = check(_watched(answer, returned))
    except NotImplementedError:
        return "还没写"
    except AssertionError as error:
        return _line(_forgotten_return(returned) + (str(error) or "结果和要求的不一样") + _shown(returned))
    except Exception as error:  # noqa: BLE001  (whatever a learner's code may raise)
        return _line(_explained(error, answer, returned))
    return "结果和要求的不一样" if result is False else None


def _watched(answer: Any, returned: list[Any]) -> Any:
    """The same function, which also leaves its last result in ``returned``; other answers as they are."""
    if not inspect.isfunction(answer):
        return answer

    @functools.wraps(answer)
    def watched(*args: Any, **kwargs: Any) -> Any:
        returned.clear()
        returned.append(answer(*args, **kwargs))
        return returned[0]

    return watched


def _shown(returned: list[Any]) -> str:
    """What the answer gave, where it is short enough to be read beside what was wanted."""
    if not returned or returned[0] is None:
        return ""
    text = f"{returned[0]:.6g}" if isinstance(returned[0], float) else repr(returned[0])
    return f"（你的函数这次返回 {text}）" if len(text) <= LONGEST_SHOWN and "\n" not in text else ""


def _forgotten_return(returned: list[Any]) -> str:
    return "你的函数返回了 None，是不是忘了 return？" if returned and returned[0] is None else ""


def _explained(error: Exception, answer: Any, returned: list[Any]) -> str:
    """An error in Chinese: where it happened, and what to look at."""
    what = f"{type(error).__name__}: {error}"
    code = getattr(answer, "__code__", None)
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if code and frame.f_code is code]
    if lines:
        return f"你的代码在格子的第 {lines[-1]} 行出错：{what}"
    if not returned:
        return f"检查没法用你的答案，看看名字、参数和类型对不对：{what}"
    return _forgotten_return(returned) or f"你返回的是 {type(returned[0]).__name__}，检查用不了，看看题目要返回什么：{what}"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else line[:LONGEST_REASON - 1] + "…"
