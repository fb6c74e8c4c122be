"""The site's live demos: the files that a reader's browser needs to run the models itself.

The models lie in ``book/demos/`` (``aigc_lib.course.demo_models`` makes them). What runs them, ONNX Runtime
Web, is too big to keep in the repository: npm brings it when the site is built, and it stays in the user's cache.
"""

import gzip
import shutil
from pathlib import Path

from aigc_lib import paths
from aigc_lib.course import npm

PACKAGE = "onnxruntime-web@1.30.0"
RUNTIME = {  # name on the site -> file of the package, its sha256
    "ort.js": ("dist/ort.wasm.bundle.min.mjs",
               "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"),
    "ort-wasm.bin": ("dist/ort-wasm-simd-threaded.wasm",
                     "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"),
}
PACKED = "ort-wasm.bin"  # 14 MB, or 4 as gzip: a plain server sends files as they are, so the page unpacks it


def stage_demos(folder: Path) -> str | None:
    """Put models and runtime into ``folder/demos``; what is served is what lies there.

    Returns None, or one sentence on why the site goes out without demos; ``folder`` is empty then.
    """
    target = folder / "demos"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        source = npm.fetch(PACKAGE, RUNTIME, _pack)
    except npm.NotFetched as error:
        return str(error)
    target.mkdir()
    for path in [source / name for name in RUNTIME] + sorted((paths.BOOK / "demos").glob("*.onnx")):
        shutil.copy(path, target)
    return None


def cached() -> bool:
    """Whether an earlier build has brought the runtime."""
    return npm.cached(PACKAGE, RUNTIME)


def _pack(name: str, content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0) if name == PACKED else content
