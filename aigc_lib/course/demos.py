"""The site's live demos: the files that a reader's browser needs to run the models itself.

The models lie in ``book/demos/`` (``aigc_lib.course.demo_models`` makes them). What runs them, ONNX Runtime
Web, is too big to keep in the repository: npm brings it when the site is built, and it stays in the user's cache.
"""

import gzip
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import platformdirs

from aigc_lib import paths
from aigc_lib.course.manifest import CourseError

PACKAGE = "onnxruntime-web@1.30.0"
RUNTIME = {  # name on the site -> file of the package, its sha256
    "ort.js": ("ort.wasm.bundle.min.mjs", "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"),
    "ort-wasm.bin": ("ort-wasm-simd-threaded.wasm", "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"),
}
PACKED = "ort-wasm.bin"  # 14 MB, or 4 as gzip: a plain server sends files as they are, so the page unpacks it
PATIENCE = 300  # seconds for npm


class NoRuntime(CourseError):
    """ONNX Runtime Web is not in the cache and npm could not bring it."""


def stage_demos(folder: Path) -> str | None:
    """Put models and runtime into ``folder/demos``; what is served is what lies there.

    Returns None, or one sentence on why the site goes out without demos; ``folder`` is empty then.
    """
    target = folder / "demos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        source = runtime()
    except NoRuntime as error:
        return str(error)
    target.mkdir()
    for path in [source / name for name in RUNTIME] + sorted((paths.BOOK / "demos").glob("*.onnx")):
        shutil.copy(path, target)
    return None


def runtime() -> Path:
    """The folder with the files of ``RUNTIME``, fetched with npm the first time.

    Raises:
        NoRuntime: there is no npm, it failed, or what it brought is not the pinned version.
    """
    home = _home()
    if not cached():
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home) as work:
            _unpack(npm_pack(PACKAGE, Path(work)), Path(work))
            for name in RUNTIME:  # two builds at once may both come here
                (Path(work) / name).replace(home / name)
    return home


def cached() -> bool:
    """Whether an earlier build has brought the runtime."""
    return all((_home() / name).exists() for name in RUNTIME)


def _home() -> Path:
    return Path(platformdirs.user_cache_dir("aigc", appauthor=False)) / PACKAGE


def npm_pack(package: str, work: Path) -> Path:
    """A package, ``name@version``, as npm hands it out, in the folder ``work``; raises NoRuntime."""
    npm = shutil.which("npm")
    if npm is None:
        raise NoRuntime(f"没有找到 npm，取不到 {package}。")
    command = [npm, "pack", package, "--fetch-retries=0", "--silent"]
    try:
        subprocess.run(command, cwd=work, check=True, capture_output=True, timeout=PATIENCE)
        return next(work.glob("*.tgz"))
    except (subprocess.SubprocessError, OSError, StopIteration) as error:
        raise NoRuntime(f"npm 没有取到 {package}：{error}") from None


def _unpack(package: Path, folder: Path) -> None:
    """Write the checked files of the package into ``folder``."""
    with tarfile.open(package) as archive:
        for name, (source, checksum) in RUNTIME.items():
            content = archive.extractfile(f"package/dist/{source}").read()
            if hashlib.sha256(content).hexdigest() != checksum:
                raise NoRuntime(f"{PACKAGE} 里的 {source} 与记下的校验和不同。")
            (folder / name).write_bytes(gzip.compress(content, 9, mtime=0) if name == PACKED else content)
