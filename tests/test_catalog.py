"""The catalog: checksums, missing and damaged files, fetching."""

import functools
import gzip
import hashlib
import http.server
import socket
import threading
from pathlib import Path

import pytest

from aigc_lib import catalog as cat
from aigc_lib.catalog import DamagedData, MissingData

CONTENT = b"the official content " * 1000


@pytest.fixture
def small_catalog(tmp_path, monkeypatch):
    """Write a catalog of one data set "toy" and point the library at it; returns the writer."""

    def write(kind: str = "fetch", url: str = "", content: bytes = CONTENT, **extra) -> cat.Dataset:
        lines = {"name": "toy", "title": "玩具", "kind": kind, "licence": "MIT", "source": "-", "shape": "-",
                 "loader": "-", **extra}
        file = (f'path = "toy.gz", gzip = true, bytes = {len(content)}, '
                f'sha256 = "{hashlib.sha256(content).hexdigest()}", url = "{url}"')
        text = "[[dataset]]\n" + "".join(f'{key} = "{value}"\n' for key, value in lines.items())
        path = tmp_path / "data" / "catalog.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + ("" if kind == "package" else f"files = [{{ {file} }}]\n"), encoding="utf-8")
        monkeypatch.setattr(cat, "CATALOG", path)
        monkeypatch.setenv("AIGC_DATA", str(tmp_path / "home"))
        return cat.dataset("toy")

    return write


@pytest.fixture
def server(tmp_path):
    """A web server on this machine that serves a folder; returns (address, folder)."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}", folder
    httpd.shutdown()
    httpd.server_close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# missing and damaged files


def test_missing_catalog(tmp_path, monkeypatch):
    monkeypatch.setattr(cat, "CATALOG", tmp_path / "catalog.toml")
    with pytest.raises(MissingData, match="AIGC_ROOT"):
        cat.catalog()


def test_unknown_names():
    with pytest.raises(ValueError, match="no data set is called 'nonsense'.*fashion_mnist"):
        cat.verify("nonsense")
    with pytest.raises(ValueError, match="lists no file 'nonsense'"):
        cat.data_file("fashion_mnist", "nonsense")


def test_embedded_file_missing_then_damaged_then_restored(small_catalog):
    entry = small_catalog("embedded")
    path = entry.folder / "toy.gz"
    with pytest.raises(MissingData, match="git checkout"):
        cat.verify("toy")
    path.parent.mkdir()
    path.write_bytes(gzip.compress(CONTENT))
    assert cat.verify("toy") == 1
    for damaged in (gzip.compress(CONTENT[:-1]), gzip.compress(CONTENT[:-1] + b"?"), gzip.compress(CONTENT)[:-9],
                    b"", b"not gzip", path.read_bytes()[:20] + b"\0" * 9):
        path.write_bytes(damaged)
        with pytest.raises(DamagedData, match="checksum differs.*git checkout"):
            cat.verify("toy")
    path.write_bytes(gzip.compress(CONTENT, 1))  # compressed anew, same content
    assert cat.verify("toy") == 1


def test_checksum_is_computed_once(small_catalog, monkeypatch):
    entry = small_catalog("embedded")
    entry.folder.mkdir()
    (entry.folder / "toy.gz").write_bytes(gzip.compress(CONTENT))
    cat.verify("toy")
    monkeypatch.setattr(cat.hashlib, "sha256", None)
    assert cat.data_file("toy", "toy.gz").is_file()


def test_md5_stands_in_where_there_is_nothing_else(small_catalog):
    """As some publishers give no other checksum; a damaged file is still found."""
    entry = small_catalog()
    text = cat.CATALOG.read_text(encoding="utf-8").replace(
        f'sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"', f'md5 = "{hashlib.md5(CONTENT).hexdigest()}"')
    cat.CATALOG.write_text(text + "\n", encoding="utf-8")
    entry.folder.mkdir(parents=True)
    path = entry.folder / "toy.gz"
    path.write_bytes(gzip.compress(CONTENT))
    assert cat.dataset("toy").files[0].sha256 == "" and cat.verify("toy") == 1
    path.write_bytes(gzip.compress(CONTENT[:-1] + b"!"))
    with pytest.raises(DamagedData, match="checksum differs"):
        cat.verify("toy")


def test_package_data(small_catalog):
    small_catalog("package", package="numpy")
    assert cat.verify("toy") == 0
    small_catalog("package", package="no-such-package-anywhere")
    with pytest.raises(MissingData, match="pip install no-such-package-anywhere"):
        cat.verify("toy")


def test_package_file_is_found_without_importing_and_checked(small_catalog, tmp_path, monkeypatch):
    small_catalog("package", package="toy_package")
    package = tmp_path / "site" / "toy_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    path = cat.CATALOG
    path.write_text(path.read_text(encoding="utf-8") + f"""files = [{{ path = "a.txt", bytes = {len(CONTENT)},
        sha256 = "{hashlib.sha256(CONTENT).hexdigest()}" }}]\n""".replace("\n        ", " "), encoding="utf-8")
    cat._entries.cache_clear()
    with pytest.raises(MissingData, match="toy_package is missing.*pip install toy_package"):
        cat.data_file("toy", "a.txt")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    with pytest.raises(MissingData, match="a.txt is missing"):
        cat.data_file("toy", "a.txt")
    (package / "a.txt").write_bytes(CONTENT)
    assert cat.data_file("toy", "a.txt") == package / "a.txt"
    (package / "a.txt").write_bytes(CONTENT[:-1])
    with pytest.raises(DamagedData, match="checksum differs.*comes with a package"):
        cat.data_file("toy", "a.txt")


# fetching


def test_fetch(small_catalog, server, tmp_path):
    address, folder = server
    (folder / "toy.gz").write_bytes(gzip.compress(CONTENT))
    entry = small_catalog(url=f"{address}/toy.gz")
    seen = []
    assert cat.fetch("toy", progress=lambda *call: seen.append(call)) == entry.folder == tmp_path / "home" / "toy"
    assert gzip.decompress(cat.data_file("toy", "toy.gz").read_bytes()) == CONTENT
    size = (folder / "toy.gz").stat().st_size
    assert seen[-1] == ("toy.gz", size, size)
    assert files_in(tmp_path / "home") == ["toy.gz"]


def test_fetch_to_a_folder_and_keep_what_is_there(small_catalog, server, tmp_path):
    address, folder = server
    (folder / "toy.gz").write_bytes(gzip.compress(CONTENT))
    small_catalog(url=f"{address}/toy.gz")
    assert cat.fetch("toy", to=tmp_path / "else where") == tmp_path / "else where" / "toy"
    (folder / "toy.gz").unlink()
    cat.fetch("toy", to=tmp_path / "else where")  # nothing to download any more


def test_fetch_repairs_a_damaged_file(small_catalog, server):
    address, folder = server
    (folder / "toy.gz").write_bytes(gzip.compress(CONTENT))
    entry = small_catalog(url=f"{address}/toy.gz")
    entry.folder.mkdir(parents=True)
    (entry.folder / "toy.gz").write_bytes(b"half")
    cat.fetch("toy")
    assert cat.verify("toy") == 1


@pytest.mark.parametrize("served", [None, b"", b"<html>log in to this network</html>", gzip.compress(CONTENT)[:50]],
                         ids=["nothing", "empty", "login page", "cut short"])  # gzip's time stamp made ids differ
def test_fetch_never_leaves_a_half_file(small_catalog, server, tmp_path, served):
    address, folder = server
    if served is not None:
        (folder / "toy.gz").write_bytes(served)
    small_catalog(url=f"{address}/toy.gz")
    with pytest.raises((DamagedData, MissingData), match=r"toy\.gz"):
        cat.fetch("toy")
    assert files_in(tmp_path / "home") == []


def test_fetch_offline(small_catalog, tmp_path):
    entry = small_catalog(url=f"http://127.0.0.1:{closed_port()}/toy.gz")
    with pytest.raises(MissingData, match="could not download.*Check the connection") as error:
        cat.fetch("toy")
    assert str(entry.folder) in str(error.value)
    assert files_in(tmp_path / "home") == []


def test_connection_lost_half_way(small_catalog, tmp_path):
    def answer_half(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 100000\r\n\r\n" + gzip.compress(CONTENT)[:40])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_half, args=(listener,), daemon=True).start()
        small_catalog(url=f"http://127.0.0.1:{listener.getsockname()[1]}/toy.gz")
        with pytest.raises((DamagedData, MissingData)):
            cat.fetch("toy")
    assert files_in(tmp_path / "home") == []


def test_interrupted_fetch_leaves_nothing(small_catalog, server, tmp_path):
    address, folder = server
    (folder / "toy.gz").write_bytes(gzip.compress(CONTENT))
    small_catalog(url=f"{address}/toy.gz")

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cat.fetch("toy", progress=interrupt)
    assert files_in(tmp_path / "home") == []


def test_embedded_data_is_not_fetched():
    with pytest.raises(ValueError, match="is not downloaded"):
        cat.fetch("fashion_mnist")
