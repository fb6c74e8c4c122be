"""Sends jobs to a Dask cluster; its workers need this package installed, nothing else."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from aigc_lib.course.limits import cores
from aigc_lib.course.manifest import CourseError
from aigc_lib.course.process import POLL_SECONDS, Job, Outcome, Status, run_job

CONNECT_SECONDS = 10


def run_on_dask(jobs: Sequence[Job], address: str, stopped: Callable[[], bool]) -> Iterator[Outcome]:
    """Yield outcomes as the cluster at ``address`` finishes them; CourseError when it cannot be reached."""
    try:
        from distributed import Client, Event
    except ImportError:
        raise CourseError("没有装 Dask。先运行 pip install -c constraints.txt -e '.[cluster]'，或不用 --dask。") from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise CourseError(f"连不上 Dask 集群 {address}：{error}。请检查地址和网络。") from None
    with client:
        flag = Event(f"aigc-stop-{uuid.uuid4()}", client)
        pending = {client.submit(_remote, job, flag.name, pure=False, retries=0): job for job in jobs}
        try:
            while pending:
                for future in [future for future in pending if future.done()]:
                    yield _outcome(future, pending.pop(future))
                if stopped():
                    flag.set()
                time.sleep(POLL_SECONDS)
        finally:
            flag.set()  # an error in our caller must not leave notebooks running


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
