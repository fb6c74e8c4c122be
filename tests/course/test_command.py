"""``aigc`` from outside: real kernels, real signals, several failures in one run."""

import json
import os
import signal
import subprocess
import sys

import nbformat
import pytest
from click.testing import CliRunner

from aigc_lib.course import doctor
from aigc_lib.course.cli import main
from aigc_lib.course.notebook import evidence_of, read_notebook
from aigc_lib.evidence import load_ledger

from .mini import CLAIM, PATIENCE, until

FOREVER = "import os, time\nopen({mark!r}, 'w').write(str(os.getpid()))\nwhile True: time.sleep(0.1)"
COMMANDS = [[], ["list"], ["run"], ["evidence"], ["evidence", "run"], ["evidence", "check"], ["evidence", "show"],
            ["data"], ["data", "list"], ["data", "verify"], ["data", "fetch"], ["site"], ["new"], ["doctor"], ["lab"],
            ["student"], ["instructor"], ["progress"], ["offline-pack"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0 and "Usage" in result.output


def test_the_command_line_starts_light():
    code = "import sys, aigc_lib.course.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "scipy", "nbformat", "papermill", "IPython", "matplotlib"} & set(loaded)


def test_runs_in_parallel_and_keeps_going(course):
    course.add("good", "import os", CLAIM.format(name="good"))
    course.add("bad", "1 / 0")
    code, said = course.aigc("run", "--jobs", "2", "--save")
    assert code == 1, said
    report = json.loads((course.root / "runs/full/report.json").read_text())
    assert {row["name"]: row["status"] for row in report["notebooks"]} == {"good": "ok", "bad": "code error"}
    assert "ZeroDivisionError" in said and "1/2 通过" in said and "账本里还没有这条断言" in said
    nb = read_notebook(course.notebooks / "good.ipynb")
    nbformat.validate(nb)
    assert evidence_of(nb)[0]["model_value"] == 2 and "papermill" not in nbformat.writes(nb)
    assert course.processes() == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_leaves_no_kernel_and_loses_no_chapter(course, tmp_path, name):
    mark = tmp_path / "running"
    course.add("quick", "1 + 1")
    course.add("endless", FOREVER.format(mark=str(mark)))
    process = course.start("run", "--jobs", "2", "--timeout", "600")
    quick = course.root / "runs/full/quick.ipynb"
    until(lambda: process.poll() is not None or (quick.exists() and mark.exists()), "one chapter done, one running")
    process.send_signal(getattr(signal, name))
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + getattr(signal, name), said
    assert course.processes() == []
    assert {path.name for path in (course.root / "runs/full").iterdir()} == {"quick.ipynb", "report.json", "junit.xml"}
    report = json.loads((course.root / "runs/full/report.json").read_text())
    assert [row["status"] for row in report["notebooks"]] == ["ok", "interrupted"]
    assert "加 --resume 可以接着跑" in said


def test_kernels_end_when_the_command_is_killed_outright(course, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # nobody is left to clear it up
    mark = tmp_path / "running"
    course.add("endless", FOREVER.format(mark=str(mark)))
    process = course.start("run", "--timeout", "600")
    until(lambda: process.poll() is not None or mark.exists(), "a running notebook")
    process.kill()
    process.communicate(timeout=PATIENCE)
    until(lambda: not course.processes(), "the kernel's end")


def test_evidence_from_two_seeds_enters_the_ledger(course):
    course.add("good", CLAIM.format(name="good"))
    code, said = course.aigc("evidence", "run", "good", "--seeds", "2", "--jobs", "2")
    assert code == 0 and "证据不足" in said, said
    row = load_ledger(course.root / "book/evidence.json")[0]
    assert row["n"] == 2 and [run["seed"] for run in row["runs"]] == [1, 2]
    assert row["model_mean"] == pytest.approx(2.015) and row["diff"] == pytest.approx(1.015)


def invoke(*arguments):
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_unknown_names_are_one_sentence(course):
    course.add("good")
    assert invoke("run", "god") == (1, "Error: 没有叫“god”的章节。相近的有：good。用 aigc list 看全部章节。\n")
    code, said = invoke("run", "--profile", "fast")
    assert code == 1 and "没有叫“fast”的运行方式" in said
    code, said = invoke("evidence", "run", "good", "--seeds", "0")
    assert code == 2


def test_list_shows_measured_times(course):
    course.add("good")
    (course.root / "book").mkdir()
    (course.root / "book/timings.json").write_text('{"good": {"full": {"seconds": 12.4}}}')
    code, said = invoke("list")
    assert code == 0 and "标题good" in said and "12" in said and "—" in said


def test_evidence_check_fails_with_its_reasons(course):
    course.add("good")
    code, said = invoke("evidence", "check")
    assert code == 1 and "good 没有测量任何断言。" in said and "账本有 1 处问题" in said
    (course.root / "book").mkdir()
    (course.root / "book/evidence.json").write_text("{")
    code, said = invoke("evidence", "show")
    assert code == 1 and "坏了" in said


def test_data_commands(monkeypatch):
    code, said = invoke("data", "list")
    assert code == 0 and "fashion_mnist" in said
    code, said = invoke("data", "verify", "nothing")
    assert code == 1 and "没有叫“nothing”的数据集" in said


@pytest.mark.parametrize("kind, word", [("DamagedData", "损坏"), ("MissingData", "缺失")])
def test_data_verify_tells_damaged_from_missing(monkeypatch, kind, word):
    from aigc_lib import catalog

    def verify(name):
        raise getattr(catalog, kind)("why")

    monkeypatch.setattr(catalog, "verify", verify)
    code, said = invoke("data", "verify", "fashion_mnist")
    assert code == 1 and f"✗ fashion_mnist {word}：why" in said
    monkeypatch.setattr(catalog, "verify", lambda name: 1)
    assert invoke("data", "verify", "fashion_mnist") == (0, "✓ fashion_mnist\n")


def test_data_fetch_without_a_connection_is_one_sentence(monkeypatch, tmp_path):
    from aigc_lib import catalog

    def fetch(name, to, progress):
        progress("file", 1, None)
        raise catalog.MissingData("no connection")

    monkeypatch.setattr(catalog, "fetch", fetch)
    code, said = invoke("data", "fetch", "fashion_mnist", "--to", str(tmp_path))
    assert code == 1 and "没能取得 fashion_mnist：no connection" in said
    monkeypatch.setattr(catalog, "fetch", lambda name, to, progress: tmp_path / name)
    assert invoke("data", "fetch", "fashion_mnist") == (0, f"已就绪：{tmp_path / 'fashion_mnist'}\n")


def test_lab_opens_the_notebooks_folder(course, monkeypatch):
    monkeypatch.setattr(os, "execv", lambda path, words: print(*words[1:]))
    assert invoke("lab") == (0, f"-m jupyterlab {course.notebooks}\n")


def test_lab_hands_options_on(course, monkeypatch):
    monkeypatch.setattr(os, "execv", lambda path, words: print(*words[1:]))
    words = ["--allow-root", "--port", "9999"]
    assert invoke("lab", *words) == (0, f"-m jupyterlab {course.notebooks} {' '.join(words)}\n")


def test_lab_waits_for_jupyterlab_on_windows(course, monkeypatch):
    monkeypatch.setattr(doctor, "WINDOWS", True)
    monkeypatch.setattr(subprocess, "call", lambda words: print(*words[1:]) or 3)
    assert invoke("lab") == (3, f"-m jupyterlab {course.notebooks}\n")


def test_a_terminal_without_our_marks_stops_nothing(course):
    course.add("good")
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "aigc_lib.course.cli"]
    done = subprocess.run([*command, "list"], env=environment, capture_output=True, encoding="latin-1", check=True)
    assert "good" in done.stdout and "?" in done.stdout
    command += ["run", "bad"]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="latin-1", check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr


def test_doctor_reports_on_this_machine():
    code, said = invoke("doctor")
    assert code in (0, 1)
    for what in ("Python", "PyTorch", "bf16", "处理器", "内存", "磁盘", "中文字体", "端口", "写权限", "内核"):
        assert what in said
