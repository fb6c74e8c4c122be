"""`aigc offline-pack` on a miniature course with tiny wheels; pip and the installer are the real ones."""

import ast
import errno
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from aigc_lib import paths
from aigc_lib.course import offline, wheelhouse
from aigc_lib.course.cli import main
from aigc_lib.course.doctor import EXTRAS
from aigc_lib.course.files import CouldNotSave
from aigc_lib.course.manifest import CourseError
from aigc_lib.course.wheelhouse import Target, target

from .mini import REPOSITORY

PYTHON = "{}.{}".format(*sys.version_info)
BACKEND = '''
import pathlib, tomllib, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text("utf-8"))["project"]
    lines = ["Metadata-Version: 2.1", "Name: aigc-course", "Version: 0"]
    lines += [f"Requires-Dist: {line}" for line in project["dependencies"]]
    lines += [f"Provides-Extra: {extra}" for extra in project["optional-dependencies"]]
    with zipfile.ZipFile(pathlib.Path(folder) / "aigc_course-0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("aigc_course-0.dist-info/METADATA", "\\n".join(lines))
        wheel.writestr("aigc_course-0.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("aigc_course-0.dist-info/RECORD", "")
    return "aigc_course-0-py3-none-any.whl"
'''
FILES = {
    ".gitignore": "*.log\nruns/\nbook/_build\n", ".env": "SECRET=1", "notes.txt": "unsaid", "debug.log": "x", "runs/a": "x",
    "backend.py": BACKEND, "notebooks/course.toml": "", "data/牌.csv": "1,2", "aigc_lib/__init__.py": "",
    "aigc_lib/course/__init__.py": "", "aigc_lib/course/doctor.py": "import alpha, beta\nprint('课程能跑。')",
    "constraints.txt": "# tested\nalpha==1.0\nbeta==2.0\ngamma==1.0; sys_platform == 'win32'\n",
    "book/_build/html/index.html": "<title>网站</title>", "book/_build/html/_static/a.css": "",
    "pyproject.toml": '''
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "aigc-course"
dependencies = ["alpha[more]>=1", "gamma; sys_platform == 'win32'"]
[project.optional-dependencies]
''' + "\n".join(f"{extra} = []" for extra in EXTRAS.split(",")),
}
UNTRACKED = {".env", "notes.txt", "debug.log", "runs/a"}


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """A tiny wheel of one empty module."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Provides-Extra: more"]
        info = f"{name}-{version}.dist-info"
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", "\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs)]) + "\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def make_course(base: Path, patch: pytest.MonkeyPatch) -> Path:
    """A miniature course in git, and an index of tiny wheels that pip is told to use."""
    root = base / "small course"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    shutil.copytree(REPOSITORY / "deploy" / "offline", root / "deploy" / "offline")
    for words in (["init", "-q"], ["add", "--", *(name for name in FILES if name not in UNTRACKED and "_build" not in name),
                                   "deploy"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    wheel(base / "index", "alpha", "1.0", "beta>=2; extra == 'more'", "delta; extra == 'other'")
    wheel(base / "index", "alpha", "1.5")  # newer than what was tested
    wheel(base / "index", "beta", "2.0")
    wheel(base / "index", "gamma", "1.0", "epsilon>=1; python_version < '3.12'")
    wheel(base / "index", "epsilon", "1.0")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (base / "index").as_uri(), "PIP_CONFIG_FILE": os.devnull}.items():
        patch.setenv(name, value)
    patch.setattr(paths, "ROOT", root)
    patch.setattr(paths, "BOOK", root / "book")
    return root


@pytest.fixture
def small(tmp_path, monkeypatch):
    return make_course(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The archive for this machine and this Python, packed once by the command."""
    with pytest.MonkeyPatch.context() as patch:
        base = tmp_path_factory.mktemp("offline")
        make_course(base, patch)
        result = CliRunner().invoke(main, ["offline-pack", "--out", str(base / "包.zip")])
        assert result.exit_code == 0, result.output
        assert re.search(r"做好了：.*包\.zip，\d+ MB，用了 \d+ 秒", result.output)
    return base / "包.zip"


@pytest.fixture
def room(archive, tmp_path):
    """The archive, unpacked in a folder whose name has a space."""
    zipfile.ZipFile(archive).extractall(tmp_path / "our room")
    return tmp_path / "our room" / offline.TOP


def names(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as file:
        assert all(name.startswith(f"{offline.TOP}/") for name in file.namelist())
        return {name.partition("/")[2] for name in file.namelist()}


def test_what_is_in_the_archive(archive):
    found = names(archive)
    assert {name for name in found if name.startswith("wheels/")} == {
        "wheels/alpha-1.0-py3-none-any.whl", "wheels/beta-2.0-py3-none-any.whl"}
    assert {*offline.SCRIPTS, "SHA256SUMS", "site/index.html", "site/_static/a.css", "course/data/牌.csv"} <= found


def test_nothing_ignored_untracked_or_secret_is_in_it(archive):
    course = {name.removeprefix("course/") for name in names(archive) if name.startswith("course/")}
    assert course & set(FILES) == {name for name in FILES if name not in UNTRACKED and "_build" not in name}
    assert not any(name.startswith((".git/", "book/_build")) for name in course)


def test_every_file_has_its_checksum_and_nothing_is_left_to_fill_in(room):
    lines = dict(reversed(line.split("  ")) for line in (room / "SHA256SUMS").read_text("utf-8").splitlines())
    assert set(lines) == {path.relative_to(room).as_posix() for path in room.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    for name, digest in lines.items():
        assert hashlib.sha256((room / name).read_bytes()).hexdigest() == digest
    for name in offline.SCRIPTS:
        assert not re.search("@[A-Z]+@", (room / name).read_text("utf-8"))
    assert "2 个文件 | 0 MB" in (room / "安装说明.md").read_text("utf-8")


def test_without_git_hidden_and_ignored_files_stay_out(small):
    shutil.rmtree(small / ".git")
    said = []
    found = offline.course_files(said.append)
    assert "notes.txt" in found and "data/牌.csv" in found and "不在 git 里" in said[0]
    assert not {".env", "debug.log", "runs/a", "book/_build/html/index.html"} & set(found)


def test_a_course_that_lost_a_file_is_not_packed(small):
    (small / "data/牌.csv").unlink()
    with pytest.raises(CourseError, match="少了 data/牌.csv"):
        offline.course_files(print)


def test_a_full_disk_leaves_the_old_archive(small, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space")
    monkeypatch.setattr(offline, "write_archive", full)
    (out := tmp_path / "old.zip").write_bytes(b"old")
    with pytest.raises(CouldNotSave, match="磁盘满了"):
        offline.pack(out, target(None, None), "", print)
    assert out.read_bytes() == b"old" and not list(tmp_path.glob(".offline-*"))


@pytest.mark.parametrize("where, python, more", [("linux", "3.11", set()), ("windows", "3.12", {"gamma"}),
                                                 ("windows", "3.11", {"gamma", "epsilon"})])
def test_requirements_are_read_for_the_other_machine(small, tmp_path, where, python, more):
    (folder := tmp_path / "wheels").mkdir()
    assert set(wheelhouse.gather(folder, target(where, python), "", print)) == {"alpha", "beta"} | more


def test_a_package_without_a_wheel_is_named(small, tmp_path):
    (tmp_path / "index/beta-2.0-py3-none-any.whl").unlink()
    with pytest.raises(CourseError, match=r"beta==2\.0 没有给 win_amd64、Python 3\.12"):
        wheelhouse.gather(tmp_path, target("windows", "3.12"), "", print)


def test_a_version_that_does_not_suit_all_is_named(small, tmp_path):
    wheel(tmp_path / "index", "alpha", "1.0", "beta>=3; extra == 'more'")
    with pytest.raises(CourseError, match=r"beta>=3.*取来的是 2\.0"):
        wheelhouse.gather(tmp_path, target("linux", "3.11"), "", print)


def test_torch_may_come_from_elsewhere_and_sources_are_built(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(wheelhouse, "_pip", lambda words, target: calls.append(" ".join(words)))
    wheelhouse.fetch({"torch": "==2", "jieba": "==1", "click": "==8"}, tmp_path, target("linux", "3.11"), "cpu://index")
    assert [call.split()[0] for call in calls] == ["download", "download", "wheel"]
    assert calls[0].endswith("--index-url cpu://index torch==2") and calls[1].endswith(" click==8")
    assert calls[2].endswith(" jieba==1") and "manylinux_2_17_x86_64" in calls[0]


def test_cuda_is_weighed(tmp_path):
    wheel(tmp_path, "nvidia", "1.0")
    said = []
    offline._say_cuda({"nvidia-cudnn-cu13": next(tmp_path.glob("*.whl"))}, said.append)
    offline._say_cuda({"numpy": tmp_path}, said.append)
    assert len(said) == 1 and "1 个 CUDA 的包" in said[0] and "TORCH_INDEX" in said[0]


@pytest.mark.parametrize("name, python, words", [
    ("solaris", None, "不认识平台 solaris"), ("macosx_11_0_x86_64", None, "不认识平台"), ("linux", "3.10", "3.11 以上"),
    ("linux", "312", "写成 3.12")])
def test_a_target_that_cannot_be_is_refused(name, python, words):
    with pytest.raises(CourseError, match=words):
        target(name, python)


def test_a_target_describes_its_machine():
    assert target(None, None).python == PYTHON
    assert target("macos", "3.12").markers["sys_platform"] == "darwin"
    assert (target("windows", "3.12").system, target("windows", "3.12").machine) == ("Windows", "AMD64")


def test_the_projects_own_lists_fit():
    """The extras are those of `make course`; what is built from source is pinned."""
    assert f"'.[{EXTRAS}]'" in (REPOSITORY / "Makefile").read_text("utf-8")
    assert wheelhouse.SOURCE_ONLY <= set(wheelhouse.pins(Target("win_amd64", "3.12")))


def test_scripts_can_be_read_where_they_must_run():
    folder = REPOSITORY / "deploy" / "offline"
    ast.parse((folder / "install.py").read_text("utf-8"), feature_version=(3, 6))
    assert (folder / "install.ps1").read_bytes().startswith(b"\xef\xbb\xbf")  # else PowerShell 5 reads it as GBK
    subprocess.run(["sh", "-n", folder / "install.sh"], check=True)


def install(room: Path, **environment) -> tuple[int, str]:
    """Run install.sh with this Python: (exit code, what it said)."""
    python = {"PYTHON": sys.executable, "PIP_INDEX_URL": "http://localhost:9", **environment}
    done = subprocess.run(["sh", str(room / "install.sh")], env={**os.environ, **python}, capture_output=True,
                          encoding="utf-8", check=False)
    return done.returncode, done.stdout + done.stderr


def test_it_installs_once_and_again_after_the_reader_changed_the_course(room):
    code, said = install(room)
    assert code == 0, said
    assert "安装用了" in said and "课程能跑。" in said and "aigc lab" in said
    (room / "course/data/牌.csv").write_text("mine", encoding="utf-8")
    code, said = install(room)
    assert code == 0 and "已经装好了" in said and "安装用了" not in said
    shutil.rmtree(room / "course/.venv")
    code, said = install(room)
    assert code == 0 and "安装用了" in said


@pytest.mark.parametrize("name", ["wheels/beta-2.0-py3-none-any.whl", "course/data/牌.csv", "site/index.html"])
@pytest.mark.parametrize("harm, words", [(Path.unlink, "缺 "), (lambda path: path.write_bytes(b"half"), "坏了：")])
def test_damage_is_found_before_anything_is_installed(room, name, harm, words):
    harm(room / name)
    code, said = install(room)
    assert code == 1 and words + name in said and "重新拷贝" in said
    assert not (room / "course/.venv").exists()


def test_a_wheel_that_was_never_packed_is_named(room):
    name = "wheels/beta-2.0-py3-none-any.whl"
    (room / name).unlink()
    text = (room / "SHA256SUMS").read_text("utf-8")
    (room / "SHA256SUMS").write_text("".join(line for line in text.splitlines(True) if name not in line), "utf-8")
    code, said = install(room)
    assert code == 1 and "depends on beta>=2" in said and "请把这几行发给做包的人" in said


def test_an_archive_that_was_not_unpacked_whole_says_so(room):
    (room / "SHA256SUMS").unlink()
    code, said = install(room)
    assert code == 1 and "没有解压完整" in said


@pytest.mark.parametrize("old, new, words", [
    (f'"{PYTHON}"', '"3.99"', "给 Python 3.99 的"), (f'"{platform.machine()}"', '"sparc"', "另做一包")])
def test_another_machine_is_refused(room, old, new, words):
    script = room / "install.py"
    script.write_text(script.read_text("utf-8").replace(old, new), "utf-8")
    code, said = install(room)
    assert code == 1 and words in said and not (room / "course/.venv").exists()


def test_without_the_right_python_the_script_says_which(room):
    script = room / "install.sh"
    script.write_text(script.read_text("utf-8").replace(PYTHON, "3.99"), "utf-8")
    code, said = install(room)
    assert code == 1 and "要 Python 3.99" in said
