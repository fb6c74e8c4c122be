"""The live demos: in headless Chromium against PyTorch, their weight, and what they say when something is missing."""

import re
import shutil
from contextlib import contextmanager

import pytest
import site_browsing as browsing
import torch

from aigc_lib.course import demo_models
from aigc_lib.scenes import understand

pytestmark = pytest.mark.browser
pytest.importorskip("onnx", reason="onnx is not installed (extra: dev)")

CLOSE = 1e-4  # of values in [-1, 1]; both compute in float32, in another order
FAR = 1e-2


@pytest.fixture(scope="module")
def demo_site(mini_site):
    """The miniature's site; it has demos where npm could bring their runtime."""
    if not (mini_site / "demos").exists():
        pytest.skip("this site was built without demos: npm could not bring ONNX Runtime Web")
    return mini_site


@contextmanager
def opened(browser, site, **context):
    """The page of demos, from a plain server and below a subfolder; its troubles."""
    with browsing.serve(site.parent) as home, browsing.new_page(browser, home, **context) as (page, troubles):
        page.goto(f"{home}/{site.name}/demos.html")
        page.wait_for_load_state("networkidle")
        yield page, troubles


def start(page, name: str) -> None:
    page.locator(f"#demo-{name} .load").click()
    page.locator(f"#demo-{name}[data-ready]").wait_for()


def values(page, canvas: str) -> torch.Tensor:
    """What the model said for a canvas, flat."""
    return torch.tensor(page.evaluate("(canvas) => Array.from(document.querySelector(canvas).values)", canvas))


def noise(page, seed: int, *shape: int) -> torch.Tensor:
    drawn = page.evaluate("([seed, n]) => Array.from(demoNoise(seed, n))", [seed, torch.Size(shape).numel()])
    return torch.tensor(drawn).view(shape)


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    """The greatest difference."""
    return (a.flatten() - b.flatten()).abs().max().item()


def push(page, slider: str, value: float) -> None:
    """Set a range input as a drag does."""
    page.locator(slider).evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')) }", value)


def test_the_noise_is_normal_and_hangs_on_the_seed(browser, demo_site):
    with opened(browser, demo_site) as (page, _):
        drawn = noise(page, 1, 20_000)
        assert abs(drawn.mean()) < 0.03 and abs(drawn.std() - 1) < 0.03 and abs((drawn.abs() < 1).float().mean() - 0.683) < 0.02
        assert abs((drawn[1:] * drawn[:-1]).mean()) < 0.03
        assert torch.equal(drawn, noise(page, 1, 20_000)) and apart(drawn, noise(page, 2, 20_000)) > 1


def test_the_vae_draws_what_pytorch_draws(browser, demo_site):
    vae = demo_models.load("vae")
    with opened(browser, demo_site) as (page, troubles), torch.no_grad():
        start(page, "vae")
        sliders = page.locator("#demo-vae input[type=range]")
        sliders.nth(0).focus()
        for _ in range(20):
            page.keyboard.press("ArrowRight")
        page.locator("#demo-vae .point", has_text="z =（1.00，0.00）").wait_for()
        shown = values(page, "#demo-vae .picture")
        assert apart(shown, vae.decode(torch.tensor([[1.0, 0.0]]))) < CLOSE
        assert apart(shown, vae.decode(torch.tensor([[1.2, 0.0]]))) > FAR
        assert "（1.00，0.00）" in page.locator("#demo-vae .picture").get_attribute("aria-label")
        middles = (torch.arange(15) + 0.5) / 15 * 5 - 2.5
        grid = torch.cartesian_prod(-middles, middles).flip(1)  # rows from the top
        tiles = vae.decode(grid).view(15, 15, 28, 28).permute(0, 2, 1, 3)
        assert apart(values(page, "#demo-vae .map"), tiles) < CLOSE
        side = page.locator("#demo-vae .map").bounding_box()["width"]
        page.locator("#demo-vae .map").click(position={"x": side / 4, "y": side / 4})
        page.locator("#demo-vae .point", has_text="z =（−1.25，1.25）").wait_for()
        page.locator("#demo-vae .draw").click()
        page.locator("#demo-vae .point", has_not_text="z =（−1.25，1.25）").wait_for()
    assert troubles == []


def test_diffusion_walks_as_pytorch_walks(browser, demo_site):
    model = demo_models.load("diffusion")
    with opened(browser, demo_site) as (page, troubles):
        start(page, "diffusion")
        box = page.locator("#demo-diffusion")
        box.get_by_label("类别").select_option(index=1)
        box.get_by_label("种子").fill("7")
        push(page, "#demo-diffusion .guidance", 3)
        first = noise(page, 7, 1, 1, 28, 28)
        page.wait_for_function("(v) => document.querySelector('#demo-diffusion .now').values[0] === v", arg=first.flatten()[0].item())
        walk = list(model.trajectory(1, 20, torch.tensor([1]), 3.0, start=first))
        moves = [("走一步", 1), ("走一步", 2), ("退一步", 1), ("走到底", 20), ("退一步", 19), ("从头再来", 0)]
        for button, step in moves:
            box.get_by_role("button", name=button).click()
            box.locator(".step", has_text=f"第 {step} 步").wait_for()
            assert apart(values(page, "#demo-diffusion .now"), walk[step]) < CLOSE, (button, step)
            t = torch.tensor([1 - step / 20])
            with torch.no_grad():
                guess, _ = model.denoise(walk[step], t, torch.tensor([1]), 3.0)
            assert apart(values(page, "#demo-diffusion .guess"), guess) < CLOSE, (button, step)
        assert box.get_by_role("button", name="退一步").is_disabled()
        *_, other = model.trajectory(1, 20, torch.tensor([1]), 1.0, start=first)
        assert apart(walk[20], other) > FAR  # the comparison would notice another guidance
    assert troubles == []


def test_a_caption_is_painted_as_pytorch_paints_it(browser, demo_site):
    model = demo_models.load("caption")
    text = "右下角有一只蓝色的小运动鞋"
    with opened(browser, demo_site) as (page, troubles):
        start(page, "caption")
        box = page.locator("#demo-caption")
        box.get_by_label("种子").fill("5")
        box.get_by_label("一句话").fill(text)
        page.keyboard.press("Enter")
        box.locator(".answer", has_text=text).wait_for()
        shown, first = values(page, "#demo-caption .picture"), noise(page, 5, 1, 3, 28, 28)
        for said, near in ((text, True), ("左上角有一只红色的大运动鞋", False)):
            tokens = demo_models.tokenizer().encode(said, demo_models.longest())[None]
            *_, painted = model.trajectory(1, 10, tokens, 3.0, start=first)
            assert apart(shown, painted) < CLOSE if near else apart(shown, painted) > FAR
        assert text in box.locator(".picture").get_attribute("aria-label")
    assert troubles == []


@pytest.mark.parametrize("text", ["左上角有一顶红色的大帽子", "红色的包", "正中间有一件红色的绿色的大T恤", "", "abc"])
def test_a_caption_is_refused_in_the_words_of_the_library(browser, demo_site, text):
    with pytest.raises(ValueError) as refused:
        understand(text)
    with opened(browser, demo_site) as (page, _):
        start(page, "caption")
        page.locator("#demo-caption .text").fill(text)
        page.locator("#demo-caption .paint").click()
        page.locator("#demo-caption .answer", has_text="认识的词有").wait_for()
        assert page.locator("#demo-caption .answer").inner_text() == str(refused.value)


def test_the_weight_is_what_is_transferred(browser, demo_site):
    with opened(browser, demo_site) as (page, troubles):
        loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert not any(re.search(r"\.(onnx|bin)$|/ort\.js$", address) for address in loaded) and len(loaded) > 3
        requests = []
        page.on("requestfinished", lambda request: "favicon" in request.url or requests.append(request))
        for name in ("vae", "caption", "diffusion"):
            said = page.locator(f"#demo-{name} .weight").inner_text()
            promised = int(re.search(r"（([\d,]+) 字节）", said).group(1).replace(",", ""))
            assert requests == [] and f"{promised / 1e6:.1f} MB" in said
            start(page, name)
            assert sum(request.sizes()["responseBodySize"] for request in requests) == promised
            assert promised < 5e6
            requests.clear()
    assert troubles == []


def test_demos_fit_a_phone(browser, demo_site):
    with opened(browser, demo_site, viewport=browsing.PHONE, has_touch=True) as (page, troubles):
        for name in demo_models.RECIPES:
            start(page, name)
        assert page.evaluate(browsing.FAULTS) == []
        page.locator("#demo-vae .map").tap(position={"x": 10, "y": 10})
        page.locator("#demo-vae .point", has_text="z =（−").wait_for()
    assert troubles == []


@pytest.mark.parametrize("file", ["vae.onnx", "ort-wasm.bin"])
def test_a_missing_file_is_reported_and_can_be_tried_again(browser, demo_site, tmp_path, file):
    site = shutil.copytree(demo_site, tmp_path / "site")
    (site / "demos" / file).rename(site / "away")
    with opened(browser, site) as (page, troubles):
        page.locator("#demo-vae .load").click()
        page.locator("#demo-vae .status", has_text=f"取不到 demos/{file}：服务器说 404。").wait_for()
        assert any("404" in trouble for trouble in troubles)
        (site / "away").rename(site / "demos" / file)
        start(page, "vae")


@pytest.mark.parametrize("missing", ["WebAssembly", "DecompressionStream"])
def test_an_old_browser_is_told_so(browser, demo_site, missing):
    with opened(browser, demo_site) as (page, _):
        page.evaluate(f"delete window.{missing}")
        page.locator("#demo-vae .load").click()
        page.locator("#demo-vae .status", has_text="这个浏览器太旧").wait_for()


def test_a_page_opened_from_disk_says_what_to_do(browser, demo_site):
    with browsing.new_page(browser, demo_site.as_uri()) as (page, _):
        page.goto((demo_site / "demos.html").as_uri())
        page.locator("#demo-vae .load").click()
        page.locator("#demo-vae .status", has_text="python -m http.server").wait_for()
