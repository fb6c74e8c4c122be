"""Chapters on a Dask cluster."""

import json

import pytest

from aigc_lib.course import cluster
from aigc_lib.course.manifest import CourseError
from aigc_lib.course.process import Job, Status

from .mini import CLAIM, until


@pytest.fixture(scope="module")
def address():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", host="127.0.0.1",
                                  dashboard_address=":0") as running:
        yield running.scheduler_address


def test_chapters_run_on_the_cluster(course, address):
    course.add("good", CLAIM.format(name="good"))
    course.add("bad", "1 / 0")
    code, said = course.aigc("run", "--dask", address)
    assert code == 1 and "1/2 通过" in said, said
    report = json.loads((course.root / "runs/full/report.json").read_text())
    assert [row["status"] for row in report["notebooks"]] == ["ok", "code error"]
    assert report["notebooks"][0]["threads"] >= 1 and len(report["claims"]) == 1
    assert course.processes() == []


def test_stopping_reaches_the_cluster(course, address, tmp_path):
    mark = tmp_path / "running"
    text = f'open({str(mark)!r}, "w").close()\nwhile True: __import__("time").sleep(0.1)'
    nb = course.add("endless", text).path.read_text()
    outcome, = cluster.run_on_dask([Job("endless", 0, "smoke", nb, 600, 1)], address, mark.exists)
    assert outcome.status == Status.INTERRUPTED
    until(lambda: not course.processes(), "the kernel's end")


def test_an_address_where_nobody_listens(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(CourseError, match="连不上 Dask 集群 tcp://127.0.0.1:9"):
        list(cluster.run_on_dask([], "tcp://127.0.0.1:9", lambda: False))
