"""Grading: what a learner reads for each kind of answer."""

import pytest

from aigc_lib.exercises import grade


def check_12(answer):
    assert answer(2) == 4, "2 的平方应当是 4"


def check_3(answer):
    return answer == 1


def check_4(answer):
    assert answer


def stub(x):
    raise NotImplementedError


@pytest.mark.parametrize("check, answer, said", [
    (check_12, lambda x: x * x, "练习 12：通过"),
    (check_12, lambda x: x, "练习 12：还没通过——2 的平方应当是 4"),
    (check_12, stub, "练习 12：还没通过——还没写"),
    (check_12, ..., "练习 12：还没通过——还没写"),
    (check_12, lambda x: 1 / 0, "练习 12：还没通过——ZeroDivisionError: division by zero"),
    (check_12, None, "练习 12：还没通过——TypeError: 'NoneType' object is not callable"),
    (check_12, lambda x: {}["a\nb"], "练习 12：还没通过——KeyError: 'a\\nb'"),
    (check_3, 1, "练习 3：通过"),
    (check_3, 2, "练习 3：还没通过——结果和要求的不一样"),
    (check_4, 0, "练习 4：还没通过——"),
    (lambda answer: None, 1, "练习 ?：通过"),
])
def test_grade(capsys, check, answer, said):
    assert grade(check, answer) is None
    assert capsys.readouterr().out.startswith(said)


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
