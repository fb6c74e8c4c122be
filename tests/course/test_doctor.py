"""`aigc doctor` on faked machines: a check says what is wrong and how to mend it, and is quiet where all is well."""

import ast
import builtins
import errno
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import psutil
import pytest

from aigc_lib import paths
from aigc_lib.course import demos, doctor, limits
from aigc_lib.course import doctor_machine as machine
from aigc_lib.course import doctor_software as software
from aigc_lib.course.doctor import BAD, FINE, NOTE, Finding

from .mini import REPOSITORY


def found(check) -> tuple[str, str]:
    """The worst mark of a check, and all that it said. What is wrong comes with a remedy."""
    findings = list(check())
    assert findings and all(bool(f.mend) == (f.mark != FINE) for f in findings)
    return max((f.mark for f in findings), key=[FINE, NOTE, BAD].index), "\n".join(map(str, findings))


def test_a_line_says_what_is_wrong_and_how_to_mend_it():
    assert str(Finding(BAD, "内存", "太少", "加内存")) == "✗ 内存：太少。怎么办：加内存"
    assert str(Finding(FINE, "内存", "够")) == "✓ 内存：够"


@pytest.mark.parametrize("marks, code, word", [
    ([FINE, FINE], 0, "课程能跑。"), ([FINE, NOTE], 0, "1 处（!）不碍事"), ([NOTE, BAD, BAD], 1, "2 处（✗）不补好"),
])
def test_only_what_stops_the_course_fails_the_command(monkeypatch, marks, code, word):
    monkeypatch.setattr(doctor, "examine", lambda: (Finding(mark, "甲", "乙", "丙") for mark in marks))
    said = []
    assert doctor.report(said.append) == code and len(said) == len(marks) + 1
    assert word in said[-1]


@pytest.mark.parametrize("windows, word", [(False, "python3.11 -m venv"), (True, "py -3.11 -m venv")])
def test_an_old_python_is_named_with_the_command_for_its_system(monkeypatch, windows, word):
    monkeypatch.setattr(doctor, "WINDOWS", windows)
    assert doctor.check_python((3, 11)).mark == doctor.check_python((3, 14)).mark == FINE
    old = doctor.check_python((3, 10))
    assert old.mark == BAD and word in old.mend


@pytest.mark.parametrize("place, word", [
    (("Linux", "x86_64", True, ("glibc", "2.36"), ""), ""), (("Linux", "aarch64", True, ("", ""), ""), ""),
    (("Windows", "AMD64", True, ("", ""), ""), ""), (("Darwin", "arm64", True, ("", ""), "14.6.1"), ""),
    (("Darwin", "x86_64", True, ("", ""), "15.0"), "Intel"),
    (("Darwin", "arm64", True, ("", ""), "13.7"), "macOS 13.7"),
    (("Linux", "x86_64", True, ("musl", "1.2.3"), ""), "musl"),
    (("Linux", "x86_64", True, ("glibc", "2.17"), ""), "2.17"),
    (("Windows", "x86", False, ("", ""), ""), "32 位"),
])
def test_systems_without_pytorch_are_told_so(place, word):
    finding = doctor.check_platform(*place)
    assert (finding.mark, bool(finding.mend)) == ((BAD, True) if word else (FINE, False)) and word in finding.text


def test_nothing_is_checked_after_a_python_that_is_too_old(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 9, 6))
    assert [finding.mark for finding in doctor.examine()] == [BAD]


def test_it_runs_before_anything_is_installed():
    """Isolated from every package, and in words that an old Python can read."""
    ast.parse((REPOSITORY / "aigc_lib/course/doctor.py").read_text("utf-8"), feature_version=(3, 8))
    command = [sys.executable, "-S", "-m", "aigc_lib.course.doctor"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1 and "✗ Python 包：缺" in done.stdout and "make course" in done.stdout, done.stderr


def test_a_check_that_breaks_is_reported_and_stops_no_other():
    def broken():
        yield Finding(FINE, "甲", "好")
        raise RuntimeError("strange machine")

    assert [f.mark for f in doctor.look(broken)] == [FINE, NOTE]
    assert "RuntimeError: strange machine" in str(list(doctor.look(broken))[-1])


# what is installed

def fake_versions(monkeypatch, **changed):
    real = software._version
    monkeypatch.setattr(software, "_version", lambda name: changed[name] if name in changed else real(name))


def test_packages_as_tested_are_fine():
    assert found(software.packages)[0] == FINE


@pytest.mark.parametrize("versions, mark, words", [
    ({"torch": None, "click": None}, BAD, ("缺 2 个", "torch", "pip install -c constraints.txt")),
    ({"implicit": None}, NOTE, ("implicit", "用到它们的章节")),
    ({"numpy": "2.4.0"}, NOTE, ("numpy 2.4.0（测过",)),
    ({"torch": "2.12.0+cu130"}, NOTE, ("torch 2.12.0+cu130（测过",)),
])
def test_missing_and_other_packages_are_named(monkeypatch, versions, mark, words):
    fake_versions(monkeypatch, **versions)
    got, said = found(software.packages)
    assert got == mark and all(word in said for word in words)


@pytest.mark.parametrize("free, said", [(1, True), (50, False)])
def test_room_is_looked_for_before_the_packages_come(monkeypatch, free, said):
    fake_versions(monkeypatch, torch=None)
    monkeypatch.setattr(software, "free_disk", lambda folder: free)
    assert ("磁盘：1.0 GB 可用" in found(software.packages)[1]) == said


def test_a_package_that_this_machine_cannot_have_is_not_missed(monkeypatch):
    fake_versions(monkeypatch, tenseal=None)
    assert "tenseal" in found(software.packages)[1]
    monkeypatch.setattr(software, "_applies", lambda line: "sys_platform" not in line)
    assert found(software.packages)[0] == FINE


def test_outside_an_environment_nothing_is_installed_into_the_system(monkeypatch):
    monkeypatch.setattr(doctor.sys, "prefix", doctor.sys.base_prefix)
    assert "make course" in doctor.install_command() and "pip" not in doctor.install_command()


@pytest.mark.parametrize("cuda, gpu, driver, mark, word", [
    (None, False, None, FINE, "没有 GPU（课程不需要）"), ("13.0", True, None, FINE, "GPU：某卡"),
    ("13.0", False, None, NOTE, "没有 NVIDIA 显卡"), ("13.0", False, "/usr/bin/nvidia-smi", NOTE, "驱动"),
])
def test_a_cuda_build_without_a_gpu_is_a_waste(monkeypatch, cuda, gpu, driver, mark, word):
    import torch

    from aigc_lib import training

    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "某卡")
    monkeypatch.setattr(training, "bfloat16_is_faster", lambda device: False)
    monkeypatch.setattr(shutil, "which", lambda name: driver)
    monkeypatch.setattr(software, "folder_size", lambda folder: 2.5)
    got, said = found(software.torch)
    assert got == mark and word in said and ("2.5 GB" in said) == (mark == NOTE)


def test_a_torch_that_does_not_load_is_told(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "torch":
            raise OSError("[WinError 126] c10.dll")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(software, "WINDOWS", True)
    got, said = found(software.torch)
    assert got == BAD and "c10.dll" in said and "Visual C++" in said


@pytest.mark.parametrize("fault, word", [
    (FileNotFoundError("gone"), "没有"), (RuntimeError("unknown file format"), "读不了"), ({"课"}, "里没有汉字"), (set(), ""),
])
def test_a_missing_a_damaged_and_a_wrong_font(monkeypatch, fault, word):
    from aigc_lib import style

    def glyphs(text):
        if isinstance(fault, Exception):
            raise fault
        return fault

    monkeypatch.setattr(style, "missing_glyphs", glyphs)
    got, said = found(software.font)
    assert got == (BAD if word else FINE) and word in said


def test_a_real_damaged_font_is_seen(monkeypatch, tmp_path):
    from aigc_lib import style

    (tmp_path / "font.otf").write_bytes(b"version https://git-lfs.example/spec/v1\n")
    monkeypatch.setattr(style, "FONT_FILE", tmp_path / "font.otf")
    for cached in (style._register_font, style._covered):
        cached.cache_clear()
    got, said = found(software.font)
    for cached in (style._register_font, style._covered):
        cached.cache_clear()
    assert got == BAD and "git checkout" in said


@pytest.mark.parametrize("program, mark", [
    ("python", FINE), ("python3", FINE), (sys.executable, FINE), ("/nowhere/python", BAD), ("other", NOTE), (None, BAD),
])
def test_the_kernel_must_be_this_environments(monkeypatch, tmp_path, program, mark):
    from jupyter_client import kernelspec

    def spec(self, name):
        if program is None:
            raise kernelspec.NoSuchKernel(name)
        return SimpleNamespace(argv=[program])

    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", spec)
    monkeypatch.setattr(shutil, "which", lambda name: None if name.startswith("/nowhere") else f"/usr/bin/{name}")
    assert found(software.kernel)[0] == mark


def test_the_course_is_found_and_not_another_copy(course, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert found(software.course)[0] == BAD
    course.add("good")
    assert found(software.course)[0] == FINE
    (tmp_path / "second/notebooks").mkdir(parents=True)
    (tmp_path / "second/notebooks/course.toml").touch()
    monkeypatch.chdir(tmp_path / "second")
    got, said = found(software.course)
    assert got == NOTE and str(course.root) in said


# the machine

@pytest.mark.parametrize("n, asked, mark", [(4, "", FINE), (4, "8", FINE), (1, "", NOTE), (4, "1", NOTE)])
def test_few_cores_and_a_tight_thread_limit(monkeypatch, n, asked, mark):
    monkeypatch.setattr(machine, "cores", lambda: n)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert found(machine.processor)[0] == mark


@pytest.mark.parametrize("free, total, mark, word", [
    (8, 16, FINE, ""), (3, 16, NOTE, "--jobs 1"), (1, 16, BAD, "关掉"), (1, 2, BAD, "多分一些"),
])
def test_memory_is_held_against_the_biggest_chapter(monkeypatch, free, total, mark, word):
    monkeypatch.setattr(machine, "memory", lambda: (free, total))
    monkeypatch.setattr(machine, "biggest_chapter", lambda: 2.0)
    got, said = found(machine.memory_left)
    assert got == mark and word in said


def test_the_biggest_chapter_comes_from_the_time_table(course):
    assert machine.biggest_chapter() == 2.0
    (course.root / "book").mkdir()
    (course.root / "book/timings.json").write_text(
        '{"a": {"full": {"peak_mb": 512}}, "b": {"smoke": {"peak_mb": 9}}, "course": {"full": {"peak_mb": 1024}}}')
    assert machine.biggest_chapter() == 0.5


@pytest.mark.parametrize("free, mark", [(50, FINE), (1, NOTE), (0.1, BAD)])
def test_a_full_disk(monkeypatch, free, mark):
    monkeypatch.setattr(machine, "free_disk", lambda folder: free)
    assert found(machine.disk)[0] == mark


def test_a_folder_that_is_not_there_yet_has_its_parents_room(tmp_path):
    assert doctor.free_disk(tmp_path / "a/b/c") == pytest.approx(doctor.free_disk(tmp_path), rel=0.01)


def test_temporary_files(monkeypatch, tmp_path):
    assert found(machine.scratch)[0] == FINE
    monkeypatch.setattr(machine, "free_disk", lambda folder: 0.05)
    got, said = found(machine.scratch)
    assert got == BAD and "51 MB" in said and "TMPDIR" in said

    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert found(machine.scratch)[0] == BAD


@pytest.mark.parametrize("number, word", [(errno.EACCES, "写不进去"), (errno.ENOSPC, "满了")])
def test_folders_that_take_no_file(course, monkeypatch, number, word):
    (course.root / "book").mkdir()
    assert found(machine.writing)[0] == FINE
    assert not paths.RUNS.exists() and not any(paths.BOOK.iterdir()), "a look leaves nothing behind"

    def refuse(*arguments, **named):
        raise OSError(number, "no")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    for check in (machine.writing, machine.scratch):
        got, said = found(check)
        assert got == BAD and word in said


def test_the_port_is_taken(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        monkeypatch.setattr(machine, "PORT", other.getsockname()[1])
        other.listen()
        assert found(machine.port)[0] == NOTE
    assert found(machine.port)[0] == FINE


@pytest.mark.parametrize("number, words", [(0, ["--allow-root"]), (1000, [])])
def test_root_is_told_how_to_open_jupyterlab(monkeypatch, number, words):
    monkeypatch.setattr(os, "geteuid", lambda: number, raising=False)
    findings = list(machine.user())
    assert [word in findings[0].mend for word in words] == [True] * len(findings)


@pytest.mark.parametrize("encoding, mark", [("utf-8", FINE), ("latin-1", NOTE), ("gbk", NOTE)])
def test_a_terminal_that_cannot_show_the_marks(monkeypatch, encoding, mark):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert found(machine.terminal)[0] == mark


@pytest.mark.parametrize("cached, npm, mark", [(True, None, FINE), (False, "/usr/bin/npm", FINE), (False, None, NOTE)])
def test_npm_is_only_for_the_demos(monkeypatch, cached, npm, mark):
    monkeypatch.setattr(demos, "cached", lambda: cached)
    monkeypatch.setattr(shutil, "which", lambda name: npm)
    assert found(machine.demos)[0] == mark


# what a container leaves

@pytest.mark.parametrize("files, cores", [
    ({}, 64), ({"cpu.max": "max 100000"}, 64), ({"cpu.max": "150000 100000"}, 2), ({"cpu.max": "garbage"}, 64),
    ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
    ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 1),
])
def test_cores_of_a_container(monkeypatch, tmp_path, files, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    write(tmp_path, files)
    assert limits.cores(tmp_path) == cores


GB = 2**30


@pytest.mark.parametrize("files, available, total", [
    ({}, 30, 64), ({"memory.max": "max", "memory.current": f"{GB}"}, 30, 64),
    ({"memory.max": f"{2 * GB}", "memory.current": f"{GB}"}, 1, 2),
    ({"memory.max": f"{2 * GB}", "memory.current": f"{2 * GB}", "memory.stat": f"anon 5\ninactive_file {GB}\n"}, 1, 2),
    ({"memory/memory.limit_in_bytes": f"{2**63 - 4096}", "memory/memory.usage_in_bytes": f"{GB}"}, 30, 64),
    ({"memory/memory.limit_in_bytes": f"{4 * GB}", "memory/memory.usage_in_bytes": f"{GB}"}, 3, 4),
])
def test_memory_of_a_container(monkeypatch, tmp_path, files, available, total):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=30 * GB, total=64 * GB))
    write(tmp_path, files)
    assert limits.memory(tmp_path) == (available, total)


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
