"""The built site as files: what is on the pages, which links hold, what a bad course does."""

import json
import re
import shutil
import sys

import nbformat
import pytest
import site_links as links
import site_miniature as miniature
from nbformat import v4

from aigc_lib import paths
from aigc_lib.course import search_index
from aigc_lib.course import site as builder
from aigc_lib.course.manifest import CourseError


def chapter(site) -> str:
    return (site / "chapters" / "ch01_tiny.html").read_text("utf-8")


def test_every_link_inside_the_site_resolves(any_site):
    assert links.broken_links(any_site) == []


def test_nothing_comes_from_elsewhere(any_site):
    assert links.external_resources(any_site) == []


def test_the_link_checker_rejects_bad_links(tmp_path):
    (tmp_path / "good.html").write_text('<p id="here"><a href="good.html#here">a</a><a href="#here">b</a>', "utf-8")
    assert links.broken_links(tmp_path) == []
    (tmp_path / "bad.html").write_text('<a href="gone.html">a</a><img src="x.png"><a href="good.html#gone">b</a>', "utf-8")
    assert len(links.broken_links(tmp_path)) == 3
    (tmp_path / "bad.html").write_text('<a href="../secret.html">a</a>', "utf-8")
    (tmp_path.parent / "secret.html").write_text("outside the site", "utf-8")
    assert len(links.broken_links(tmp_path)) == 1


@pytest.mark.parametrize("html", [
    '<script src="https://cdn.example/a.js"></script>',
    '<link rel="stylesheet" href="//cdn.example/a.css">',
    '<img src="http://cdn.example/a.png">',
    "<style>@import 'https://cdn.example/font.css';</style>",
    '<p style="background: url(https://cdn.example/a.png)">',
])
def test_the_resource_checker_rejects_foreign_resources(tmp_path, html):
    (tmp_path / "bad.html").write_text(html, "utf-8")
    assert len(links.external_resources(tmp_path)) == 1


def test_the_resource_checker_reads_style_sheets_and_allows_plain_links(tmp_path):
    (tmp_path / "good.html").write_text('<a href="https://example.org">a primary source</a>', "utf-8")
    assert links.external_resources(tmp_path) == []
    (tmp_path / "bad.css").write_text("@font-face { src: url('https://fonts.example/a.woff2') }", "utf-8")
    assert len(links.external_resources(tmp_path)) == 1


def test_pages_are_chinese_and_grouped_by_part(mini_site):
    index = (mini_site / "index.html").read_text("utf-8")
    assert '<html lang="zh-CN"' in index
    index = index[index.index("<body"):]
    parts = [index.index(text) for text in ("第一部分 基础", "1 概述", "第二部分 行业", "2.1 小模型")]
    assert parts == sorted(parts)


def test_pictures_carry_their_alt_text(mini_site):
    html = chapter(mini_site)
    assert 'alt="曲线：损失 [训练] 从 3 降到 1，单位 bit"' in html
    assert 'alt="两条曲线，a&lt;b &amp; \'c\' &quot;d&quot; $e$"' in html
    assert 'alt="动图：噪声变成衣服"' in html and ".gif" in html


ENGLISH = re.compile(r'(?:title|aria-label|placeholder|alt)="(?=[^"]*[A-Za-z]{4})[^"\u4e00-\u9fff]*"')


def test_what_is_only_read_aloud_is_chinese_too(any_site):
    assert ENGLISH.findall('<button title="Toggle sidebar" aria-label="侧栏 sidebar">') == ['title="Toggle sidebar"']
    assert {name for path in links.pages(any_site) for name in ENGLISH.findall(path.read_text("utf-8"))} == set()


def test_errata_are_collected_from_the_chapters(mini_site):
    html = (mini_site / "errata.html").read_text("utf-8")
    assert '<a class="reference internal" href="chapters/ch01_tiny.html">' in html
    assert "文档说一加一等于三。" in html and 'href="chapters/ch02_small.html"' in html.split("应当等于二")[1][:100]
    assert "框外的话" not in html and "引用块里的话" not in html


def test_raw_evidence_stays_hidden_and_its_table_shows(mini_site):
    html = chapter(mini_site)
    assert "raw_evidence_must_stay_hidden" not in html
    assert "<td>甲</td>" in html


def test_the_search_index_holds_what_readers_see(tmp_path):
    (tmp_path / "page.html").write_text(
        "<p>菜单</p><article><section id='s1'><h1>一 <a class='headerlink' href='#s1'>#</a></h1><p>加\n<b>噪</b>声 a b</p>"
        "<script>var hidden</script><svg><text>hidden</text></svg><p>二段</p>"
        "<section id='s2'><h2 id='二'>二</h2><pre>x = <span>1</span></pre></section></section></article><p>页脚</p>",
        "utf-8",
    )
    text = search_index.write_index(tmp_path).read_text("utf-8")
    pages = json.loads(text.removeprefix("window.COURSE_PAGES = ").removesuffix(";\n"))
    assert pages == [["page.html", [["一", "", "加噪声 a b 二段"], ["二", "二", "x = 1"]]]]


def test_solutions_are_folded(mini_site):
    html = chapter(mini_site)
    assert html.index("<details") < html.index("看参考答案") < html.index("solution_1")


def test_words_to_the_teacher_are_left_out(tmp_path):
    words = v4.new_markdown_cell("留十分钟讨论", metadata={"tags": ["instructor"]})
    notebook = v4.new_notebook(cells=[words, v4.new_markdown_cell("正文")])
    builder.stage_notebook(notebook, "a", tmp_path)
    assert [cell.source for cell in notebook.cells] == ["正文"]


def test_a_link_in_an_output_leads_to_the_page(tmp_path):
    table = v4.new_output("display_data", {"text/markdown": "| [4.1](ch04_1_film.ipynb#结果) | [文](../a.md) |"})
    notebook = v4.new_notebook(cells=[v4.new_code_cell("show()", outputs=[table])])
    builder.stage_notebook(notebook, "a", tmp_path)
    shown = notebook.cells[0].outputs[0].data["text/markdown"]
    assert shown == "| [4.1](ch04_1_film.html#结果) | [文](../a.md) |"


def test_the_download_is_the_real_notebook(mini_root, mini_site):
    real = mini_root / "notebooks" / "ch01_tiny.ipynb"
    assert (mini_site / "_sources" / "chapters" / real.name).read_bytes() == real.read_bytes()


def test_scoreboard_shows_every_claim_and_links_to_its_chapter(mini_site):
    html = (mini_site / "scoreboard.html").read_text("utf-8")
    assert html.count("<tr id=") == len(miniature.ledger())
    assert 'href="chapters/ch02_small.html#ch02.乙："' in html
    assert "<strong>−0.0042</strong> [−0.0053, −0.0031] MSE" in html
    assert "丙：扩散模型 &lt; 二十步就够 &amp; 更快。" in html
    assert "ch99_absent.html" not in html
    assert '<span id="ch02.乙：">' in (mini_site / "chapters" / "ch02_small.html").read_text("utf-8")


@pytest.fixture
def scoreboard(monkeypatch):
    monkeypatch.syspath_prepend(str(miniature.REPOSITORY / "book" / "_ext"))
    sys.modules.pop("scoreboard", None)
    import scoreboard

    return scoreboard


def test_each_claim_has_its_part_and_family(scoreboard):
    kinds = scoreboard.read_kinds(miniature.REPOSITORY / "notebooks" / "course.toml")
    assert kinds["ch02_2_gan"] == ("第一部分 基础", "GAN")
    assert kinds["ch07_3_equipment_maintenance"] == ("第二部分 应用：制造", "扩散模型")
    assert kinds["ch01_overview"][1] == "几种一起"


def test_a_missing_or_empty_ledger_is_no_error(scoreboard, tmp_path):
    path = tmp_path / "evidence.json"
    assert scoreboard.read_ledger(path) == []
    for text in ("", "[]"):
        path.write_text(text, "utf-8")
        assert scoreboard.read_ledger(path) == []
    path.write_text("[{", "utf-8")
    with pytest.raises(Exception, match="not valid JSON"):
        scoreboard.read_ledger(path)


def test_improvement_points_right_whatever_the_metric(scoreboard):
    lower = miniature.ledger_row("x", "1", -0.3, 0.1, "支持")
    higher = lower | {"diff": 0.3, "ci_low": 0.2, "ci_high": 0.4, "higher_is_better": True}
    assert scoreboard.improvement(lower) == pytest.approx((0.2, 0.3, 0.4))
    assert scoreboard.improvement(higher) == pytest.approx((0.2, 0.3, 0.4))


def test_a_warning_stops_the_build_and_leaves_the_old_site(mini_root, mini_site, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(mini_root, root)
    (root / "book" / "evidence.json").unlink()  # a course that has not been measured still builds
    bad = v4.new_notebook(cells=[v4.new_markdown_cell("# 1 概述\n\n[断了](ch77_nowhere.ipynb)")])
    good = (root / "notebooks" / "ch01_tiny.ipynb").read_bytes()
    nbformat.write(bad, root / "notebooks" / "ch01_tiny.ipynb")
    before = (root / "book" / "_build" / "html" / "index.html").read_bytes()
    for _ in range(2):  # nothing that the first build leaves may hide the warning from the second
        with pytest.raises(CourseError, match="ch77_nowhere"):
            miniature.build_at(root)
    assert (root / "book" / "_build" / "html" / "index.html").read_bytes() == before
    (root / "notebooks" / "ch01_tiny.ipynb").write_bytes(good)
    (root / "notebooks" / "ch02_small.ipynb").write_bytes(good)
    assert "还没有测量记录" in (miniature.build_at(root) / "scoreboard.html").read_text("utf-8")


def test_a_missing_notebook_and_a_folder_in_use_are_refused(mini_root, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "BOOK", tmp_path / "book")
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    shutil.copytree(mini_root / "notebooks", paths.NOTEBOOKS)
    (paths.NOTEBOOKS / "ch02_small.ipynb").unlink()
    with pytest.raises(CourseError, match="ch02_small"):
        builder.build()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "final.txt").write_text("precious", "utf-8")
    with pytest.raises(CourseError, match="thesis"):
        builder.build(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "final.txt").read_text("utf-8") == "precious"


def test_the_ledger_of_the_repository_can_be_shown(scoreboard):
    rows = scoreboard.read_ledger(miniature.REPOSITORY / "book" / "evidence.json")
    for row in rows:
        assert row["id"] in scoreboard.render_row(row, set(), {})
    assert json.dumps(rows)


def stale_quotes(text: str, rows: list[dict]) -> list[str]:
    """Claims that an essay quotes as `id` verdict, though the ledger does not hold them so."""
    verdicts = {row["id"]: row["verdict"] for row in rows}
    quotes = re.findall(r"`(ch[\w.]+)` (支持|不支持|证据不足)", text)
    assert len(quotes) == len(re.findall(r"`ch[\w.]+`", text)), "each quoted claim is followed by its verdict"
    return [f"{name} {verdict}" for name, verdict in quotes if verdicts.get(name) != verdict]


def test_the_essay_says_what_the_ledger_says():
    book = miniature.REPOSITORY / "book"
    assert stale_quotes((book / "essay.md").read_text("utf-8"), json.loads((book / "evidence.json").read_text("utf-8"))) == []


def test_a_quoted_claim_is_a_link_to_its_row(mini_site):
    assert 'href="../scoreboard.html#ch01.甲："><code' in chapter(mini_site)
    assert 'href="../scoreboard.html#ch77' not in chapter(mini_site)


def test_a_stale_quote_is_found():
    rows = [miniature.ledger_row("甲", "1", -0.3, 0.1, "支持", id="ch01.a")]
    assert stale_quotes("画得像（`ch01.a` 支持）", rows) == []
    assert stale_quotes("画不像（`ch01.a` 不支持），也不快（`ch01.b` 支持）", rows) == ["ch01.a 不支持", "ch01.b 支持"]
    with pytest.raises(AssertionError, match="verdict"):
        stale_quotes("（`ch01.a`）", rows)


def test_the_tally_counts_cases_only(scoreboard):
    kinds = {"ch01_tiny": ("第一部分 基础", "GAN"), "ch02_small": ("第二部分 应用", "GAN")}
    html = scoreboard.render_tally(miniature.ledger(), kinds)
    assert '<tr><th scope="row">GAN</th><td>0</td><td>1</td><td>1</td></tr>' in html
    assert html.count('scope="row"') == 1
