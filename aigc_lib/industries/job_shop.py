"""A workshop: jobs that visit machines in a fixed order, the schedules that obey, and their Gantt charts.

Every job visits every machine once. A schedule is written as one priority for each operation and built
machine by machine (Giffler & Thompson 1960), so whatever the priorities are, it can be carried out.
Times are whole numbers of the instance's own unit.
"""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from aigc_lib.datasets import load_job_shop
from aigc_lib.style import COLORS, INK

RULES = {"FIFO": "先到先做", "SPT": "最短的先做", "LPT": "最长的先做", "MWKR": "剩余工时最多的先做",
         "LWKR": "剩余工时最少的先做", "MOPNR": "剩余工序最多的先做"}
NEVER = 1 << 40  # the end of an operation that does not exist


class Instance(NamedTuple):
    """machines, durations (J, M) int64: where each job goes, in its order, and how long it stays. optimum: 0 if unknown."""

    name: str
    machines: np.ndarray
    durations: np.ndarray
    optimum: int = 0

    @property
    def size(self) -> int:
        """How many operations there are."""
        return self.durations.size


class Schedules(NamedTuple):
    """B schedules: start (B, J, M) int64 of each operation in its job's order, and makespan (B,) int64."""

    start: np.ndarray
    makespan: np.ndarray


def make_instance(name: str, jobs: Sequence[Sequence[tuple[int, int]]], machines: int, optimum: int = 0) -> Instance:
    """An instance from each job's visits (machine, duration), machines counted from 0.

    ValueError, saying what was found and what is wanted, unless there is a machine and a job, every job
    visits every machine exactly once, and every duration is a positive whole number.
    """
    if machines < 1 or not jobs:
        raise ValueError(f"{name}: a workshop needs at least one machine and one job, found {machines} machines "
                         f"and {len(jobs)} jobs.")
    for j, job in enumerate(jobs, 1):
        _check_job(f"{name}, job {j}", job, machines)
    visits = np.array([[tuple(map(int, visit)) for visit in job] for job in jobs], np.int64)  # (J, M, 2)
    return Instance(name, visits[..., 0], visits[..., 1], int(optimum))


def _check_job(who: str, job: Sequence[tuple[int, int]], machines: int) -> None:
    if len(job) != machines:
        raise ValueError(f"{who}: found {len(job)} visits, wanted {machines}: every job visits every machine once.")
    for machine, duration in job:
        if machine != int(machine) or not 0 <= machine < machines:
            raise ValueError(f"{who}: found machine {machine}, wanted a number from 0 to {machines - 1}.")
        if not (duration > 0 and duration == int(duration)):
            raise ValueError(f"{who}: found duration {duration} on machine {machine}, wanted a positive whole number.")
    twice = sorted({machine for machine, _ in job if sum(machine == other for other, _ in job) > 1})
    if twice:
        raise ValueError(f"{who}: found more than one visit to machine {twice[0]}, wanted one to each machine.")


def benchmarks() -> dict[str, Instance]:
    """The 37 classical instances by name, each with its proven optimum."""
    return {row["name"]: make_instance(**row) for row in load_job_shop()}


def build(instance: Instance, keys: np.ndarray, delay: float | np.ndarray = 1.0) -> Schedules:
    """Turn priorities keys (B, J * M) into schedules; of the operations that compete, the highest key goes first.

    delay: 1 builds active schedules, among which there is always an optimal one; 0 lets no machine stand idle
    while work waits for it; one for all, or one a schedule (B,). Giffler & Thompson 1960; Bierwirth & Mattfeld 1999.
    """
    if keys.ndim != 2 or keys.shape[1] != instance.size:
        raise ValueError(f"keys must have shape (any, {instance.size}) for {instance.name}, found {keys.shape}.")
    if not np.isfinite(keys).all():
        raise ValueError(f"keys must be finite numbers, found {keys[~np.isfinite(keys)][0]}.")
    jobs, machines = instance.durations.shape
    table = np.concatenate([keys.reshape(-1, jobs, machines), np.full((len(keys), jobs, 1), -np.inf)], 2)
    table, first = table.reshape(len(keys), -1), np.arange(len(keys))[:, None]
    return _build(instance, len(keys), lambda place, ready: table[first, place], delay)


def dispatch(instance: Instance, rule: str, delay: float = 0.0) -> Schedules:
    """The one schedule (B = 1) that a rule of RULES leads to."""
    if rule not in RULES:
        raise ValueError(f"no rule is called {rule!r}; there are {', '.join(RULES)}.")
    if rule == "FIFO":
        return _build(instance, 1, lambda place, ready: -ready, delay)
    return build(instance, rule_keys(instance, rule)[None], delay)


def rule_keys(instance: Instance, rule: str) -> np.ndarray:
    """The priorities (J * M,) float64 of a rule that looks only at the job; FIFO looks at the clock and has none."""
    d = instance.durations.astype(float)
    left = d[:, ::-1].cumsum(1)[:, ::-1]  # this operation's time and that of all after it
    keys = {"SPT": -d, "LPT": d, "MWKR": left, "LWKR": -left, "MOPNR": np.broadcast_to(-np.arange(d.shape[1]), d.shape)}
    if rule not in keys:
        raise ValueError(f"rule must be one of {', '.join(keys)}, found {rule!r}.")
    return keys[rule].astype(float).ravel()


def random_dispatch(instance: Instance, n: int, noise: float = 0.6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rules with a little chance: keys (n, J * M) and delays (n,) in [0, 1] for ``build``.

    Each draw takes a rule at random and adds normal noise of ``noise`` deviations of the rule's own keys.
    """
    rng = np.random.default_rng(seed)
    rules = np.stack([rule_keys(instance, rule) for rule in RULES if rule != "FIFO"])
    rules = (rules - rules.mean(1, keepdims=True)) / rules.std(1, keepdims=True).clip(1e-9)
    keys = rules[rng.integers(len(rules), size=n)] + noise * rng.standard_normal((n, instance.size))
    return keys, rng.random(n)


def _build(instance: Instance, batch: int, priority: Callable[[np.ndarray, np.ndarray], np.ndarray],
           delay: float | np.ndarray) -> Schedules:
    """One operation a round in all schedules at once. priority(place, ready) -> (B, J), place in a (J, M + 1) table."""
    jobs, machines = instance.durations.shape
    where = np.pad(instance.machines, ((0, 0), (0, 1)), constant_values=machines).ravel()  # a finished job waits apart
    length = np.pad(instance.durations, ((0, 0), (0, 1)), constant_values=NEVER).ravel()
    b, slack = np.arange(batch), np.broadcast_to(delay, batch)
    place = np.tile(np.arange(jobs) * (machines + 1), (batch, 1))  # (B, J) the next operation of each job
    ready, free = np.zeros((batch, jobs), np.int64), np.zeros((batch, machines + 1), np.int64)
    start = np.zeros((batch, jobs * (machines + 1)), np.int64)
    for _ in range(instance.size):
        machine = where[place]
        begin = np.maximum(ready, free[b[:, None], machine])
        end = begin + length[place]
        soonest = end.argmin(1)  # its machine is the one to decide on
        rivals = machine == machine[b, soonest][:, None]
        earliest = np.where(rivals, begin, NEVER).min(1)
        limit = earliest + slack * (end[b, soonest] - earliest)
        rivals &= (begin < limit[:, None]) | (begin == earliest[:, None])
        chosen = np.where(rivals, priority(place, ready), -np.inf).argmax(1)
        start[b, place[b, chosen]] = begin[b, chosen]
        ready[b, chosen] = free[b, machine[b, chosen]] = end[b, chosen]
        place[b, chosen] += 1
    return Schedules(start.reshape(batch, jobs, -1)[..., :machines], ready.max(1))


def check_schedule(instance: Instance, start: np.ndarray) -> int:
    """The makespan of one schedule start (J, M); ValueError with the first rule of the workshop that it breaks."""
    if start.shape != instance.durations.shape:
        raise ValueError(f"start must have shape {instance.durations.shape}, found {start.shape}.")
    end = start + instance.durations
    if start.min() < 0:
        raise ValueError(f"an operation starts at {start.min()}, before time 0.")
    for j, i in np.argwhere(start[:, 1:] < end[:, :-1]):
        raise ValueError(f"job {j + 1} starts visit {i + 2} at {start[j, i + 1]}, before visit {i + 1} ends at {end[j, i]}.")
    for machine in range(instance.durations.shape[1]):
        here = instance.machines == machine
        order = start[here].argsort()
        begins, ends = start[here][order], end[here][order]
        for i in np.flatnonzero(begins[1:] < ends[:-1]):
            raise ValueError(f"machine {machine} starts a job at {begins[i + 1]}, before the one there ends at {ends[i]}.")
    return int(end.max())


def gap(instance: Instance, makespan: float | np.ndarray) -> float | np.ndarray:
    """How much longer than the proven optimum, in percent."""
    if instance.optimum <= 0:
        raise ValueError(f"{instance.name} has no known optimum.")
    return 100 * (makespan / instance.optimum - 1)


class Solved(NamedTuple):
    """start (J, M) or None; makespan; whether it is proven optimal; every better schedule found as (seconds, makespan)."""

    start: np.ndarray | None
    makespan: float
    proven: bool
    trace: list[tuple[float, int]]


def solve_cp_sat(instance: Instance, seconds: float, seed: int = 0, workers: int = 1) -> Solved:
    """Constraint programming by OR-Tools, stopped after ``seconds`` of processor time, or ten times as long by the clock.

    Without a schedule by then, makespan is inf.
    """
    from ortools.sat.python import cp_model  # here: only this function needs OR-Tools

    model, visits = _model(cp_model, instance)
    solver, began, trace = cp_model.CpSolver(), time.process_time(), []
    solver.parameters.max_time_in_seconds, solver.parameters.random_seed = 10 * seconds, seed
    solver.parameters.num_workers = workers

    class Watcher(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            trace.append((time.process_time() - began, int(self.objective_value)))

    done = threading.Event()
    timer = threading.Thread(target=_stop_in_time, args=(solver, began + seconds, done))
    timer.start()
    status = solver.solve(model, Watcher())
    done.set()
    timer.join()
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solved(None, float("inf"), False, [])
    start = np.array([[solver.value(visit.start_expr()) for visit in job] for job in visits])
    return Solved(start, int(solver.objective_value), status == cp_model.OPTIMAL, trace)


def _model(cp_model, instance: Instance):
    """The rules of the workshop as constraints, and the interval of each operation."""
    model, horizon = cp_model.CpModel(), int(instance.durations.sum())
    visits = [[model.new_fixed_size_interval_var(model.new_int_var(0, horizon, ""), int(d), "") for d in job]
              for job in instance.durations]
    makespan = model.new_int_var(0, horizon, "makespan")
    for job in visits:
        for before, after in pairwise(job):
            model.add(after.start_expr() >= before.end_expr())
        model.add(makespan >= job[-1].end_expr())
    for machine in range(instance.durations.shape[1]):
        model.add_no_overlap([visits[j][i] for j, i in np.argwhere(instance.machines == machine)])
    model.minimize(makespan)
    return model, visits


def _stop_in_time(solver, deadline: float, done: threading.Event) -> None:
    """Stop the solver once this process has used its share: on a busy machine the clock would be unfair."""
    while not done.wait(0.01):
        if time.process_time() > deadline:
            solver.stop_search()


def draw_gantt(axis: Axes, instance: Instance, start: np.ndarray, title: str = "", until: float | None = None) -> None:
    """One schedule start (J, M) as a Gantt chart: a row a machine, a bar an operation with its job's number in it."""
    makespan = check_schedule(instance, start)
    colours = plt.get_cmap("cividis")(np.linspace(0.42, 1, len(start)))
    for (j, i), begin in np.ndenumerate(start):
        width = instance.durations[j, i]
        axis.barh(instance.machines[j, i], width, left=begin, height=0.84, color=colours[j], edgecolor=INK, linewidth=0.5)
        if width > 0.018 * (until or makespan):
            axis.text(begin + width / 2, instance.machines[j, i], str(j + 1), ha="center", va="center", fontsize=7)
    axis.axvline(makespan, color=COLORS["baseline"], linestyle="--", linewidth=1.2)
    axis.set(title=title, xlim=(0, (until or makespan) * 1.02), ylabel="机器", yticks=range(start.shape[1]))
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
