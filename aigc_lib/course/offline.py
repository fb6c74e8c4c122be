"""One archive with which a machine without a network gets the course: wheels, course, site, and what installs them."""

import fnmatch
import hashlib
import os
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course.doctor import EXTRAS
from aigc_lib.course.files import NO_SPACE, CouldNotSave
from aigc_lib.course.manifest import CourseError
from aigc_lib.course.wheelhouse import Target, gather

TOP = "aigc-course-offline"  # the archive's one folder
SCRIPTS = ("install.sh", "install.ps1", "install.py", "安装说明.md")  # of deploy/offline/
PARTS = {"wheels": "`wheels/`：要装的 Python 包", "course": "`course/`：笔记本、代码、自带的数据", "site": "`site/`：建好的网站"}


def pack(out: Path, target: Target, torch_index: str, say: Callable[[str], None]) -> Path:
    """Write the archive for ``target`` to ``out``, in place of an older one; returns ``out``.

    Only wheels, what the repository keeps and the built site go in. ``torch_index``: where torch comes from, "" for
    pip's own index.

    Raises:
        CourseError: a package has no wheel for the target, or the course is not complete.
        CouldNotSave: the disk is full; an older archive is untouched.
    """
    site = built_site(say)
    files = {f"course/{name}": paths.ROOT / name for name in course_files(say)}
    files |= {f"site/{name}": site / name for name in _below(site)}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".offline-") as work:
            (folder := Path(work) / "wheels").mkdir()
            wheels = gather(folder, target, torch_index, say)
            _say_cuda(wheels, say)
            files |= {f"wheels/{path.name}": path for path in wheels.values()}
            say(f"压缩 {len(files)} 个文件……")
            write_archive(Path(work) / "archive.zip", files, target)
            (Path(work) / "archive.zip").replace(out)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise CouldNotSave(error.errno, f"没能写 {out}：磁盘满了。腾出空间，或用 --out 换个地方。") from error
    return out


def _say_cuda(wheels: dict[str, Path], say: Callable[[str], None]) -> None:
    """torch from PyPI does not load on Linux without its CUDA packages, so they are in; say what they weigh."""
    cuda = [path.stat().st_size for name, path in wheels.items() if name.startswith(("nvidia-", "cuda-", "triton"))]
    if cuda:
        say(f"PyTorch 带来 {len(cuda)} 个 CUDA 的包，{sum(cuda) / 1e9:.1f} GB，少了它们载入不了。"
            "教室里没有 NVIDIA 显卡，就用 CPU 版：TORCH_INDEX=<CPU 版 PyTorch 的索引地址>。")


def built_site(say: Callable[[str], None]) -> Path:
    """The folder of the site; built now if it is not there."""
    folder = paths.BOOK / "_build" / "html"
    if not (folder / "index.html").is_file():
        from aigc_lib.course.site import build

        say("建网站……")
        return build(say=say).parent
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime((folder / "index.html").stat().st_mtime))
    say(f"用 {made} 建好的网站；课程改过，就先运行 aigc site。")
    return folder


def course_files(say: Callable[[str], None]) -> list[str]:
    """Names, from the course's folder, of what the repository keeps: nothing ignored, nothing not yet added.

    Where git does not know the course: all but hidden files and what ``.gitignore`` names.
    """
    command = ["git", "-C", str(paths.ROOT), "ls-files", "-z"]
    try:
        names = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8").split("\0")[:-1]
    except (OSError, subprocess.CalledProcessError):
        names = []
    if "notebooks/course.toml" not in names:
        say("课程不在 git 里：除了隐藏的和 .gitignore 写了的文件，都放进去。")
        names = list(_below(paths.ROOT, _ignored()))
    if missing := [name for name in names if not (paths.ROOT / name).is_file()]:
        raise CourseError(f"课程不完整，少了 {missing[0]}。恢复它再做：git checkout -- {missing[0]}")
    return names


def _ignored() -> list[str]:
    file = paths.ROOT / ".gitignore"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [line.strip("/") for line in lines if line and not line.startswith("#")]


def _below(root: Path, ignored: list[str] = ()) -> Iterator[str]:
    """Names of the files below ``root``, with /; not the hidden ones, links, or what ``ignored`` patterns name."""
    def kept(folder: Path, name: str) -> bool:
        whole = (folder / name).relative_to(root).as_posix()
        if (folder / name).is_symlink() or name.startswith(".") and whole != ".gitignore":
            return False
        return not any(fnmatch.fnmatch(whole if "/" in pattern else name, pattern) for pattern in ignored)

    for place, folders, names in os.walk(root):
        folder = Path(place)
        folders[:] = sorted(name for name in folders if kept(folder, name))
        yield from ((folder / name).relative_to(root).as_posix() for name in sorted(names) if kept(folder, name))


def write_archive(out: Path, files: dict[str, Path], target: Target) -> None:
    """Write the zip: ``files`` (name -> path), what installs them, and the checksum of each."""
    sums = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, path in sorted(files.items()):
            packed = name.startswith("wheels/")  # a wheel is a zip already
            with path.open("rb") as file:
                sums[name] = hashlib.file_digest(file, "sha256").hexdigest()
            archive.write(path, f"{TOP}/{name}", zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)
        for name in SCRIPTS:
            content = render((paths.ROOT / "deploy" / "offline" / name).read_text(encoding="utf-8"), files, target)
            sums[name] = hashlib.sha256(content.encode()).hexdigest()
            _add(archive, name, content)
        _add(archive, "SHA256SUMS", "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))


def _add(archive: zipfile.ZipFile, name: str, content: str) -> None:
    info = zipfile.ZipInfo(f"{TOP}/{name}", time.localtime()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
    archive.writestr(info, content.encode())


def render(text: str, files: dict[str, Path], target: Target) -> str:
    """Fill in what a script of ``deploy/offline/`` must know about the archive."""
    sizes = part_sizes(files)
    table = "\n".join(f"| {PARTS[part]}，{count} 个文件 | {megabytes(size)} |" for part, (count, size) in sizes.items())
    values = {"PYTHON": target.python, "SYSTEM": target.system, "MACHINE": target.machine, "EXTRAS": EXTRAS,
              "SIZES": table, "INSTALLED": megabytes(installed_size(files))}
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def part_sizes(files: dict[str, Path]) -> dict[str, tuple[int, int]]:
    """Part -> how many files, and how many bytes before the archive packs them."""
    sizes = {part: [path.stat().st_size for name, path in files.items() if name.startswith(f"{part}/")] for part in PARTS}
    return {part: (len(found), sum(found)) for part, found in sizes.items()}


def installed_size(files: dict[str, Path]) -> int:
    """Bytes on the disk after installation: all that is unpacked, and the packages once more out of their wheels."""
    total = sum(path.stat().st_size for path in files.values())
    for name, path in files.items():
        if name.startswith("wheels/"):
            with zipfile.ZipFile(path) as wheel:
                total += sum(info.file_size for info in wheel.infolist())
    return total


def megabytes(size: float) -> str:
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
