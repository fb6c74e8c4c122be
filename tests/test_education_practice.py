"""Practice sheets: every answer is worked out again from the words of the question."""

import random
import re
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from aigc_lib.datasets import load_math_exam
from aigc_lib.industries.education_practice import TEMPLATES, Estimate, practice_sheet, student_report

x, y, z = sp.symbols("x y z")


def numbers(text: str) -> list[Fraction]:
    return [Fraction(n) for n in re.findall(r"-?\d+(?:/\d+|\.\d+)?", text.replace("−", "-"))]


def formula(text: str):
    """Written mathematics -> sympy."""
    text = text.replace("−", "-").replace("·", "*").replace("²", "**2")
    return sp.sympify(re.sub(r"(?<=\d)(?=[xyzp(e])|(?<=x)(?=y)", "*", text))


def last(answer: str) -> Fraction:
    return numbers(answer.split("=")[-1])[0]


def interest_factor(rate, years):
    return (1 + float(rate) / 100) ** int(years)


def solve(topic: str, question: str, answer: str) -> bool:
    """Whether the answer is right."""
    n = numbers(question)
    if topic == "二次方程":
        left = question.removeprefix("解方程 ").split(" = ")[0]
        return sorted(sp.solve(formula(left), x)) == numbers(answer)
    if topic == "求导":
        return sp.diff(formula(question.split("= ")[1].split("，")[0]), x).subs(x, 0) == last(answer)
    if topic == "弹性":
        demand = formula(question.split("= ")[1].split("。")[0])
        p = sp.Symbol("p")
        value = (sp.diff(demand, p) * p / demand).subs(p, int(n[2]))
        return sp.nsimplify(value) == sp.Rational(*numbers(answer.split("=")[-1])[0].as_integer_ratio())
    if topic == "积分":
        return sp.integrate(formula(question[1:].split(" 从")[0]), (x, 0, int(n[-1]))) == last(answer)
    if topic == "利息":
        return abs(float(n[0]) * interest_factor(n[1], n[2]) - float(last(answer))) < 0.006
    if topic == "年金":
        return abs(sum(float(n[0]) * interest_factor(n[1], k) for k in range(int(n[2]))) - float(last(answer))) < 0.006
    if topic == "现金流":
        return abs(-n[0] + n[1] / interest_factor(n[3], 1) + n[2] / interest_factor(n[3], 2) - float(last(answer))) < 0.006
    if topic == "矩阵":
        return (np.array(n[:4]).reshape(2, 2) @ n[4:]).tolist() == numbers(answer)
    if topic == "生产计划":
        a, hours, b, one, steel, total = map(int, n)
        return numbers(answer) == np.linalg.solve([[a, b], [hours, one]], [steel, total]).round(6).tolist()
    if topic == "方程组":
        equations = [formula(part.split("=")[0]) - formula(part.split("=")[1])
                     for part in question.removeprefix("解方程组：").rstrip("。").split("，")]
        return sp.solve(equations, [x, y, z]) == dict(zip((x, y, z), map(int, numbers(answer))))
    if topic == "海塞矩阵":
        hessian = sp.hessian(formula(question.split("= ")[1].split("。")[0]), (x, y))
        kind = "正定" if hessian.is_positive_definite else "不定"
        return [int(v) for v in hessian] == numbers(answer)[:4] and numbers(answer)[4] == hessian.det() and kind in answer
    if topic == "隐函数求导":
        left = formula(question.removeprefix("曲线 ").split(" =")[0])
        point = {x: int(n[-2]), y: int(n[-1])}
        slope = (-sp.diff(left, x) / sp.diff(left, y)).subs(point)
        return left.subs(point) == n[1] and slope == sp.Rational(*numbers(answer.split("=")[-1])[0].as_integer_ratio())
    if topic == "拉格朗日乘数":
        best = sp.maximum((x * (int(n[2]) - int(n[0]) * x) / int(n[1])), x)
        return best == numbers(answer)[2] and n[0] * numbers(answer)[0] + n[1] * numbers(answer)[1] == n[2]
    raise AssertionError(f"no solver for {topic}")


@pytest.mark.parametrize("topic", TEMPLATES)
def test_answers_are_right(topic):
    sheet = practice_sheet([topic] * 40, seed=1)
    assert len({exercise.question for exercise in sheet}) > 10
    assert [e for e in sheet if not solve(topic, e.question, e.answer)] == []


def test_the_solver_notices_a_wrong_answer():
    exercise = practice_sheet(["矩阵"])[0]
    assert not solve("矩阵", exercise.question, "(99, 99)")


def test_templates_cover_the_exam_and_nothing_else():
    assert set(TEMPLATES) == {item.topic for item in load_math_exam().items}


def test_same_seed_same_sheet_and_unknown_topics_are_named():
    topics = random.Random(0).choices(list(TEMPLATES), k=6)
    assert practice_sheet(topics, 3) == practice_sheet(topics, 3) != practice_sheet(topics, 4)
    with pytest.raises(ValueError, match="no template for 几何"):
        practice_sheet(["求导", "几何"])


# reports


def test_a_remark_needs_an_interval_that_leaves_the_average_out():
    assert Estimate(0.6, 0.7, 0.8, average=0.5).remark == "比多数人好"
    assert Estimate(0.2, 0.3, 0.4, average=0.5).remark == "比多数人差"
    assert Estimate(0.4, 0.7, 0.9, average=0.5).remark == "还看不准"


def test_a_report_names_the_weak_topic_or_says_what_it_does_not_know():
    good, weak, vague = Estimate(0.6, 0.7, 0.8, 0.5), Estimate(0.2, 0.3, 0.4, 0.5), Estimate(0.1, 0.5, 0.9, 0.5)
    assert "先补历史" in student_report("甲", 9, {"历史": weak, "自然": good})
    assert "没有一科确定落后；历史最看不准" in student_report("甲", 9, {"历史": vague, "自然": good})


def test_a_student_without_answers_gets_no_conclusion():
    text = student_report("乙", 0, {"历史": Estimate(0.1, 0.2, 0.3, 0.5)})
    assert "还没有答题" in text and "不推荐" in text
    assert "先补" not in text and "20%" not in text
    with pytest.raises(ValueError, match="at least one topic"):
        student_report("乙", 3, {})
