"""Education: what is said to a student about their topics, and practice sheets with answers.

The sheets' topics are those of the Innsbruck exam (`load_math_exam`). Each is one template of ours with new
numbers every time; the exam's own questions are not published.
"""

import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple


class Estimate(NamedTuple):
    """What a student knows of a topic, as shares 0..1: a 90 % interval, its middle, and the class's average."""

    low: float
    middle: float
    high: float
    average: float

    @property
    def remark(self) -> str:
        """Only an interval that leaves the class's average out says something about the student."""
        if self.low > self.average:
            return "比多数人好"
        return "比多数人差" if self.high < self.average else "还看不准"


def student_report(name: str, asked: int, topics: Mapping[str, Estimate]) -> str:
    """Chinese lines on each topic, and what to do next; without answers it says so and recommends nothing."""
    if asked < 0 or not topics:
        raise ValueError(f"a report needs at least one topic and asked >= 0, got {len(topics)} topics and {asked}")
    if asked == 0:
        average = "，".join(f"{topic} {e.average:.0%}" for topic, e in topics.items())
        return f"{name}：还没有答题，所以没有结论，也不推荐内容。全班平均：{average}。请先做几道摸底题。"
    lines = [f"{name}（问了 {asked} 题）"]
    lines += [f"　{topic}：约 {e.middle:.0%}（{e.low:.0%} 到 {e.high:.0%}），全班 {e.average:.0%}，{e.remark}"
              for topic, e in topics.items()]
    weak = [topic for topic, e in topics.items() if e.remark == "比多数人差"]
    unsure = max(topics, key=lambda topic: topics[topic].high - topics[topic].low)
    advice = f"先补{'、'.join(weak)}" if weak else f"没有一科确定落后；{unsure}最看不准，再问几题"
    return "\n".join([*lines, f"　下一步：{advice}。"])


class Exercise(NamedTuple):
    """A question and its answer, both in Chinese."""

    topic: str
    question: str
    answer: str


def practice_sheet(topics: Sequence[str], seed: int = 0) -> list[Exercise]:
    """One exercise for each name in ``topics`` (keys of TEMPLATES, repeats allowed) with fresh numbers."""
    if unknown := sorted(set(topics) - set(TEMPLATES)):
        raise ValueError(f"no template for {', '.join(unknown)}; there are templates for {', '.join(TEMPLATES)}")
    rng = random.Random(seed)
    return [Exercise(topic, *(text.replace("-", "−") for text in TEMPLATES[topic](rng))) for topic in topics]


def _quadratic(rng: random.Random) -> tuple[str, str]:
    low, high = sorted(rng.choice([(m, n) for m in range(-6, 7) for n in range(m) if abs(m + n) > 1 and m * n]))
    signs = ["−" if n < 0 else "+" for n in (-low - high, low * high)]
    return (f"解方程 x² {signs[0]} {abs(low + high)}x {signs[1]} {abs(low * high)} = 0。", f"x = {low} 或 x = {high}")


def _derivative(rng: random.Random) -> tuple[str, str]:
    a, b, c = (rng.randint(2, 6) for _ in range(3))
    return f"f(x) = ({a}x + {b})·exp({c}x)，求 f′(0)。", f"{a} + {b}×{c} = {a + b * c}"


def _elasticity(rng: random.Random) -> tuple[str, str]:
    b, p, q = rng.randint(2, 5), rng.randint(3, 8), rng.randint(4, 30)
    return (f"需求 q(p) = {b * p + q} − {b}p。价格 p = {p} 时，弹性 q′(p)·p/q(p) 是多少？",
            f"−{b}×{p}/{q} = {Fraction(-b * p, q)}")


def _integral(rng: random.Random) -> tuple[str, str]:
    a, b, c = rng.randint(1, 4), rng.randint(1, 6), rng.randint(1, 3)
    return f"求 {3 * a}x² + {2 * b}x 从 0 到 {c} 的定积分。", f"{a}×{c}³ + {b}×{c}² = {a * c**3 + b * c**2}"


def _interest(rng: random.Random) -> tuple[str, str]:
    money, rate, years = 100 * rng.randint(5, 50), rng.randint(2, 6), rng.randint(3, 8)
    return (f"存入 {money} 元，年利率 {rate}%，复利，{years} 年后是多少元？",
            f"{money}×1.0{rate}^{years} = {money * (1 + rate / 100) ** years:.2f}")


def _annuity(rng: random.Random) -> tuple[str, str]:
    money, rate, years = 50 * rng.randint(2, 20), rng.randint(2, 6), rng.randint(3, 8)
    value = money * ((1 + rate / 100) ** years - 1) / (rate / 100)
    return (f"每年年末存 {money} 元，年利率 {rate}%，共存 {years} 次。最后一次存入时一共是多少元？",
            f"{money}×(1.0{rate}^{years} − 1)/0.0{rate} = {value:.2f}")


def _cash_flow(rng: random.Random) -> tuple[str, str]:
    paid, first, second = (100 * rng.randint(low, 9) for low in (6, 2, 2))
    rate = rng.randint(3, 8)
    value = -paid + first / (1 + rate / 100) + second / (1 + rate / 100) ** 2
    return (f"今天付 {paid} 元，一年后收 {first} 元，两年后收 {second} 元，年利率 {rate}%。净现值是多少元？",
            f"−{paid} + {first}/1.0{rate} + {second}/1.0{rate}² = {value:.2f}")


def _matrix(rng: random.Random) -> tuple[str, str]:
    a, b, c, d, e, f = (rng.randint(-4, 6) for _ in range(6))
    return f"A = [[{a}, {b}], [{c}, {d}]]，v = ({e}, {f})。求 Av。", f"({a * e + b * f}, {c * e + d * f})"


def _planning(rng: random.Random) -> tuple[str, str]:
    x, y, b = (rng.randint(2, 9) for _ in range(3))
    a = rng.choice([n for n in range(2, 10) if n != 2 * b])  # else the two conditions would be one
    steel, hours = a * x + b * y, 2 * x + y
    return (f"一件甲要 {a} 公斤钢、2 小时，一件乙要 {b} 公斤钢、1 小时。{steel} 公斤钢、{hours} 小时正好用完，各做几件？", f"甲 {x} 件，乙 {y} 件")


def _equations(rng: random.Random) -> tuple[str, str]:
    x, y, z = (rng.randint(-5, 5) for _ in range(3))
    return (f"解方程组：x + y + z = {x + y + z}，x − y + 2z = {x - y + 2 * z}，2x + y − z = {2 * x + y - z}。",
            f"x = {x}，y = {y}，z = {z}")


def _hesse(rng: random.Random) -> tuple[str, str]:
    a, b, c = rng.randint(2, 5), rng.choice([3, 5, 7, 9]), rng.randint(2, 5)
    minor = 4 * a * c - b * b  # odd, so never zero
    return (f"f(x, y) = {a}x² + {b}xy + {c}y²。写出海塞矩阵，它正定还是不定？",
            f"[[{2 * a}, {b}], [{b}, {2 * c}]]，行列式 {minor}，{'正定' if minor > 0 else '不定'}")


def _implicit(rng: random.Random) -> tuple[str, str]:
    a, x, y = (rng.randint(2, 5) for _ in range(3))
    return (f"曲线 x² + {a}xy + y² = {x * x + a * x * y + y * y} 过点 ({x}, {y})。求该点的 dy/dx。",
            f"−(2x + {a}y)/({a}x + 2y) = {Fraction(-(2 * x + a * y), a * x + 2 * y)}")


def _lagrange(rng: random.Random) -> tuple[str, str]:
    a, b, k = (rng.randint(2, 5) for _ in range(3))
    x, y = b * k, a * k  # so that a x = b y, as the best point has it
    return f"在 {a}x + {b}y = {2 * a * b * k}、x 和 y 为正的条件下，xy 最大是多少？", f"x = {x}，y = {y}，最大 {x * y}"


TEMPLATES = {"二次方程": _quadratic, "求导": _derivative, "弹性": _elasticity, "积分": _integral, "利息": _interest,
             "年金": _annuity, "现金流": _cash_flow, "矩阵": _matrix, "生产计划": _planning, "方程组": _equations,
             "海塞矩阵": _hesse, "隐函数求导": _implicit, "拉格朗日乘数": _lagrange}
