"""The site for everybody: screen readers, keyboards, weak eyes, phones."""

import pytest
import site_browsing as browsing
import site_links as links
import site_reach as reach

pytestmark = pytest.mark.browser

BAD_PAGE = """<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>坏</title>
<style>:focus { outline: 3px solid }</style></head><body><main><h1>坏页</h1>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><button></button><input>
<p style="color: #aaa; background: #fff">看不清</p><p style="font-size: 11px">太小</p>
<div style="overflow: auto; width: 90px; height: 40px"><p style="width: 900px">滚不到</p></div>
<button style="font-size: 16px; outline: none !important; box-shadow: none">看不见焦点</button></main></body></html>"""

# A box of fixed height whose words grow beyond it, as they do when a font comes after the page was laid out.
LATE_FONT = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const box = Object.assign(document.createElement("div"), {style: "overflow: auto; width: 90px; height: 40px"});
  box.innerHTML = "<p style='width: 50px'>字</p>";
  document.querySelector(".bd-article").append(box);
  await frame();
  const before = box.tabIndex;
  box.firstChild.style.width = "900px";
  const address = [...document.styleSheets].find(({href}) => href?.includes("course.css")).href;
  const late = new FontFace("Late", `url(${new URL("AIGCSansSC-Regular.otf", address)})`);
  document.fonts.add(late);
  await late.load();
  await document.fonts.ready;
  await frame();
  return [before, box.tabIndex];
}"""


@pytest.mark.parametrize(("viewport", "scheme"), [(browsing.DESKTOP, "dark"), (browsing.PHONE, "light")],
                         ids=["desktop-dark", "phone-light"])
def test_no_page_breaks_a_rule_of_axe(browser, any_site, viewport, scheme):
    look = {"viewport": viewport, "color_scheme": scheme}
    with browsing.serve(any_site) as home, browsing.new_page(browser, home, **look) as (page, _):
        broken = []
        for path in links.pages(any_site):
            browsing.audit(page, f"{home}/{path.relative_to(any_site)}")
            page.evaluate("document.querySelectorAll('details').forEach((fold) => fold.open = true)")
            broken += reach.broken_rules(page)
            broken += reach.small_letters(page) if viewport is browsing.PHONE else []
    assert broken == []


@pytest.mark.parametrize(("viewport", "scheme"), [(browsing.DESKTOP, "light"), (browsing.PHONE, "dark")],
                         ids=["desktop-light", "phone-dark"])
def test_the_other_theme_breaks_none_either(browser, mini_home, mini_site, viewport, scheme):
    with browsing.new_page(browser, mini_home, viewport=viewport, color_scheme=scheme) as (page, _):
        broken = []
        for path in links.pages(mini_site):
            browsing.audit(page, f"{mini_home}/{path.relative_to(mini_site)}")
            broken += reach.broken_rules(page)
    assert broken == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_button_back_to_the_top_can_be_read(browser, mini_home, scheme):
    with browsing.new_page(browser, mini_home, viewport=browsing.PHONE, color_scheme=scheme) as (page, _):
        browsing.audit(page, mini_home + "/chapters/ch01_tiny.html")
        button = page.get_by_role("button", name="回到顶部")
        for distance in (2000, -200):  # it shows to whoever turns round
            before = page.evaluate("scrollY")
            page.mouse.wheel(0, distance)
            page.wait_for_function("before => scrollY !== before", arg=before)
        button.wait_for(state="visible")
        assert reach.broken_rules(page) == []
        assert reach.small_letters(page) == []


def test_the_checks_see_a_bad_page(browser, tmp_path):
    (tmp_path / "index.html").write_text(BAD_PAGE, "utf-8")
    with browsing.serve(tmp_path) as home, browsing.new_page(browser, home) as (page, _):
        page.goto(home + "/index.html")
        broken = "\n".join(reach.broken_rules(page))
        for rule in ("image-alt", "button-name", "label", "color-contrast"):
            assert rule in broken
        assert len(reach.small_letters(page)) == 1 and "太小" in reach.small_letters(page)[0]
        assert [stop["text"] for stop in reach.tab_stops(page) if not stop["seen"]] == ["看不见焦点"]


@pytest.mark.parametrize(("name", "wanted"), [
    ("index", {"支持"}), ("scoreboard", {"不支持", "部分", "差值与 95 % 区间", "断言核查"}), ("errata", {"1 概述"}),
    ("demos", {"载入演示"}), ("chapters/ch01_tiny", {"看参考答案", "提示", "下载此页面", "第0列数据"}),
])
@pytest.mark.parametrize("viewport", [browsing.DESKTOP, browsing.PHONE], ids=["desktop", "phone"])
def test_the_tab_key_reaches_everything_and_shows_where_it_is(browser, mini_home, name, wanted, viewport):
    with browsing.new_page(browser, mini_home, viewport=viewport) as (page, _):
        browsing.audit(page, f"{mini_home}/{name}.html")
        stops = reach.tab_stops(page)
        assert [stop for stop in stops if not stop["seen"]] == []
        texts = [stop["text"] for stop in stops]
        assert texts[0] == "跳转至主要内容"
        missed = {text for text in wanted | {"搜索全站", "亮色或暗色"} if not any(text in said for said in texts)}
        assert missed - phone_only(missed, viewport) == set()


def phone_only(missed: set[str], viewport: dict) -> set[str]:
    """What may be out of the Tab key's way: table heads that a phone does without, a table that fits a desktop."""
    return missed & ({"差值与 95 % 区间"} if viewport is browsing.PHONE else {"第0列数据"})


def test_the_keyboard_skips_opens_and_finds(browser, mini_home):
    with browsing.new_page(browser, mini_home) as (page, _):
        browsing.audit(page, mini_home + "/chapters/ch01_tiny.html")
        page.keyboard.press("Tab")
        link = page.locator("#pst-skip-link a")
        page.wait_for_function("document.activeElement.getBoundingClientRect().top >= 0")  # it slides in
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null") and link.count() == 1
        fold = page.locator("details.hide summary")
        fold.focus()
        page.keyboard.press("Enter")
        page.locator("details.hide .highlight").first.wait_for(state="visible")
        page.keyboard.press("Control+k")
        page.keyboard.type("没有这回事")
        page.keyboard.press("Enter")
        page.locator("#course-results p", has_text="没有找到").wait_for()
        assert reach.broken_rules(page) == []


def test_a_phones_menu_opens_and_closes_by_keyboard(browser, mini_home):
    with browsing.new_page(browser, mini_home, viewport=browsing.PHONE) as (page, _):
        browsing.audit(page, mini_home + "/index.html")
        page.get_by_role("button", name="课程目录").focus()
        page.keyboard.press("Enter")
        entry = page.locator("dialog a", has_text="2.1 小模型")
        entry.wait_for(state="visible")
        assert reach.broken_rules(page) == []
        page.keyboard.press("Escape")
        entry.wait_for(state="hidden")
        page.get_by_role("button", name="亮色或暗色").focus()
        page.keyboard.press("Enter")
        page.locator(".theme-change-button[data-mode=dark]").wait_for(state="visible")
        assert reach.broken_rules(page) == []


def test_what_a_late_font_widens_can_be_reached(browser, mini_home):
    with browsing.new_page(browser, mini_home, viewport=browsing.PHONE) as (page, _):
        browsing.audit(page, mini_home + "/chapters/ch01_tiny.html")
        assert page.evaluate(LATE_FONT) == [-1, 0]


def test_moving_pictures_stop(browser, mini_home):
    address = mini_home + "/chapters/ch01_tiny.html"
    for asked, words in (("no-preference", ["停住动图", "播放动图"]), ("reduce", ["播放动图", "停住动图"])):
        with browsing.new_page(browser, mini_home, reduced_motion=asked) as (page, _):
            browsing.audit(page, address)
            for word in words:
                still = page.get_by_role("img", name="动图：噪声变成衣服")
                assert still.evaluate("(picture) => picture.tagName") == ("IMG" if word == "停住动图" else "CANVAS")
                page.get_by_role("button", name=word).press("Enter")


def test_wide_things_scroll_in_themselves_and_by_keyboard(browser, mini_home):
    with browsing.new_page(browser, mini_home, viewport=browsing.PHONE) as (page, _):
        browsing.audit(page, mini_home + "/chapters/ch01_tiny.html")
        box = page.locator("[tabindex='0']", has=page.locator("table", has_text="第11列数据")).last
        box.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.activeElement.scrollLeft > 0")
        assert page.evaluate("document.documentElement.scrollLeft") == 0


def test_demos_that_run_break_no_rule(browser, mini_home, mini_site):
    if not (mini_site / "demos").exists():
        pytest.skip("this site was built without demos: npm could not bring ONNX Runtime Web")
    with browsing.new_page(browser, mini_home, viewport=browsing.PHONE) as (page, _):
        browsing.audit(page, mini_home + "/demos.html")
        for button in page.locator(".demo .load").all():
            button.click()
        for demo in page.locator(".demo").all():
            demo.locator("xpath=self::*[@data-ready]").wait_for()
        assert reach.broken_rules(page) == []
        assert reach.small_letters(page) == []
        assert [stop for stop in reach.tab_stops(page) if not stop["seen"]] == []
