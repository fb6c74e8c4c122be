"""``aigc new``: the template runs, keeps every contract, and takes its place in the manifest."""

import pytest

from aigc_lib.course.contracts import check_notebook
from aigc_lib.course.manifest import CourseError, load_manifest
from aigc_lib.course.notebook import read_notebook
from aigc_lib.course.template import create


def test_a_new_chapter_keeps_every_contract(course):
    course.add("ch01_a", section="1")
    course.add("ch09_z", section="9")
    code, said = course.aigc("new", "ch04_1_content", "--section", "4.1", "--title", "内容创作")
    assert code == 0, said
    chapter = load_manifest()[1]
    assert (chapter.name, chapter.heading, chapter.part) == ("ch04_1_content", "4.1 内容创作", "部分")
    assert check_notebook(chapter) == []
    text = chapter.path.read_text()
    assert "ch04_1.median_beats_mean" in text and "CHAPTER_" not in text and "CLAIM_PREFIX" not in text
    assert "aigc evidence run ch04_1_content" in said


@pytest.mark.parametrize("name, section, complaint", [
    ("Ch 4", "4.1", "只能用小写"), ("ch01_a", "4.1", "已经有了"), ("ch04_1", "1", "已经有了"),
    ("lying", "5", "已经有了"),
])
def test_a_chapter_that_cannot_be_created(course, name, section, complaint):
    course.add("ch01_a", section="1")
    (course.notebooks / "lying.ipynb").write_text("kept")
    before = (course.notebooks / "course.toml").read_text()
    with pytest.raises(CourseError, match=complaint):
        create(name, section, "标题ch01_a")
    assert (course.notebooks / "course.toml").read_text() == before
    assert (course.notebooks / "lying.ipynb").read_text() == "kept"


def test_the_first_code_cell_of_a_new_chapter_is_not_yet_run(course):
    course.add("ch01_a", section="1")
    nb = read_notebook(create("ch02_b", "2", "标题").path)
    assert "aigc" not in nb.metadata and not any(cell.get("outputs") for cell in nb.cells)
