"""A day with type 1 diabetes (模拟): meals, a plan for the insulin pump, the plan run, and what came of it.

A plan is seven numbers that a pump's bolus calculator is set to, PLAN: how much of the usual background insulin; how
much of "carbohydrates / ratio" at breakfast, lunch, dinner and snacks; how much of the usual correction; and how many
minutes before the food. All ones and a zero is the calculator as the clinic set it.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from aigc_lib.glucose_data import GROUPS, KNOWN, Patients, Trace
from aigc_lib.industries.glucose_model import MG_PER_G, advance

SLOTS = ("早餐", "上午点心", "午餐", "下午点心", "晚餐", "夜宵")
PLAN = ("背景量", "早餐", "午餐", "晚餐", "点心", "纠正", "提前（分钟）")
MEAL_OF_SLOT = (1, 4, 2, 4, 3, 4)  # which number of the plan a slot's dose is multiplied by
STANDARD = np.array([1.0, 1, 1, 1, 1, 1, 0])
LOWEST = np.array([0.65, 0.3, 0.3, 0.3, 0.3, 0, 0])  # of a plan that may be run
HIGHEST = np.array([1.35, 1.6, 1.6, 1.6, 1.6, 1.6, 25])
MOST_DAILY = 1.25  # times the usual daily insulin
TYPICAL = np.array([45.0, 3, 70, 3, 80, 3])  # g of carbohydrates on a mean day
TARGET, CORRECT_ABOVE = 140.0, 150.0  # mg/dL, simglucose's basal-bolus controller
ACTIVE = 240  # minutes until a dose counts as used up
EATING_SPEED = 5.0  # g/min, simglucose
MINUTES, EVERY = 1440, 5
CHUNK = 1500  # days at a time: what they need stays in the processor's cache


class Days(NamedTuple):
    """N days: minute (N, 6) and counted carbohydrates (N, 6) in g of each slot, 0 if skipped; start (N,): glucose at
    midnight as a multiple of the patient's fasting level."""

    minute: np.ndarray
    carbs: np.ndarray
    start: np.ndarray

    def take(self, rows: np.ndarray) -> "Days":
        return Days(*(part[rows] for part in self))


def random_days(n: int, rng: np.random.Generator) -> Days:
    """Meals drawn as simglucose's RandomScenario draws them; the midnight level varies by about a fifth."""
    low, high = np.array([5, 9, 10, 14, 16, 20]) * 60, np.array([9, 10, 14, 16, 20, 23]) * 60
    middle, spread = np.array([7, 9.5, 12, 15, 18, 21.5]) * 60, np.array([60, 30, 60, 30, 60, 30])
    first, last = ndtr((low - middle) / spread), ndtr((high - middle) / spread)
    minute = (middle + spread * ndtri(first + (last - first) * rng.random((n, 6)))).round()  # a cut-off normal
    grams = rng.normal([45, 10, 70, 10, 80, 10], [10, 5, 10, 5, 10, 5], (n, 6)).round().clip(0)
    taken = rng.random((n, 6)) < [0.95, 0.3, 0.95, 0.3, 0.95, 0.3]
    return Days(minute.astype(int), grams * taken, np.exp(rng.normal(0, 0.2, n)).clip(0.6, 1.6))


def miscounted(carbs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What was really eaten: people miss by about a fifth (Brazeau et al. 2013)."""
    return carbs * np.exp(rng.normal(0, 0.25, carbs.shape))


class Outcome(NamedTuple):
    """glucose (N, 288) in mg/dL every 5 minutes; dose (N, 6) in U with its minute at (N, 6)."""

    glucose: np.ndarray
    dose: np.ndarray
    at: np.ndarray


def run(patients: Patients, days: Days, plans: np.ndarray, eaten: np.ndarray) -> Outcome:
    """Live the days (N) with the plans (N, 7) in the virtual patients (N); eaten (N, 6) in g, as it really was.

    At each dose the calculator reads the sensor. Raises ValueError for a plan or a meal below zero, and for a patient
    whose card has a hole.
    """
    _check_inputs(patients, days, plans, eaten)
    parts = [slice(i, i + CHUNK) for i in range(0, len(plans), CHUNK)]
    rows = np.arange(len(plans))
    found = [_run(patients.take(rows[s]), days.take(rows[s]), plans[s], eaten[s]) for s in parts]
    return Outcome(*(np.concatenate(part) for part in zip(*found)))


def _run(patients: Patients, days: Days, plans: np.ndarray, eaten: np.ndarray) -> Outcome:
    p, x = patients.model, patients.start.copy()
    x[[3, 4, 12]] *= days.start
    basal = patients.basal * plans[:, 0]
    at = np.maximum(days.minute - plans[:, 6:].round().astype(int), 0)
    at[days.carbs <= 0] = -1
    dose, waiting, meal, was_eating = np.zeros(at.shape), np.zeros(len(at)), np.zeros(len(at)), np.zeros(len(at), bool)
    glucose = []
    for t in range(MINUTES):
        reading = x[12] / p["Vg"]
        if t % EVERY == 0:
            glucose.append(reading)
        due = at == t
        if due.any():
            dose += due * _calculated(patients, days, plans, reading, dose, at, t)
        waiting = waiting + (eaten * (days.minute == t)).sum(1)
        eating = np.minimum(waiting, EATING_SPEED)
        waiting = waiting - eating
        meal = np.where((eating > 0) & ~was_eating, x[0] + x[1], meal) + MG_PER_G * eating
        was_eating = eating > 0
        x = advance(x, p, eating, basal + (dose * due).sum(1), meal)
    return Outcome(np.stack(glucose, 1), dose, at)


def _calculated(patients: Patients, days: Days, plans: np.ndarray, reading: np.ndarray, dose: np.ndarray,
                at: np.ndarray, t: int) -> np.ndarray:
    """The bolus calculator at minute t: (N, 6) in U, as if every slot were due. Zisser et al. 2008 review such.

    Insulin still at work is taken off the correction, never off the food.
    """
    active = (dose * (1 - (t - at) / ACTIVE).clip(0, 1)).sum(1)
    wanted = plans[:, 5] * (reading - TARGET) / patients.known[:, KNOWN.index("correction")] - active
    correction = np.where(reading > CORRECT_ABOVE, wanted, 0).clip(0)
    food = plans[:, MEAL_OF_SLOT] * days.carbs / patients.known[:, KNOWN.index("carb_ratio"), None]
    return food + correction[:, None]


def live(patients: Patients, plans: np.ndarray, n_days: int, seed: int) -> np.ndarray:
    """Run each plan (N, 7) for some random days: glucose (N, n_days, 288). Same seed and N, same days and mistakes."""
    rng, rows = np.random.default_rng(seed), np.repeat(np.arange(len(plans)), n_days)
    days = random_days(len(rows), rng)
    found = run(patients.take(rows), days, plans[rows], miscounted(days.carbs, rng))
    return found.glucose.reshape(len(plans), n_days, -1)


def as_recorded(patients: Patients, traces: list[Trace]) -> tuple[Patients, Days, np.ndarray]:
    """The patients, days and plans that repeat recorded traces of at most four meals, dose for dose."""
    same = patients.take(np.array([patients.names.index(trace.name) for trace in traces]))
    minute, carbs, plans = np.full((len(traces), 6), -1), np.zeros((len(traces), 6)), np.zeros((len(traces), len(PLAN)))
    plans[:, 0] = 1
    for i, trace in enumerate(traces):
        for slot, m, grams, dose in zip((0, 2, 4, 1), trace.minute, trace.carbs, trace.dose):
            minute[i, slot], carbs[i, slot] = m, grams
            plans[i, MEAL_OF_SLOT[slot]] = dose * same.known[i, KNOWN.index("carb_ratio")] / grams
    return same, Days(minute, carbs, np.ones(len(traces))), plans


def _check_inputs(patients: Patients, days: Days, plans: np.ndarray, eaten: np.ndarray) -> None:
    """Raise ValueError with what was found and what is wanted, before anything is simulated."""
    n = len(patients.names)
    if plans.shape != (n, len(PLAN)) or days.carbs.shape != (n, 6) or eaten.shape != (n, 6):
        raise ValueError(f"{n} patients need plans ({n}, {len(PLAN)}) and meals ({n}, 6), found {plans.shape}, "
                         f"{days.carbs.shape} and {eaten.shape}.")
    holes = ~(np.isfinite(patients.known) & (patients.known > 0))
    if holes.any():
        i, j = np.argwhere(holes)[0]
        raise ValueError(f"{patients.names[i]} has no usable {KNOWN[j]} (found {patients.known[i, j]:g}): no plan "
                         f"without {', '.join(KNOWN)}, all above 0.")
    for what, grams in (("counted", days.carbs), ("eaten", eaten)):
        if not (np.isfinite(grams) & (grams >= 0)).all():
            i, j = np.argwhere(~(np.isfinite(grams) & (grams >= 0)))[0]
            raise ValueError(f"day {i} has {grams[i, j]:g} g of {what} carbohydrates at {SLOTS[j]}; 0 or more is wanted.")
    if not (np.isfinite(plans) & (plans >= 0)).all():
        i, j = np.argwhere(~(np.isfinite(plans) & (plans >= 0)))[0]
        raise ValueError(f"plan {i} wants {plans[i, j]:g} for {PLAN[j]}: insulin cannot be taken back out; "
                         f"every number of a plan is 0 or more.")


def refusals(patients: Patients, plans: np.ndarray) -> list[list[str]]:
    """Why each plan (N, 7) must not be run; an empty list passes. The rule is this table and nothing else."""
    within = (plans >= LOWEST - 1e-9) & (plans <= HIGHEST + 1e-9)
    food = (plans[:, MEAL_OF_SLOT] * TYPICAL).sum(1) / patients.known[:, KNOWN.index("carb_ratio")]
    total = food + plans[:, 0] * patients.basal * MINUTES
    limit = MOST_DAILY * patients.known[:, KNOWN.index("daily_insulin")]
    found = []
    for plan, good, much in zip(plans, within, total > limit):
        broken = [f"{name} {v:.2f}，只许 {low:g} 到 {high:g}"
                  for name, v, low, high, fine in zip(PLAN, plan, LOWEST, HIGHEST, good) if not fine]
        found.append(broken + [f"全天超过平时总量的 {MOST_DAILY:g} 倍"] * bool(much))
    return found


class Shares(NamedTuple):
    """Per cent of a day (N,): 70 to 180 mg/dL, below 70, below 54, above 180. Battelino et al. 2019 (consensus)."""

    in_range: np.ndarray
    below_70: np.ndarray
    below_54: np.ndarray
    above_180: np.ndarray


def time_shares(glucose: np.ndarray) -> Shares:
    """Of glucose (N, T) in mg/dL at even times."""
    return Shares(*(100 * part.mean(1) for part in ((glucose >= 70) & (glucose <= 180), glucose < 70, glucose < 54,
                                                    glucose > 180)))


def risk(glucose: np.ndarray) -> np.ndarray:
    """Mean risk of each day (N,): 0 at 112.5 mg/dL, about 100 at 20 and at 600. Kovatchev et al. 1997.

    The scale is symmetric: 54 weighs about as much as 250. The smallest value that counts is 20.
    """
    scale = 1.509 * (np.log(np.clip(glucose, 20, 600)) ** 1.084 - 5.381)
    return (10 * scale**2).mean(1)


WARNING = "模拟病人的计划，不是诊断，不能用于看病，更不能照着设泵。"


def plan_sheet(patient: Patients, plan: np.ndarray, before: np.ndarray, after: np.ndarray) -> str:
    """One virtual patient's plan (7,) on a page, with what came of it: glucose (D, 288) under the old setting and the new.

    Raises ValueError for a plan that the rule refuses; such a plan gets no page.
    """
    if why := refusals(patient, plan[None])[0]:
        raise ValueError(f"the rule refuses this plan for {patient.names[0]}: {'；'.join(why)}")
    grams, ratio = TYPICAL[[0, 2, 4]], patient.known[0, KNOWN.index("carb_ratio")]
    meals = [f"{name} {g:.0f} 克碳水打 {f * g / ratio:.1f} U（平时 {g / ratio:.1f}）"
             for name, g, f in zip(PLAN[1:4], grams, plan[1:4])]
    results = [f"{what} {old.mean():.1f}% → {new.mean():.1f}%" for what, old, new in
               zip(("范围内", "低于 70", "低于 54"), time_shares(before), time_shares(after))]
    return "\n".join([f"健康计划（模拟，{patient.names[0]}）",
                      f"背景：每小时 {60 * patient.basal[0] * plan[0]:.2f} U（平时 {60 * patient.basal[0]:.2f}）",
                      "；".join(meals), f"点心 {plan[4]:.2f} 倍，纠正 {plan[5]:.2f} 倍，饭前 {plan[6]:.0f} 分钟打",
                      f"跑了 {len(after)} 天：" + "，".join(results), WARNING])


def split_patients(names: list[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows held out: 3, 3 and 4 of the three age groups, whole patients."""
    rng = np.random.default_rng(seed)
    counts = rng.permutation([3, 3, 4])
    held = [rng.permutation([i for i, name in enumerate(names) if name.startswith(group)])[:n]
            for group, n in zip(GROUPS, counts)]
    test = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(names)), test), test


def clinic_view(patients: Patients, week: np.ndarray) -> np.ndarray:
    """What a clinic can know (N, 13): the card, the background share, and a week's sensor record (N, D, 288).

    Of the record: mean glucose at night and after each main meal, spread, and the roots of the shares below 70 and
    above 180 mg/dL.
    """
    file = np.log(np.column_stack([patients.known, patients.basal * MINUTES / patients.known[:, KNOWN.index("daily_insulin")]]))
    means = [week[:, :, a * 12:b * 12].mean((1, 2)) for a, b in ((3, 6), (7, 11), (12, 16), (18, 22))]
    shares = [np.sqrt((week < 70).mean((1, 2))), np.sqrt((week > 180).mean((1, 2)))]
    return np.column_stack([file, *means, week.std((1, 2)), *shares])


DAY_STATISTICS = ("平均", "标准差", "范围内", "低于 70", "15 分钟变化", "一小时自相关")


def day_statistics(glucose: np.ndarray) -> np.ndarray:
    """Glucose (N, 96), a value every 15 minutes -> the DAY_STATISTICS (N, 6): mg/dL, per cent, a correlation."""
    centred = glucose - glucose.mean(1, keepdims=True)
    power = (centred**2).mean(1)
    together = (centred[:, 4:] * centred[:, :-4]).mean(1) / np.maximum(power, 1e-9)
    shares = time_shares(glucose)
    return np.column_stack([glucose.mean(1), np.sqrt(power), shares.in_range, shares.below_70,
                            np.abs(np.diff(glucose, axis=1)).mean(1), together])
