"""Sends jobs to a Dask cluster; its workers need this package installed, nothing else."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from aigc_lib.course.manifest import CourseError
from aigc_lib.course.process import POLL_SECONDS, Job, Outcome, Status, cores, run_job

CONNECT_SECONDS = 10


def run_on_dask(jobs: Sequence[Job], address: str, stopped: Callable[[], bool]) -> Iterator[Outcome]:
    """Yield outcomes as the cluster at ``address`` finishes them; CourseError when it cannot be reached."""
    try:
        from distributed import Client, Event, wait
    except ImportError:
        raise CourseError("没有装 Dask。先运行 pip install 'aigc-course[cluster]'，或不用 --dask。") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise CourseError(f"连不上 Dask 集群 {address}：{error}。请检查地址和网络。") from None
    with client:
        flag = f"aigc-stop-{uuid.uuid4()}"
        pending = {client.submit(_remote, job, flag, pure=False, retries=0): job for job in jobs}
        while pending:
            done = {future for future in pending if future.done()}
            if not done:
                _pause(wait, pending)
                if stopped():
                    Event(flag, client).set()
            for future in done:
                yield _outcome(future, pending.pop(future))


def _pause(wait: Callable, pending: dict) -> None:
    try:
        wait(list(pending), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
    except TimeoutError:
        return


def _remote(job: Job, flag: str) -> Outcome:
    """Runs on the cluster: a share of that machine's cores, and an eye on the caller's stop flag."""
    from distributed import Event, get_worker

    threads = max(1, cores() // get_worker().state.nthreads)
    return run_job(replace(job, threads=threads), Event(flag).is_set)


def _outcome(future, job: Job) -> Outcome:
    if future.status == "finished":
        return future.result()
    why = future.exception() if future.status == "error" else future.status
    return Outcome(job.name, job.seed, Status.KERNEL, f"集群没有完成这一章：{why}")
