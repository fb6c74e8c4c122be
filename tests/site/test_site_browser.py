"""The built site in headless Chromium, as a reader meets it."""

import re
from urllib.parse import quote

import pytest
import site_browsing as browsing
import site_links as links
import site_miniature as miniature

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("viewport", [browsing.DESKTOP, browsing.PHONE], ids=["desktop", "phone"])
def test_every_page_opens_cleanly(browser, any_site, viewport):
    with browsing.serve(any_site) as home, browsing.new_page(browser, home, viewport=viewport) as (page, troubles):
        for path in links.pages(any_site):
            troubles += browsing.audit(page, f"{home}/{path.relative_to(any_site)}")
    assert troubles == []


BAD_PAGE = """<!DOCTYPE html><html><body>
<img src="gone.png" alt="a"><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" alt="">
<script src="http://cdn.example.invalid/x.js"></script><script>undefinedFunction()</script>
<div style="width: 2000px">wide</div><span data-mml-node="merror">\\nosuch</span>
</body></html>"""


def test_the_audit_sees_every_kind_of_fault(browser, tmp_path):
    (tmp_path / "index.html").write_text(BAD_PAGE, "utf-8")
    with browsing.serve(tmp_path) as home, browsing.new_page(browser, home, viewport=browsing.PHONE) as (page, troubles):
        found = "\n".join([*browsing.audit(page, home + "/index.html"), *troubles])
    for sign in ("did not load", "without alt", "formula", "px wide", "404", "external", "script:", "console:"):
        assert sign in found


def test_mathematics_is_drawn(browser, mini_home):
    with browsing.new_page(browser, mini_home) as (page, _):
        browsing.audit(page, mini_home + "/chapters/ch01_tiny.html")
        assert page.locator("mjx-container svg").count() == 2


def test_a_machine_without_chinese_fonts_gets_ours(browser, mini_home):
    with browsing.new_page(browser, mini_home) as (page, _):
        page.goto(mini_home + "/chapters/ch01_tiny.html")
        assert "AIGC Sans SC" in page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily")
        loaded = "(text) => document.fonts.load('16px \"AIGC Sans SC\"', text).then(faces => faces.map(f => f.status))"
        assert page.evaluate(loaded, "课程") == ["loaded"]


def search(page, home: str, query: str) -> list[str]:
    """Type into the header's box and return the addresses of the pages found."""
    page.goto(home + "/index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type(query)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    page.locator("#course-results p").first.wait_for()
    links = page.locator("#course-results :is(h2, h3) a")
    return [links.nth(i).get_attribute("href") for i in range(links.count())]


@pytest.mark.parametrize(("query", "expected"), [
    (miniature.PHRASE, "chapters/ch01_tiny.html"),
    ("形状 噪声", "chapters/ch01_tiny.html"),
    ("SOLUTION_1", "chapters/ch01_tiny.html#练习-1"),
    ("漏掉任何一个类别", "scoreboard.html"),
])
def test_search_finds_phrases(browser, mini_home, query, expected):
    with browsing.new_page(browser, mini_home) as (page, troubles):
        assert expected in search(page, mini_home, query)
        assert page.locator("#course-results mark").count()
        page.locator(f"#course-results a[href='{expected}']").first.click()
        page.wait_for_url(f"**/{quote(expected, safe='/#')}")
    assert troubles == []


def test_search_says_when_there_is_nothing_and_follows_typing(browser, mini_home):
    with browsing.new_page(browser, mini_home) as (page, _):
        assert search(page, mini_home, "不会有这句话<b>") == []
        assert "没有找到" in page.locator("#course-results").inner_text()
        page.locator("#course-search").fill(miniature.PHRASE)
        page.locator("#course-results mark").first.wait_for()


def test_search_works_without_a_server(browser, mini_site):
    home = mini_site.as_uri()
    with browsing.new_page(browser, home) as (page, troubles):
        assert "chapters/ch01_tiny.html" in search(page, home, miniature.PHRASE)
    assert troubles == []


def test_search_finds_phrases_of_every_real_chapter(browser, real_site):
    with browsing.serve(real_site) as home, browsing.new_page(browser, home) as (page, _):
        page.goto(home + "/search.html")
        for path in (real_site / "chapters").glob("*.html"):
            article = path.read_text("utf-8").split("<article", 1)[1].split("</article>", 1)[0]
            phrases = re.findall(r"[\u4e00-\u9fff]{5,12}", " ".join(re.findall(r">([^<>]+)<", article)))
            assert len(phrases) > 20
            missed = page.evaluate(
                "([phrases, name]) => phrases.filter((p) => !find([p]).some((page) => page.address === name))",
                [phrases, f"chapters/{path.name}"],
            )
            assert missed == []


def test_dark_mode_keeps_pictures_on_white(browser, mini_home):
    background = "getComputedStyle({}).backgroundColor"
    with browsing.new_page(browser, mini_home) as (page, _):
        page.goto(mini_home + "/chapters/ch01_tiny.html")
        light = page.evaluate(background.format("document.body"))
        page.locator(".theme-switch-button").click()
        page.locator(".theme-change-button[data-mode=dark]").click()
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        page.wait_for_function(f"{background.format('document.body')} !== '{light}'")
        assert page.evaluate(background.format("document.querySelector('article img')")) == "rgb(255, 255, 255)"
        page.goto(mini_home + "/index.html")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_scoreboard_filters_and_sorts(browser, mini_home):
    with browsing.new_page(browser, mini_home) as (page, troubles):
        page.goto(mini_home + "/scoreboard.html")
        rows = page.locator("table.scoreboard tbody tr:visible")
        assert rows.count() == 4
        page.locator(".filters button[data-kind=不支持]").click()
        assert rows.count() == 1 and "乙" in rows.first.inner_text()
        page.get_by_label("部分").select_option("第一部分 基础")
        assert rows.count() == 0 and "换一个条件" in page.locator("#shown").inner_text()
        page.locator(".filters button").first.click()
        assert rows.count() == 1 and "甲" in rows.first.inner_text()
        page.get_by_label("部分").select_option("全部")
        page.get_by_label("模型").select_option("几种一起")
        assert rows.count() == 4
        page.locator("th button[data-key=effect]").click()
        assert [rows.nth(i).inner_text()[0] for i in range(4)] == list("乙丙甲丁")
        page.locator("th button[data-key=effect]").click()
        assert [rows.nth(i).inner_text()[0] for i in range(4)] == list("丁甲丙乙")
        page.goto(mini_home + "/scoreboard.html?verdict=支持")
        assert rows.count() == 1
    assert troubles == []


def test_a_solution_opens_on_click(browser, mini_home):
    with browsing.new_page(browser, mini_home) as (page, _):
        page.goto(mini_home + "/chapters/ch01_tiny.html")
        assert not page.locator("details.hide .highlight").first.is_visible()
        page.locator("details.hide summary").click()
        page.locator("details.hide .highlight").first.wait_for(state="visible")
