"""A notebook opened and run in JupyterLab, as a learner does it, in headless Chromium."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
import pytest
import site_browsing as browsing
import site_miniature as miniature
from nbformat import v4

pytestmark = pytest.mark.browser

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # else cells off screen are not there
}
DRAW = """from IPython.display import Image, display
import base64, os
print("profile:", os.environ["AIGC_PROFILE"])
display(Image(data=base64.b64decode("{png}"), alt="一条曲线"))"""
SLIDER = """import matplotlib.pyplot as plt
from aigc_lib.interactive import explore
def bars(n):
    figure, axis = plt.subplots(figsize=(2, 1))
    axis.bar(range(n), range(n))
    return figure
explore(bars, {"n": ("几根", (1, 2, 3))}, stills=[{"n": 1}, {"n": 3}], alt="柱子")"""
ERROR = ".jp-OutputArea pre:has-text('Traceback (most recent call last)')"
# Done: so many cells carry a number, or one of them has failed.
DONE = """(cells) => {
  const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
  return prompts.filter((prompt) => /\\[\\d+\\]/.test(prompt.textContent)).length === cells
    || document.querySelector(".jp-OutputArea").closest(".jp-Notebook").innerText.includes("Traceback (most recent");
}"""


class Lab:
    """A JupyterLab server on a folder of notebooks, with every setting of its own in ``home``."""

    def __init__(self, notebooks: Path, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.notebooks = notebooks
        self.address = f"http://127.0.0.1:{port}"
        self.log = home / "server.log"
        (home / "config" / "labconfig").mkdir(parents=True)
        (home / "config" / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(SETTINGS), "utf-8")
        names = ("config", "runtime", "data")
        folders = {f"JUPYTER_{name.upper()}_DIR": str(home / name) for name in names}
        folders |= {f"JUPYTERLAB_{name.upper()}_DIR": str(home / name) for name in ("settings", "workspaces")}
        environment = os.environ | folders | {"IPYTHONDIR": str(home / "ipython"), "AIGC_PROFILE": "smoke"}
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
            "--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={notebooks}",
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = psutil.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when the server answers; fail with its log when it does not."""
        for _ in range(browsing.PATIENCE // 500):
            if self.process.poll() is not None:
                break
            try:
                return urllib.request.urlopen(f"{self.address}/api", timeout=5).close()
            except OSError:
                time.sleep(0.5)
        self.stop()
        pytest.fail(f"JupyterLab did not start:\n{self.log.read_text('utf-8')}")

    def stop(self) -> list[psutil.Process]:
        """Ask the server to end; returns what is still alive afterwards (and then kills it)."""
        if not self.process.is_running():
            return []
        family = [self.process, *self.process.children(recursive=True)]
        self.process.terminate()
        _, alive = psutil.wait_procs(family, timeout=browsing.PATIENCE / 2000)
        for process in alive:
            process.kill()
        return alive


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the notebooks and three tiny ones: a good, a bad and one with a slider."""
    folder = tmp_path_factory.mktemp("notebooks")
    for path in (miniature.REPOSITORY / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":  # what is seen afterwards must come from this run
                cell.outputs, cell.execution_count = [], None
                cell.metadata.pop("jupyter", None)  # a folded solution would show no number
        nbformat.write(notebook, folder / path.name)
    png = miniature.picture_output("曲线").data["image/png"].strip()
    sources = {"tiny": ["x = 1", DRAW.format(png=png)], "bad": ["1 / 0", DRAW.format(png=png)], "slider": [SLIDER]}
    for name, cells in sources.items():
        notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    server = Lab(folder, tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@contextmanager
def ran(browser, lab: Lab, name: str):
    """The page of a notebook after Run All Cells."""
    cells = nbformat.read(lab.notebooks / f"{name}.ipynb", as_version=4).cells
    written = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in cells)
    with browsing.new_page(browser, lab.address) as (page, _):
        page.goto(f"{lab.address}/lab/tree/{name}.ipynb?reset")
        page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for()
        page.get_by_text("| Idle").wait_for()  # the kernel is there; else JupyterLab asks which one
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(DONE, arg=written, timeout=3 * browsing.PATIENCE)
        yield page


def run_all(browser, lab: Lab, name: str) -> tuple[int, int, str]:
    """Run All Cells; returns the numbers of errors and of pictures shown, and the text output."""
    with ran(browser, lab, name) as page:
        errors = page.locator(ERROR).count()
        pictures = page.locator(".jp-OutputArea .jp-RenderedImage img")
        if not errors:
            pictures.first.scroll_into_view_if_needed()
            pictures.first.wait_for(state="visible")
        text = "\n".join(page.locator(".jp-OutputArea").all_inner_texts())
        return errors, pictures.count(), text


@pytest.mark.parametrize("name", ["tiny", "ch01_overview"])
def test_a_notebook_runs_in_jupyterlab(browser, lab, name):
    if name != "tiny" and not (miniature.REPOSITORY / "notebooks" / f"{name}.ipynb").exists():
        pytest.skip(f"{name} is not written yet")
    errors, pictures, text = run_all(browser, lab, name)
    assert errors == 0
    assert pictures > 0
    assert name != "tiny" or "profile: smoke" in text


def test_a_caption_typed_in_jupyterlab_is_drawn(browser, lab):
    with ran(browser, lab, "ch02_4_text_to_image") as page:
        box, canvas = page.locator(".widget-text input"), page.locator(".widget-output")
        paint = page.get_by_role("button", name="画", exact=True)
        box.fill("右下角有一只黑色的小短靴")
        paint.click()
        canvas.get_by_text("认识的词有").wait_for()
        assert canvas.locator("img").count() == 0
        box.fill("右下角有一只蓝色的小短靴")
        paint.click()
        canvas.locator("img").wait_for(state="visible")
        assert "Traceback" not in canvas.inner_text()


def test_films_typed_in_jupyterlab_get_a_list_and_an_unknown_one_gets_asked_back(browser, lab):
    with ran(browser, lab, "ch04_2_user_interaction") as page:
        box, screen = page.locator(".widget-textarea textarea"), page.locator(".widget-output")
        recommend = page.get_by_role("button", name="推荐", exact=True)
        box.fill("Toy Storyss")
        recommend.click()
        screen.get_by_text("没有找到“Toy Storyss”").wait_for()
        box.fill("Toy Story\nAladdin")
        page.locator(".widget-dropdown select").select_option("EASE")
        recommend.click()
        screen.get_by_text("没有找到").wait_for(state="detached")
        screen.get_by_text(" 1. ").wait_for()
        assert "Traceback" not in screen.inner_text()


def test_a_slider_is_moved_by_the_keyboard_and_draws_again(browser, lab):
    with ran(browser, lab, "slider") as page:
        handle, screen = page.locator(".noUi-handle"), page.locator(".widget-output")
        assert page.locator(".jp-RenderedImage img").count() == 1  # the stills
        handle.focus()
        handle.press("ArrowRight")
        screen.locator("img").wait_for(state="visible")
        first = screen.locator("img").get_attribute("src")
        handle.press("ArrowRight")
        page.wait_for_function("(old) => document.querySelector('.widget-output img')?.src !== old", arg=first)
        assert page.locator(".widget-readout").inner_text() == "3"


def test_an_error_in_a_notebook_is_seen(browser, lab):
    errors, pictures, text = run_all(browser, lab, "bad")
    assert (errors, pictures) == (1, 0)
    assert "ZeroDivisionError" in text


def test_server_and_kernels_end(browser, lab):
    run_all(browser, lab, "tiny")
    family = lab.process.children(recursive=True)
    assert family, "a kernel should be running now"
    assert lab.stop() == []
    assert not any(process.is_running() for process in family)
    with pytest.raises(OSError):
        urllib.request.urlopen(lab.address, timeout=5)
