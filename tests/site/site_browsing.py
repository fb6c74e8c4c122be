"""Headless Chromium for the tests: start it, serve a folder, and audit the pages it shows."""

import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

# Without the last four, Chromium calls its maker's hosts at every start.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
PATIENCE = 120_000  # ms; continuous integration may be slow

# Pictures that did not load or have no text, formulas MathJax could not read, things too wide.
FAULTS = """() => {
  const faults = [];
  for (const img of document.images) {
    if (!(img.complete && img.naturalWidth)) faults.push("picture did not load: " + img.src);
    if (!img.alt.trim()) faults.push("picture without alt text: " + img.src);
  }
  for (const error of document.querySelectorAll("[data-mml-node=merror]"))
    faults.push("formula: " + error.textContent);
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) faults.push(`page is ${width} px wide on a screen of ${innerWidth}`);
  return faults;
}"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and keeps the test's output clean."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of this machine; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chromium() -> Iterator:
    """A headless Chromium of the system; skips the test when there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra: dev)")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(FLAGS), timeout=PATIENCE)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_page(browser, home: str, **context) -> Iterator[tuple]:
    """A page in its own context, and the list of troubles it has met: grows while one browses."""
    troubles: list[str] = []
    tab_context = browser.new_context(**{"viewport": DESKTOP, "locale": "zh-CN"} | context)
    page = tab_context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda m: m.type == "error" and troubles.append(f"console: {m.text}"))
    page.on("pageerror", lambda error: troubles.append(f"script: {error}"))
    # A request that leaving a page cuts off is no fault of the site; a missing file shows as a 404 below.
    page.on("requestfailed", lambda r: "ABORTED" in (r.failure or "") or troubles.append(f"failed: {r.url}: {r.failure}"))
    page.on("response", lambda r: r.status >= 400 and troubles.append(f"{r.status}: {r.url}"))
    page.on("request", lambda r: r.url.startswith((home, "data:", "blob:")) or troubles.append(f"external: {r.url}"))
    try:
        yield page, troubles
    finally:
        tab_context.close()


def audit(page, address: str) -> list[str]:
    """Open a page, let it settle, and list what is wrong with what it shows."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.wait_for_function("document.fonts.ready.then(() => true)")
    page.wait_for_function("!window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)")
    return [f"{address}: {fault}" for fault in page.evaluate(FAULTS)]
