"""The workshop: every schedule can be carried out, the best ones are found, and bad instances are refused."""

import itertools
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_lib.industries import job_shop as js

BENCHMARKS = js.benchmarks()
TINY = js.make_instance("tiny", [[(0, 3), (1, 2)], [(1, 2), (0, 4)]], 2)


def random_instance(rng, jobs, machines, longest=9):
    return js.make_instance("random", [[(int(m), int(rng.integers(1, longest + 1))) for m in rng.permutation(machines)]
                                       for _ in range(jobs)], machines)


def best_of_all_orders(instance):
    """Brute force: every order of the operations, each started as early as it can."""
    jobs, machines = instance.durations.shape
    best = instance.durations.sum()
    for order in set(itertools.permutations(np.repeat(np.arange(jobs), machines).tolist())):
        step, ready, free = [0] * jobs, [0] * jobs, [0] * machines
        for j in order:
            m, d = instance.machines[j, step[j]], instance.durations[j, step[j]]
            ready[j] = free[m] = max(ready[j], free[m]) + d
            step[j] += 1
        best = min(best, max(ready))
    return best


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 10**6), st.sampled_from([0.0, 0.4, 1.0]))
def test_whatever_the_keys_the_schedule_is_feasible_and_its_own_starts_give_it_back(jobs, machines, seed, delay):
    rng = np.random.default_rng(seed)
    instance = random_instance(rng, jobs, machines)
    keys = rng.choice([-1e300, -1.0, 0.0, 1.0, 1e300], (7, instance.size))
    made = js.build(instance, keys, delay)
    assert [js.check_schedule(instance, start) for start in made.start] == made.makespan.tolist()
    again = js.build(instance, -made.start.reshape(7, -1).astype(float), delay)
    assert np.array_equal(again.start, made.start)


@pytest.mark.parametrize("seed, jobs, machines", [(s, *size) for s in range(4) for size in ((2, 2), (2, 3), (3, 2), (4, 2))])
def test_the_best_schedule_is_within_reach_and_nothing_is_better(seed, jobs, machines):
    instance = random_instance(np.random.default_rng(seed), jobs, machines)
    optimum = best_of_all_orders(instance)
    built = js.build(instance, np.random.default_rng(seed).random((3000, instance.size)))
    assert built.makespan.min() == optimum
    solved = js.solve_cp_sat(instance, 10)
    assert solved.proven and solved.makespan == optimum == js.check_schedule(instance, solved.start)


@pytest.mark.parametrize("name, optimum", [("ft06", 55), ("la01", 666), ("la05", 593)])
def test_cp_sat_proves_the_published_optima(name, optimum):
    solved = js.solve_cp_sat(BENCHMARKS[name], 60)
    assert (solved.makespan, solved.proven, BENCHMARKS[name].optimum) == (optimum, True, optimum)
    assert js.check_schedule(BENCHMARKS[name], solved.start) == optimum == solved.trace[-1][1]


def test_cp_sat_without_time_has_no_schedule():
    solved = js.solve_cp_sat(BENCHMARKS["ft10"], 1e-7)
    assert solved.start is None and solved.makespan == float("inf") and not solved.proven


@pytest.mark.parametrize("rule", js.RULES)
@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_rules_are_feasible_and_no_better_than_the_optimum(rule, delay):
    for instance in BENCHMARKS.values():
        made = js.dispatch(instance, rule, delay)
        assert js.check_schedule(instance, made.start[0]) == made.makespan[0] >= instance.optimum


def test_rules_with_a_little_chance_are_the_rules_without_it_and_better_than_chance_alone():
    instance = BENCHMARKS["la16"]
    keys, delay = js.random_dispatch(instance, 300, noise=0.0, seed=1)
    rules = {js.build(instance, js.rule_keys(instance, rule)[None]).makespan[0] for rule in js.RULES if rule != "FIFO"}
    assert set(js.build(instance, keys).makespan) == rules
    assert 0 <= delay.min() < 0.05 and 0.95 < delay.max() <= 1
    keys, delay = js.random_dispatch(instance, 300, seed=1)
    chance = js.build(instance, np.random.default_rng(1).random((300, instance.size)), delay)
    assert js.build(instance, keys, delay).makespan.min() < chance.makespan.min()
    assert np.array_equal(keys, js.random_dispatch(instance, 300, seed=1)[0])


def test_rules_do_what_they_are_called():
    jobs = [[(0, 5), (1, 1)], [(0, 2), (1, 9)], [(0, 3), (1, 4)]]
    instance = js.make_instance("rules", jobs, 2)
    first = {rule: np.argsort(js.dispatch(instance, rule).start[0, :, 0]).tolist() for rule in ("SPT", "LPT", "MWKR", "LWKR")}
    assert first == {"SPT": [1, 2, 0], "LPT": [0, 2, 1], "MWKR": [1, 2, 0], "LWKR": [0, 2, 1]}
    queue = js.make_instance("queue", [[(0, 4), (1, 3), (2, 1)], [(1, 6), (0, 1), (2, 1)], [(2, 5), (1, 1), (0, 1)]], 3)
    waiting = js.dispatch(queue, "FIFO").start[0]
    assert waiting[0, 1] == 6 and waiting[2, 1] == 9, "job 1 came to machine 1 at 4, job 3 at 5"


def test_without_delay_no_machine_stands_idle_while_work_waits():
    instance = random_instance(np.random.default_rng(3), 6, 4)
    start = js.build(instance, np.random.default_rng(4).random((1, 24)), 0.0).start[0]
    end = start + instance.durations
    came = np.concatenate([np.zeros((6, 1), int), end[:, :-1]], 1)
    for machine in range(4):
        here = instance.machines == machine
        for arrived, begun in zip(came[here], start[here]):
            busy = {t for b, e in zip(start[here], end[here]) for t in range(b, e)}
            assert set(range(arrived, begun)) <= busy


@pytest.mark.parametrize("jobs, machines, complaint", [
    ([], 3, "one job, found 3 machines and 0 jobs"),
    ([[]], 0, "at least one machine.*found 0 machines"),
    ([[(0, 3), (1, -2)], [(1, 2), (0, 4)]], 2, "job 1: found duration -2 on machine 1, wanted a positive whole number"),
    ([[(0, 3), (1, 0)]], 2, "found duration 0"),
    ([[(0, 3), (1, 1.5)]], 2, "found duration 1.5"),
    ([[(0, 3), (1, float("nan"))]], 2, "found duration nan"),
    ([[(0, 3), (1, 2)], [(1, 2)]], 2, "job 2: found 1 visits, wanted 2"),
    ([[(0, 3), (7, 2)]], 2, "found machine 7, wanted a number from 0 to 1"),
    ([[(0, 3), (-1, 2)]], 2, "found machine -1"),
    ([[(0, 3), (0, 2)]], 2, "more than one visit to machine 0"),
])
def test_bad_instances_are_refused(jobs, machines, complaint):
    with pytest.raises(ValueError, match=complaint):
        js.make_instance("bad", jobs, machines)


def test_schedules_that_break_a_rule_are_found_out():
    good = js.build(TINY, np.zeros((1, 4))).start[0]
    assert js.check_schedule(TINY, good) >= 7
    for start, complaint in (([[0, 2], [0, 3]], "before visit 1 ends at 3"), ([[0, 3], [2, 5]], "job there|one there"),
                             ([[-1, 2], [0, 2]], "before time 0"), ([[0, 3]], "shape")):
        with pytest.raises(ValueError, match=complaint):
            js.check_schedule(TINY, np.array(start))


def test_wrong_questions_get_an_answer():
    with pytest.raises(ValueError, match=r"shape \(any, 4\)"):
        js.build(TINY, np.zeros((1, 5)))
    for strange in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"finite numbers, found {strange}"):
            js.build(TINY, np.full((1, 4), strange))
    with pytest.raises(ValueError, match="no rule is called 'XYZ'"):
        js.dispatch(TINY, "XYZ")
    with pytest.raises(ValueError, match="rule must be one of"):
        js.rule_keys(TINY, "FIFO")
    with pytest.raises(ValueError, match="no known optimum"):
        js.gap(TINY, 10)
    assert js.gap(BENCHMARKS["ft06"], 66) == pytest.approx(20)


def test_benchmarks_are_those_of_the_literature():
    assert len(BENCHMARKS) == 37
    assert {name: BENCHMARKS[name].optimum for name in ("ft10", "ft20", "la20", "orb05")} == {
        "ft10": 930, "ft20": 1165, "la20": 902, "orb05": 887}
    assert BENCHMARKS["ft06"].machines[0].tolist() == [2, 0, 1, 3, 5, 4]
    assert BENCHMARKS["ft06"].durations[0].tolist() == [1, 3, 6, 7, 3, 6]
    for instance in BENCHMARKS.values():
        machines = instance.durations.shape[1]
        load = max(instance.durations[instance.machines == m].sum() for m in range(machines))
        assert instance.optimum >= max(load, instance.durations.sum(1).max())


def test_a_gantt_chart_has_a_bar_for_each_operation_and_refuses_what_cannot_be():
    figure, axis = plt.subplots()
    js.draw_gantt(axis, TINY, js.build(TINY, np.zeros((1, 4))).start[0])
    assert len(axis.patches) == 4
    with pytest.raises(ValueError, match="before visit 1 ends"):
        js.draw_gantt(axis, TINY, np.zeros((2, 2), int))
    plt.close(figure)


def test_cp_sat_stops_when_its_processor_time_is_up():
    began = time.process_time()
    solved = js.solve_cp_sat(BENCHMARKS["la25"], 0.3)
    assert 0.25 < time.process_time() - began < 0.9 and not solved.proven
    assert all(seconds < 0.9 for seconds, _ in solved.trace)
    assert solved.start is None or js.check_schedule(BENCHMARKS["la25"], solved.start) == solved.makespan
