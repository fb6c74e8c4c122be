"""Manufacturing: what a factory asks of a forecast. No model code."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aigc_lib.machines import Machine, check_machine

# ---- 7.3 maintenance: from records to pasts and futures ----


class Plan(NamedTuple):
    """How far to look, all in cycles: back ``past``, ahead ``grid``, life up to ``cap``; a check each ``every``."""

    past: int
    grid: tuple[int, ...]
    cap: int
    every: int


class Health(NamedTuple):
    """A machine's health on each cycle since the first: level (T,), 1 as new. life: the cycle of failure, or None.

    A cycle is counted from 0; ``life`` is None where the record ends before the failure.
    """

    name: str
    level: np.ndarray
    life: int | None


class Windows(NamedTuple):
    """Pasts and, where known, futures. Row i: what is known of ``machine[i]`` at its cycle ``at[i]``.

    x (N, 8): the present level, five block means of the past minus it, noise, age. y (N, D + 1): the level at
    the grid's D cycles ahead, and the life left up to the cap; NaN where the record ends before.
    """

    machine: np.ndarray
    at: np.ndarray
    x: np.ndarray
    y: np.ndarray


def battery_health(battery: Machine, least: int, end: float = 0.8) -> Health:
    """Capacity over the median of the first five. The life ends when the median of five cycles is below ``end``.

    Ends where the test changes: a gap above 10 cycles, or 5 °C between neighbours, after which capacities do not
    compare. A cycle left out of the record takes the level before it. Raises ValueError as ``check_machine``.
    """
    check_machine(battery, ("capacity", "temperature"), least)
    cycle, readings = battery.cycle, battery.readings
    broken = (np.diff(cycle) > 10) | (np.abs(np.diff(readings["temperature"])) > 5)
    kept = int(np.flatnonzero(broken)[0]) + 1 if broken.any() else len(cycle)
    if kept < least:
        raise ValueError(f"battery {battery.name} was tested alike for {kept} cycles only, {least} are needed; the "
                         f"test changes after cycle {cycle[kept - 1]}.")
    capacity = readings["capacity"][:kept]
    last = np.searchsorted(cycle[:kept], np.arange(cycle[0], cycle[kept - 1] + 1), side="right") - 1
    level = capacity[last] / np.median(capacity[:5])
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(level, 5), axis=1)
    below = np.flatnonzero(smooth < end)
    return Health(battery.name, level, int(below[0]) + 4 if below.size else None)


class EngineIndex:
    """One number from many sensors: ridge regression on the life left, up to ``cap`` cycles, over cap.

    Sensors with fewer than ten different values in training are left out: they say nothing.
    """

    def __init__(self, cap: int = 125, least: int = 10):
        self.cap, self.least = cap, least

    def fit(self, engines: Sequence[Machine]) -> "EngineIndex":
        """engines: run to failure, so that the last row of each is its last cycle."""
        from sklearn.linear_model import RidgeCV  # here, because only this class needs it

        names = [k for k in engines[0].readings if k.startswith("s") and not k.startswith("setting")]
        self.sensors = [k for k in names if len(np.unique(np.concatenate([e.readings[k] for e in engines]))) >= 10]
        x = np.concatenate([self._table(e) for e in engines])
        left = np.concatenate([np.arange(len(e.cycle))[::-1] for e in engines]).clip(max=self.cap) / self.cap
        self.mean, self.scale = x.mean(0), x.std(0)
        self.model = RidgeCV(np.logspace(-3, 3, 7)).fit((x - self.mean) / self.scale, left)
        return self

    def _table(self, engine: Machine) -> np.ndarray:
        return np.column_stack([engine.readings[k] for k in self.sensors])

    def health(self, engine: Machine, failed: bool) -> Health:
        """failed: whether the record ends with the failure. Raises ValueError as ``check_machine``."""
        check_machine(engine, self.sensors, self.least)
        level = self.model.predict((self._table(engine) - self.mean) / self.scale)
        return Health(engine.name, level, len(level) - 1 if failed else None)


def windows(fleet: Sequence[Health], plan: Plan, stride: int = 1) -> Windows:
    """Every ``stride``-th cycle of each machine that has a whole past behind it, the last one always; time rises."""
    rows = [(m.name, t, _past(m.level, t, plan.past), _future(m, t, plan))
            for m in fleet
            for t in range(plan.past - 1 + (len(m.level) - plan.past) % stride, len(m.level), stride)]
    if not rows:
        raise ValueError(f"no machine has {plan.past} cycles of history; the longest has "
                         f"{max((len(m.level) for m in fleet), default=0)}.")
    machine, at, x, y = zip(*rows)
    return Windows(np.array(machine), np.array(at), np.array(x), np.array(y))


def _past(level: np.ndarray, t: int, past: int) -> np.ndarray:
    history = level[t + 1 - past:t + 1]
    blocks = history.reshape(5, -1).mean(1)
    present = history[-max(3, past // 5):].mean()
    return np.concatenate([[present], blocks - present, [np.diff(history).std(), t]])


def _future(machine: Health, t: int, plan: Plan) -> np.ndarray:
    """After the last cycle of a run-to-failure record the level stays; other records just end."""
    level, end = machine.level, len(machine.level) - 1
    stays = machine.life == end
    path = [level[min(t + g, end)] if stays or t + g <= end else np.nan for g in plan.grid]
    known = machine.life is not None or t + plan.cap <= end
    left = min(max(machine.life - t, 0), plan.cap) if machine.life is not None else plan.cap
    return np.array([*path, left if known else np.nan])


def changes(w: Windows, cap: int) -> np.ndarray:
    """What a forecaster learns, (N, D + 1): the path minus the present level, and the life over the cap."""
    return np.column_stack([w.y[:, :-1] - w.x[:, :1], w.y[:, -1] / cap])


def futures(samples: np.ndarray, w: Windows, cap: int) -> np.ndarray:
    """Sampled changes (N, S, D + 1) as levels and cycles left, the latter between 0 and the cap."""
    path = samples[..., :-1] + w.x[:, None, :1]
    return np.concatenate([path, (samples[..., -1:] * cap).clip(0, cap)], axis=2)


class LastSlope:
    """The straight line through the last ``blocks`` of the past goes on; errors are drawn from those in training.

    end: the level at which the life is over. Forecasts ``changes``.
    """

    def __init__(self, blocks: int, plan: Plan, end: float):
        self.blocks, self.plan, self.end = blocks, plan, end

    def predict(self, x: np.ndarray) -> np.ndarray:
        places = np.arange(self.blocks) - (self.blocks - 1) / 2
        slope = x[:, 6 - self.blocks:6] @ places / (places @ places) / (self.plan.past / 5)  # a cycle
        room = (x[:, 0] - self.end).clip(min=0)
        left = (room / np.maximum(-slope, 1e-9)).clip(max=self.plan.cap) / self.plan.cap
        return np.column_stack([slope[:, None] * np.array(self.plan.grid), left])

    def fit(self, x: np.ndarray, y: np.ndarray) -> "LastSlope":
        self.missed = y - self.predict(x)
        return self

    def sample(self, x: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
        drawn = np.random.default_rng(seed).choice(len(self.missed), (len(x), n))
        return self.predict(x)[:, None] + self.missed[drawn]


# ---- 7.3 maintenance: scores and decisions ----


def nasa_score(predicted: np.ndarray, true: np.ndarray) -> float:
    """Sum over machines of exp(-d / 13) - 1 for early and exp(d / 10) - 1 for late, d = predicted - true cycles.

    Saxena et al. 2008. Late is dearer than early; one bad machine can outweigh all others.
    """
    d = np.asarray(predicted, float) - np.asarray(true, float)
    return float(np.where(d < 0, np.exp(-d / 13), np.exp(d / 10)).sum() - d.size)


def replacement_cost(alarm: np.ndarray, at: np.ndarray, end: int, life: int | None, planned: float,
                     failure: float) -> tuple[float, int]:
    """What one machine costs under a rule, and the cycles it worked for that.

    alarm (K,): whether the rule says "replace now" at the checks ``at`` (K,), rising. The first alarm before the
    failure costs ``planned``; no such alarm costs ``failure`` once the life is over. A record that ends at cycle
    ``end`` before either costs nothing, but its cycles count.
    """
    stop = end if life is None else life
    called = at[np.asarray(alarm, bool) & (at < stop)]
    if called.size:
        return planned, int(called[0])
    return (0.0, end) if life is None else (failure, life)


def cost_rate(outcomes: Sequence[tuple[float, int]]) -> float:
    """Cost for each 100 cycles of work, over all machines: the renewal-reward ratio (Barlow & Proschan 1965)."""
    costs, cycles = zip(*outcomes)
    return 100 * sum(costs) / sum(cycles)
