"""Slides from notebooks: every rule on a tiny notebook, and real decks in headless Chromium."""

import re

import nbformat
import pytest
import site_browsing as browsing
import site_miniature as miniature
from click.testing import CliRunner
from nbformat import v4

from aigc_lib.course import decks, npm, slide_blocks, slides
from aigc_lib.course.cli import main
from aigc_lib.course.manifest import CourseError, load_manifest, select

CHAPTERS = load_manifest()


def text(source: str, *tags: str) -> nbformat.NotebookNode:
    return v4.new_markdown_cell(source, metadata={"tags": list(tags)})


def printed(words: str) -> nbformat.NotebookNode:
    return v4.new_output("stream", name="stdout", text=words)


def measured(claim: str) -> nbformat.NotebookNode:
    values = {"id": claim, "claim": "甲能行。", "model": "甲", "baseline": "乙", "model_value": 1.0, "baseline_value": 2.0}
    return v4.new_output("display_data", data={slides.EVIDENCE_MIME: values, "text/plain": "表"})


def made(*cells, rows=()) -> list[slides.Slide]:
    return slides.deck(v4.new_notebook(cells=[text("# 1 小课\n\n为什么？"), *cells]), rows)


def shown(slide: slides.Slide) -> str:
    return slide_blocks.joined(slide.body)


def test_the_title_has_the_claims_but_no_verdict():
    row = miniature.ledger_row("甲能行。", "1", -1.0, 0.1, "支持", id="ch01.a")
    title, *_ = made(miniature.code("m()", [measured("ch01.a")]), rows=[row])
    assert (title.title, title.kind) == ("1 小课", "title") and "为什么？" in shown(title)
    assert "<li>甲能行。</li>" in shown(title) and "支持" not in shown(title).replace("站得住", "")
    alone, = made()
    assert "<li>" not in shown(alone)


def test_claims_that_do_not_fit_the_title_get_a_slide():
    names = [f"ch01.c{i}" for i in range(14)]
    rows = [miniature.ledger_row("很长的断言，" * 9, "1", -1.0, 0.1, "支持", id=name) for name in names]
    title, second, *_ = made(*(miniature.code("m()", [measured(name)]) for name in names), rows=rows)
    assert "<li>" not in shown(title) and second.title == "先猜一猜" and '<ol start="1">' in shown(second)


def test_each_heading_starts_a_slide_and_the_first_paragraph_is_shown():
    _, one, two = made(text("## 案例\n\n第一段。\n\n第二段。\n\n### 细节\n\n第三段。"))
    assert (one.title, one.part, two.title, two.part) == ("案例", "", "细节", "案例")
    assert "第一段" in shown(one) and "第二段" not in shown(one) and "第二段" in "".join(one.notes)
    assert "第三段" in shown(two) and two.notes == []


def test_a_paragraph_that_introduces_something_is_shown():
    _, slide = made(text("## 原理\n\n第一段。\n\n于是\n\n$$a=b$$\n\n要点：\n\n- 甲\n- 乙\n\n闲话。"))
    assert all(word in shown(slide) for word in ("于是", r"\[a=b\]", "要点", "甲", "乙")) and "闲话" not in shown(slide)
    assert shown(slide).count("<ul>") == 1


def test_of_a_long_paragraph_the_first_sentences_are_shown_and_all_is_said():
    sentence = "这一句话正好有二十个字，不多也不少，真的。"
    _, slide = made(text("## 案例\n\n" + sentence * 20))
    assert sentence in shown(slide) and slide_blocks.em(shown(slide)) < slide_blocks.LEAD + 10
    assert sentence * 20 in "".join(slide.notes)


def test_readable_code_is_shown_and_long_code_is_said():
    short, tall = "def f(x):\n    return x", "\n".join(f"a{i} = {i}" for i in range(slide_blocks.CODE_LINES + 1))
    wide = "x = '" + "字" * 60 + "'"
    for source, seen in ((short, True), (tall, False), (wide, False)):
        _, slide = made(text("## 代码\n\n看。"), miniature.code(source, [printed("3\n")]))
        assert ('<pre class="highlight">' in shown(slide)) == seen == (slide.notes == [])
        assert '<pre class="output">3</pre>' in shown(slide)


def test_outside_the_lesson_only_functions_are_shown():
    _, plain = made(text("## 结果\n\n看。"), miniature.code("x = fit()"))
    _, function = made(text("## 结果\n\n看。"), miniature.code("def fit():\n    return 1"))
    assert "<pre" not in shown(plain) and "fit" in "".join(plain.notes) and "<pre" in shown(function)


def test_plumbing_is_left_out():
    cells = [miniature.code("PROFILE = None", tags=("parameters",)), miniature.code('experiment = Experiment("a")'),
             miniature.code("c = experiment.claim(id='a')"), miniature.code("solution_1()", tags=("uses-solution",))]
    slide, = made(*cells)
    assert slide.notes == ["<p>为什么？</p>\n"]


def test_a_long_output_is_said():
    _, slide = made(text("## 结果\n\n看。"), miniature.code("go()", [printed("行\n" * 30)]))
    assert "行" not in shown(slide) and "行" in "".join(slide.notes)


def test_each_picture_has_its_slide_with_its_alt_and_its_code_in_the_notes():
    pictures = [miniature.picture_output("曲线 <a> 下降"), miniature.picture_output("动图", "image/gif")]
    _, words, one, two, after = made(text("## 结果\n\n" + "很长。" * 90), text("- 甲\n\n- 乙"), miniature.code("show()", pictures),
                                     text("然后。"))
    assert (words.kind, one.kind, two.kind, after.kind) == ("text", "picture", "picture", "text")
    assert 'alt="曲线 &lt;a&gt; 下降"' in shown(one) and "data:image/gif" in shown(two)
    assert "图里看到的</strong>：曲线 &lt;a&gt; 下降" in one.notes[0] and "show" in two.notes[-1]
    assert one.more and "然后" in shown(after)


def test_a_short_lead_comes_along_with_the_picture():
    _, slide = made(text("## 结果\n\n看图。"), miniature.code("show()", [miniature.picture_output("曲线")]))
    assert slide.kind == "picture" and shown(slide).index("看图") < shown(slide).index("<img")


def test_the_verdicts_are_those_of_the_ledger():
    row = miniature.ledger_row("甲能行。", "1", -0.0042, 0.0011, "支持", id="ch01.a")
    cells = [text("## 断言核查\n\n看。"), miniature.code("m()", [measured("ch01.a")]),
             miniature.code("m()", [measured("ch01.new")])]
    *_, slide = made(*cells, rows=[row])
    assert "✓ 支持" in shown(slide) and "-0.0042<br>[-0.0053, -0.0031]" in shown(slide)
    assert shown(slide).count("<tr>") == 3 and "<td>—</td>" in shown(slide)  # the new one has no verdict yet
    assert "表" not in shown(slide) + "".join(slide.notes)


def test_an_exercise_shows_the_task_and_keeps_the_answer_for_the_speaker():
    _, _, slide = made(
        text("## 案例\n\n看。"), text("## 练习\n\n### 练习 1\n\n写 `f`。\n\n返回一个数。"),
        miniature.code("def f(): ...", tags=("exercise",)), miniature.code("check_1()", tags=("exercise-check",)),
        text("<details><summary>提示</summary>\n\n想一想。\n\n</details>"),
        miniature.code("def solution_1(): ...", tags=("solution",)), text("用一用。", "uses-solution"))
    said = "".join(slide.notes)
    assert slide.title == "练习 1" and "写" in shown(slide) and "返回一个数" in shown(slide) and ">f<" in shown(slide)
    assert not re.search("想一想|check_1|solution_1|用一用", re.sub("<[^>]*>", "", shown(slide)))
    assert all(word in said for word in ("想一想", "check_1", "solution_1", "<details open>")) and "用一用" not in said


def test_what_stands_before_the_exercises_in_their_cell_is_shown():
    _, one, two, three = made(
        text("## 什么时候不该用\n\n不要。\n\n## 练习\n\n### 练习 1\n\n写。"), miniature.code("def f(): ...", tags=("exercise",)),
        miniature.code("check_1()", tags=("exercise-check",)), text("## 延伸阅读\n\n书。"))
    assert [slide.title for slide in (one, two, three)] == ["什么时候不该用", "练习 1", "延伸阅读"] and "不要" in shown(one)


def test_words_to_the_teacher_are_said():
    _, slide = made(text("## 案例\n\n看。"), text("> **教学提示**：停一停。", "instructor"))
    assert "停一停" not in shown(slide) and "停一停" in "".join(slide.notes)


def test_what_does_not_fit_goes_on_to_another_slide():
    items = "\n".join(f"- 第{i}条，" + "字" * 60 for i in range(12))
    table = "| 甲 | 乙 |\n|---|---|\n" + "| 一 | 二 |\n" * 30
    quote = "\n>\n".join("> " + "引" * 200 for _ in range(5))
    for source in (items, table, quote):
        _, *parts = made(text("## 数据\n\n" + source))
        assert len(parts) > 1 and all(part.used <= slide_blocks.ROOM for part in parts)
        assert [part.more for part in parts] == [False, *[True] * (len(parts) - 1)]
    rows = [len(re.findall("<tr>", shown(part))) for part in made(text("## 数据\n\n" + table))[1:]]
    assert max(rows) - min(rows) <= 3  # shared out, not one row alone at the end


def test_few_things_are_shown_large():
    look = [made(text("## 案例\n\n" + words))[1].look for words in ("短。", "- 甲\n- 乙", "- " + "长" * 300 + "\n- " + "长" * 90)]
    assert look == ["text statement", "text large", "text"]
    wide = made(text("## 代码\n\n看。"), miniature.code("x = '" + "a" * slides.LARGE_COLUMNS + "'"))[1]
    assert wide.look == "text"


def test_links_lead_to_decks_that_are_there():
    page = '<a href="a.ipynb#x">甲</a><a href="b.ipynb">乙</a><a href="../data/card.md">卡</a><a href="https://c.org">丙</a>'
    assert decks.linked(page, {"a"}) == '<a href="a.html">甲</a>乙卡<a href="https://c.org">丙</a>'


def test_every_chapter_has_its_headings_pictures_and_exercises_on_slides():
    for chapter in CHAPTERS:
        nb = nbformat.read(chapter.path, as_version=4)
        found = slides.deck(nb)
        titles = {slide.part or slide.title for slide in found}
        headings = set(re.findall(r"(?m)^## (.+)$", "\n".join(c.source for c in nb.cells if c.cell_type == "markdown")))
        assert headings - {"练习"} <= titles, chapter.name
        assert sum(slide.kind == "exercise" and not slide.more for slide in found) >= 3
        assert all(slide.used <= slide_blocks.ROOM for slide in found if slide.kind == "text" and len(slide.body) > 1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Three real decks as ``aigc slides`` writes them."""
    out = tmp_path_factory.mktemp("slides")
    done = CliRunner().invoke(main, ["slides", "2.1", "ch02_4_text", "7.3", "--out", str(out)])
    if done.exit_code and "npm" in done.output:
        pytest.skip(done.output)
    assert done.exit_code == 0, done.output
    return out


def test_the_command_writes_what_opens_without_a_network(folder):
    assert sorted(path.name for path in folder.glob("*.html")) == [
        "ch02_1_autoencoder.html", "ch02_4_text_to_image.html", "ch07_3_equipment_maintenance.html"]
    assert {path.name for path in (folder / "lib").iterdir()} >= {*decks.REVEAL_FILES, "slides.css", "tex-svg-full.js"}


def test_somebodys_own_page_is_not_overwritten(folder, tmp_path):
    chapter, = select(CHAPTERS, ["7.3"])
    (tmp_path / f"{chapter.name}.html").write_text("mine", "utf-8")
    with pytest.raises(CourseError, match="不会覆盖"):
        decks.write_decks([chapter], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{chapter.name}.html"]
    decks.write_decks([chapter], folder)  # its own may


def test_without_npm_the_site_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(npm.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    monkeypatch.setattr(npm.shutil, "which", lambda _: None)
    assert "取不到 reveal.js" in decks.stage_slides(CHAPTERS, tmp_path / "extra")
    assert not (tmp_path / "extra").exists()


# Boxes that stick out of the slide, pictures that cannot be seen, on every slide in turn.
FAULTS = """() => {
  const found = [], frame = document.querySelector(".slides").getBoundingClientRect();
  Reveal.getSlides().forEach((slide, i) => {
    Reveal.slide(i);
    const fault = (text) => found.push(`${i + 1} ${slide.querySelector("h1, h2").textContent.trim()}: ${text}`);
    for (const box of slide.querySelectorAll("h1, h2, .body, .body *")) {
      if (box.closest("mjx-container") && box.tagName !== "svg") continue;
      const place = box.getBoundingClientRect();
      const out = place.width && (place.right > frame.right + 1 || place.bottom > frame.bottom - 20 || place.top < frame.top);
      if (out || box.tagName === "PRE" && box.scrollWidth > box.clientWidth + 2) {
        fault(`${box.tagName} to ${Math.round(place.right)}, ${Math.round(place.bottom)}`);
        break;
      }
    }
    for (const picture of slide.querySelectorAll("img")) {
      if (!picture.alt.trim()) fault("picture without alt text");
      if (!picture.naturalWidth || picture.getBoundingClientRect().height < 250) fault("picture cannot be seen");
    }
    if (slide.querySelector("[data-mml-node=merror]")) fault("formula");
  });
  return found;
}"""
SCREEN = {"width": 1280, "height": 720}


def opened(page, address: str) -> None:
    page.goto(address)
    page.wait_for_function("document.documentElement.dataset.ready")


@pytest.mark.browser
@pytest.mark.parametrize("served", [True, False], ids=["server", "file"])
def test_real_decks_fit_the_screen_and_need_nothing_from_elsewhere(browser, folder, served):
    with browsing.serve(folder) as address:
        home = address if served else folder.as_uri()
        with browsing.new_page(browser, home, viewport=SCREEN) as (page, troubles):
            for path in sorted(folder.glob("*.html")):
                opened(page, f"{home}/{path.name}")
                assert page.evaluate("Reveal.getScale()") == 1 and page.evaluate("Reveal.getTotalSlides()") > 20
                troubles += [f"{path.stem}: {fault}" for fault in page.evaluate(FAULTS)]
                assert page.locator("mjx-container svg").count() > 5 or "text" in path.stem
    assert troubles == []


@pytest.mark.browser
def test_every_deck_of_the_site_fits_the_screen(browser, real_site):
    if not (real_site / "slides").exists():
        pytest.skip("this site was built without slides: npm could not bring reveal.js")
    with browsing.serve(real_site) as home, browsing.new_page(browser, home, viewport=SCREEN) as (page, troubles):
        found = sorted((real_site / "slides").glob("*.html"))
        for path in found:
            opened(page, f"{home}/slides/{path.name}")
            troubles += [f"{path.stem}: {fault}" for fault in page.evaluate(FAULTS)]
    assert troubles == [] and len(found) == len(CHAPTERS)


BAD = """<style>body {{ margin: 0 }} section {{ position: absolute; top: 0; width: 100% }}</style>
<div class="slides" style="width: 1280px; height: 720px"><section><h2>高</h2><div class="body">
<p style="height: 800px">一</p></div></section><section><h2>宽</h2><div class="body"><pre style="overflow: hidden">{wide}</pre>
</div></section><section><h2>图</h2><div class="body"><img alt="" src="data:,"></div></section></div>
<script>Reveal = {{getSlides: () => [...document.querySelectorAll("section")], slide() {{}}}}</script>"""


@pytest.mark.browser
def test_the_check_sees_a_bad_deck(browser, tmp_path):
    (tmp_path / "bad.html").write_text(BAD.format(wide="宽" * 200), "utf-8")
    with browsing.new_page(browser, tmp_path.as_uri(), viewport=SCREEN) as (page, _):
        page.goto((tmp_path / "bad.html").as_uri())
        found = "\n".join(page.evaluate(FAULTS))
    assert all(words in found for words in ("1 高: ", "2 宽: PRE", "without alt", "cannot be seen"))


@pytest.mark.browser
def test_keys_move_and_the_speaker_has_notes(browser, folder):
    home = folder.as_uri()
    with browsing.new_page(browser, home, viewport=SCREEN) as (page, troubles):
        opened(page, f"{home}/ch02_1_autoencoder.html")
        for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", None), ("Home", 0)):
            page.keyboard.press(key)
            wanted = page.evaluate("Reveal.getTotalSlides() - 1") if place is None else place
            assert page.evaluate("Reveal.getIndices().h") == wanted
        assert page.locator(".present h1").is_visible() and not page.locator(".present .notes").is_visible()
        with page.context.expect_page() as speaker:
            page.keyboard.press("s")
        window = speaker.value
        window.locator(".speaker-controls-notes .value", has_text="一张 28×28 的图有 784 个数").wait_for()
    assert troubles == []
