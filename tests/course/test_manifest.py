"""notebooks/course.toml: reading, checking, choosing."""

import pytest

from aigc_lib.course.manifest import (
    Chapter,
    CourseError,
    check_profile,
    load_manifest,
    section_key,
    select,
    with_chapter,
)

ENTRY = '[[notebook]]\nname = "ch01_a"\nsection = "1"\ntitle = "甲"\npart = "一"\nfull_seconds = 60\nsmoke_seconds = 20\n'
CHAPTERS = [Chapter(name, section, title, "一", 60, 20) for name, section, title in [
    ("ch01_overview", "1", "概述"), ("ch02_1_autoencoder", "2.1", "自动编码器"), ("ch02_2_gan", "2.2", "生成对抗网络"),
    ("ch10_1_more", "10.1", "更多"), ("appendix_a_1", "A.1", "框架")]]


@pytest.mark.parametrize("text, complaint", [
    ("", "没有"),
    ("[[notebook]\n", "不是合法的 TOML"),
    ("notebook = 3\n", "没有"),
    (ENTRY.replace('title = "甲"\n', ""), "缺少或多出这些键：title"),
    (ENTRY + 'colour = "red"\n', "colour"),
    (ENTRY.replace("60", "true"), "full_seconds 应当是正数"),
    (ENTRY.replace('"甲"', "3"), "title 应当是非空文字"),
    (ENTRY.replace("60", "181"), "0 到 180"),
    (ENTRY.replace("20", "26"), "0 到 25"),
    (ENTRY.replace("20", "-1"), "0 到 25"),
    (ENTRY.replace("ch01_a", "Ch 01"), "只能用小写"),
    (ENTRY + ENTRY, "name 重复：ch01_a"),
    (ENTRY + ENTRY.replace("ch01_a", "ch01_b"), "heading 重复：1 甲"),
])
def test_a_wrong_manifest_is_refused_with_its_reason(tmp_path, text, complaint):
    path = tmp_path / "course.toml"
    path.write_text(text)
    with pytest.raises(CourseError, match=complaint):
        load_manifest(path)


def test_a_section_may_take_two_notebooks(tmp_path):
    path = tmp_path / "course.toml"
    path.write_text(ENTRY)
    path.write_text(with_chapter(ENTRY, Chapter("ch01_b", "1", "乙", "一", 60, 20)))
    assert [chapter.name for chapter in load_manifest(path)] == ["ch01_a", "ch01_b"]
    assert [chapter.name for chapter in select(load_manifest(path), ["1"])] == ["ch01_a", "ch01_b"]


def test_a_missing_manifest_says_what_to_do(tmp_path):
    with pytest.raises(CourseError, match="AIGC_ROOT"):
        load_manifest(tmp_path / "course.toml")


@pytest.mark.parametrize("words, names", [
    ([], ["ch01_overview", "ch02_1_autoencoder", "ch02_2_gan", "ch10_1_more", "appendix_a_1"]),
    (["ch02"], ["ch02_1_autoencoder", "ch02_2_gan"]),
    (["2"], ["ch02_1_autoencoder", "ch02_2_gan"]),
    (["1"], ["ch01_overview"]),  # not 10.1
    (["A"], ["appendix_a_1"]),
    (["2.2", "ch01_overview"], ["ch01_overview", "ch02_2_gan"]),  # reading order
    (["notebooks/ch02_2_gan.ipynb"], ["ch02_2_gan"]),
    ([r".\notebooks\ch02_2_gan.ipynb"], ["ch02_2_gan"]),
])
def test_select(words, names):
    assert [chapter.name for chapter in select(CHAPTERS, words)] == names


def test_an_unknown_chapter_lists_the_close_ones():
    with pytest.raises(CourseError, match="没有叫“ch02_2_gam”的章节。相近的有：ch02_2_gan"):
        select(CHAPTERS, ["ch02_2_gam"])
    with pytest.raises(CourseError, match="相近的有：ch02_1_autoencoder"):
        select(CHAPTERS, ["自动编码"])
    with pytest.raises(CourseError, match="aigc list"):
        select(CHAPTERS, ["zzzz"])
    with pytest.raises(CourseError):
        select(CHAPTERS, [""])


def test_an_unknown_profile_is_refused():
    with pytest.raises(CourseError, match="full（完整，默认）、smoke"):
        check_profile("fast")


def test_a_new_chapter_goes_to_its_place_and_comments_stay(tmp_path):
    text = "# about\n\n" + ENTRY + "\n" + ENTRY.replace("ch01_a", "appendix").replace('"1"', '"A.1"')
    text = with_chapter(text, Chapter("ch10", "10.1", '引号"和\\', "一", 1.5, 2))
    path = tmp_path / "course.toml"
    path.write_text(text)
    assert [chapter.name for chapter in load_manifest(path)] == ["ch01_a", "ch10", "appendix"]
    assert load_manifest(path)[1].title == '引号"和\\' and text.startswith("# about\n")


def test_sections_sort_as_people_read_them():
    assert sorted(["A.1", "10", "2.10", "2.2", "1"], key=section_key) == ["1", "2.2", "2.10", "10", "A.1"]
