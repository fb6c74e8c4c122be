"""The built site in headless Chromium, as a reader meets it."""

import re

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


def search(page, home: str, query: str) -> list[str]:
    """Type into the header's box and return the addresses of the pages found."""
    page.goto(home + "/index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type(query)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    page.wait_for_function("/找到/.test(document.querySelector('.pagefind-ui__message')?.textContent)")
    page.wait_for_load_state("networkidle")
    links = page.locator(".pagefind-ui__result-title a")
    return [links.nth(i).get_attribute("href") for i in range(links.count())]


@pytest.mark.parametrize("query", [miniature.PHRASE, "学会去噪", '"不会有这句话"'])
def test_search_finds_chinese_phrases(browser, mini_home, query):
    with browsing.new_page(browser, mini_home) as (page, troubles):
        found = search(page, mini_home, query)
    assert troubles == []
    assert any("ch01_tiny" in address for address in found) == (query in miniature.PHRASE)


def test_search_finds_a_phrase_of_a_real_chapter(browser, real_site):
    path = min((real_site / "chapters").glob("*.html"))
    article = path.read_text("utf-8").split("<article", 1)[1]
    phrase = max(re.findall(r"(?<=[>，。])[\u4e00-\u9fff]{6,12}(?=[，。])", article), key=len)
    with browsing.serve(real_site) as home, browsing.new_page(browser, home) as (page, _):
        assert any(path.name in address for address in search(page, home, f'"{phrase}"'))


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
        page.locator(".filters button").first.click()
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
