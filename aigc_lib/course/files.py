"""Text files of the course: read with a clear complaint, write so that a file is the old one or the new one."""

import errno
import os
import tempfile
from pathlib import Path

from aigc_lib.course.manifest import CourseError

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


class CouldNotSave(OSError):
    """A file could not be written; the file that was there before is untouched."""

    def __str__(self) -> str:
        return self.strerror


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CourseError(f"找不到 {path}。课程清单里有它，文件却不在；请从版本库恢复，或用 aigc new 新建。") from None


def write_atomic(path: Path, text: str) -> None:
    """Write ``text`` under ``path`` in one step; raises CouldNotSave and leaves the old file as it was."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n", dir=path.parent,
                                         prefix=f".{path.stem}-", suffix=".tmp", delete=False) as file:
            temporary = file.name
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise CouldNotSave(error.errno, _why(path, text, error)) from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def _why(path: Path, text: str, error: OSError) -> str:
    if error.errno in NO_SPACE:
        need = len(text.encode("utf-8")) / 2**20
        return f"没能保存 {path}：磁盘满了，需要 {need:.1f} MB。原来的文件没有动；腾出空间后再运行一次。"
    return f"没能保存 {path}：{error.strerror or error}。原来的文件没有动；请检查文件夹的权限。"
