"""The skills map: every link exists, the chapter shows them all, and the self-test says what to read."""

import pytest

from aigc_lib import paths
from aigc_lib.course.manifest import load_manifest
from aigc_lib.skills import load_skills


def test_every_notebook_of_the_map_is_in_the_course():
    course = {chapter.name for chapter in load_manifest()}
    assert {name for skill in load_skills().skills.values() for name in skill.notebooks} - course == set()


def test_the_chapter_links_every_notebook_of_the_map():
    text = (paths.NOTEBOOKS / "ch09_3_outlook.ipynb").read_text(encoding="utf-8")
    missing = [f"{skill.name}: {name}" for skill in load_skills().skills.values() for name in skill.notebooks
               if f"({name}.ipynb)" not in text or skill.name not in text]
    assert missing == []


def test_every_skill_is_somebodys_and_every_role_has_some():
    chart = load_skills()
    assert {name for role in chart.roles.values() for name in role.skills} == set(chart.skills)
    assert all(role.skills for role in chart.roles.values())


def test_right_answers_need_no_reading_and_wrong_ones_do():
    chart = load_skills()
    right = "".join(skill.answer for skill in chart.skills.values())
    assert chart.wrong(right) == [] and chart.advise(right.lower(), "产品经理") == []
    for i, skill in enumerate(chart.skills.values()):
        assert chart.wrong(right[:i] + "?" + right[i + 1:]) == [skill]
    advice = chart.advise("?" * len(right), "算法工程师")
    assert advice[0] == ("ch02_1_autoencoder", chart.skills["measure"])
    assert len({name for name, _ in advice}) == len(advice)
    assert "ch09_2_compliance" not in dict(advice)  # not this role's business


def test_bad_answers_and_roles_are_refused():
    chart = load_skills()
    with pytest.raises(ValueError, match="letters"):
        chart.wrong("ABC")
    with pytest.raises(ValueError, match="letters"):
        chart.wrong("E" * len(chart.skills))
    with pytest.raises(ValueError, match="roles are"):
        chart.advise("?" * len(chart.skills), "占星师")


@pytest.mark.parametrize("change, match", [(('answer = "A"', 'answer = "E"'), "among its options"),
                                           (('skills = ["measure"', 'skills = ["magic"'), "does not have")])
def test_a_damaged_map_is_refused(tmp_path, change, match):
    text = (paths.NOTEBOOKS / "skills.toml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "skills.toml").write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=match):
        load_skills(tmp_path / "skills.toml")
