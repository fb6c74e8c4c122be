"""The fifteen cases of the document, and the manifest and ledger that they are read beside."""

from collections import Counter

from aigc_lib.cases import CASES, INDUSTRIES, Case
from aigc_lib.course.manifest import load_manifest


def test_every_case_is_a_notebook_of_the_second_part_and_the_other_way_round():
    notebooks = {chapter.name: chapter for chapter in load_manifest() if chapter.part.startswith("第二部分")}
    assert [case.notebook for case in CASES] == sorted(notebooks)
    assert all(notebooks[case.notebook].section == case.section for case in CASES)
    assert all(case.family in notebooks[case.notebook].title for case in CASES)


def test_three_cases_an_industry():
    assert Counter(case.industry for case in CASES) == dict.fromkeys(INDUSTRIES.values(), 3)


def test_verdicts_are_counted_for_the_case_only():
    case = Case("4.1", "ch04_1", "", "GAN", "图像", "", "")
    ledger = [{"section": "4.1", "verdict": "支持"}, {"section": "4.1", "verdict": "支持"},
              {"section": "4.1", "verdict": "不支持"}, {"section": "4.2", "verdict": "支持"}]
    assert case.verdicts(ledger) == {"支持": 2, "不支持": 1}
    assert case.verdicts([]) == {}
