"""Grading: what a learner reads for each kind of answer."""

import numpy as np
import pytest

from aigc_lib.exercises import grade


def check_12(answer):
    assert answer(2) == 4, "2 的平方应当是 4"


def check_3(answer):
    return answer == 1


def check_4(answer):
    assert answer


def check_5(answer):
    assert len(answer(2)) == 3, "应当是三个数"


def _never(value):
    raise AssertionError("不对")


def stub(x):
    raise NotImplementedError


@pytest.mark.parametrize("check, answer, said", [
    (check_12, lambda x: x * x, "练习 12：通过"),
    (check_12, lambda x: x, "练习 12：还没通过——2 的平方应当是 4"),
    (check_12, stub, "练习 12：还没通过——还没写"),
    (check_12, ..., "练习 12：还没通过——还没写"),
    (check_12, lambda x: None, "练习 12：还没通过——你的函数返回了 None，是不是忘了 return？2 的平方应当是 4"),
    (check_12, None, "练习 12：还没通过——检查没法用你的答案，看看名字、参数和类型对不对：TypeError: 'NoneType' object is not"),
    (check_12, lambda: 4, "练习 12：还没通过——检查没法用你的答案，看看名字、参数和类型对不对：TypeError: "),
    (check_5, lambda x: 3, "练习 5：还没通过——你返回的是 int，检查用不了，看看题目要返回什么：TypeError: object of type 'int'"),
    (check_5, lambda x: None, "练习 5：还没通过——你的函数返回了 None，是不是忘了 return？\n"),
    (check_5, lambda x: np.zeros(2), "练习 5：还没通过——应当是三个数"),
    (check_3, 1, "练习 3：通过"),
    (check_3, 2, "练习 3：还没通过——结果和要求的不一样"),
    (check_4, 0, "练习 4：还没通过——"),
    (lambda answer: None, 1, "练习 ?：通过"),
])
def test_grade(capsys, check, answer, said):
    assert grade(check, answer) is None
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize("wrong, shown", [
    (2, "（你的函数这次返回 2）\n"), (2 / 3, "（你的函数这次返回 0.666667）\n"), ([1, "二"], "（你的函数这次返回 [1, '二']）\n"),
])
def test_a_wrong_answer_is_shown(capsys, wrong, shown):
    grade(check_12, lambda x: wrong)
    assert capsys.readouterr().out.endswith(shown)


@pytest.mark.parametrize("long", ["x" * 99, np.zeros((3, 3)), None])
def test_what_cannot_be_read_at_a_glance_is_not_shown(capsys, long):
    grade(lambda answer: _never(answer(1)), lambda x: long)
    assert "这次返回" not in capsys.readouterr().out


@pytest.mark.parametrize("answer, what", [
    (lambda x: 1 / 0, "ZeroDivisionError: division by zero"), (lambda x: {}["a\nb"], "KeyError: 'a\\nb'"),
])
def test_an_error_in_the_answer_names_its_line(capsys, answer, what):
    grade(check_12, answer)
    line = answer.__code__.co_firstlineno
    assert capsys.readouterr().out == f"练习 12：还没通过——你的代码在格子的第 {line} 行出错：{what}\n"


def test_a_long_reason_stays_on_one_line(capsys):
    def check_1(answer):
        raise ValueError("line\n" * 500)

    grade(check_1, 0)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and len(said) < 230


def test_stopping_the_kernel_still_stops_it():
    def check_1(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(check_1, 0)
