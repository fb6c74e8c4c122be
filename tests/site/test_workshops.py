"""The workshop plans: minutes that add up, numbers and tables from the measurements, commands that exist."""

import re
import sys

import pytest
import site_miniature as miniature
from test_site_build import stale_quotes

from aigc_lib.course import readme, workshops
from aigc_lib.course.contracts_repo import readme_problems
from aigc_lib.course.ledger import read_ledger
from aigc_lib.course.manifest import CourseError

BOOK = miniature.REPOSITORY / "book"
PLANS = [path for path in workshops.plans() if path.stem != "index"]
every_page = pytest.mark.parametrize("page", workshops.plans(), ids=lambda path: path.stem)


def minutes(clock: str) -> int:
    hours, _, rest = clock.partition(":")
    return 60 * int(hours) + int(rest)


def schedule_problems(text: str) -> list[str]:
    """What is wrong with the minutes of a plan: its tables 时刻 | 分钟 | ... against its promised 时长."""
    promised = [int(n) for n in re.findall(r"\d+", re.search(r"\*\*时长\*\*：(.*?)分钟", text)[1])]
    tables = re.findall(r"(?m)^\| 时刻 \| 分钟 \|.*\n\| ---.*\n((?:\|.*\n)+)", text.replace("|---", "| ---"))
    found = [] if len(tables) == len(promised) else [f"{len(tables)} tables for {len(promised)} promises"]
    for table, whole in zip(tables, promised, strict=False):
        rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in table.splitlines()]
        now = minutes(rows[0][0])
        for clock, length, what, how in rows:
            found += [f"{what} is at {clock}"] if minutes(clock) != now else []
            found += [f"{what}: what happens?"] if not how and what not in ("休息", "午饭") else []
            now += int(length)
        found += [f"{now - minutes(rows[0][0])} minutes instead of {whole}"] if now - minutes(rows[0][0]) != whole else []
        found += [] if any(row[2] == "休息" for row in rows) else ["no break"]
        longest = max(sum(int(row[1]) for row in part) for part in _without_breaks(rows))
        found += [f"{longest} minutes without a break"] if longest > 120 else []
    return found


def _without_breaks(rows):
    parts = [[]]
    for row in rows:
        if row[2] in ("休息", "午饭"):
            parts.append([])
        else:
            parts[-1].append(row)
    return parts


def test_there_are_three_plans():
    assert [path.stem for path in PLANS] == ["half_day", "ninety_minutes", "two_days"]


@pytest.mark.parametrize("plan", PLANS, ids=lambda path: path.stem)
def test_the_minutes_add_up(plan):
    text = plan.read_text("utf-8")
    assert schedule_problems(text) == []
    for part in ("离开前", "前一", "时间不够，先砍", "教室里会出的岔子", "他们会问"):
        assert re.search(rf"(?m)^## {part}", text), part


GOOD = ("**时长**：90 分钟\n\n| 时刻 | 分钟 | 做什么 | 怎么做 |\n|---|---|---|---|\n| 0:00 | 50 | 讲 | 说话 |\n"
        "| 0:50 | 10 | 休息 | |\n| 1:00 | 30 | 做 | 动手 |\n")


@pytest.mark.parametrize("good, bad, complaint", [
    ("| 30 |", "| 31 |", "91 minutes instead of 90"), ("| 1:00 |", "| 1:05 |", "做 is at 1:05"),
    ("| 休息 |", "| 发呆 |", "no break"), ("说话", "", "讲: what happens?"), ("90 分钟", "90 + 90 分钟", "1 tables for 2 promises"),
])
def test_minutes_that_do_not_add_up_are_noticed(good, bad, complaint):
    assert schedule_problems(GOOD) == [] and good in GOOD
    assert complaint in schedule_problems(GOOD.replace(good, bad, 1))


@every_page
def test_tables_and_numbers_are_up_to_date(page):
    assert workshops.updated_plan(page) == page.read_text("utf-8"), "run `aigc readme`"


@every_page
def test_quoted_verdicts_are_those_of_the_ledger(page):
    assert stale_quotes(page.read_text("utf-8"), read_ledger()) == []


@every_page
def test_commands_exist(page):
    assert readme_problems(page, miniature.REPOSITORY / "Makefile") == []


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A function that says what becomes of a text; two claims are in the ledger."""
    rows = [miniature.ledger_row("甲", "1", -0.5, 0.1, "支持", id="ch01.a", notebook="ch01_overview"),
            miniature.ledger_row("乙", "1", -0.5, 0.1, "不支持", id="ch01.b", notebook="ch01_overview")]
    monkeypatch.setattr(workshops, "read_ledger", lambda: rows)
    monkeypatch.setattr(workshops, "load_timings", lambda: {"ch01_overview": {"full": {"seconds": 21.6, "peak_mb": 600}}})

    def fill(text: str) -> str:
        (tmp_path / "plan.md").write_text(text, "utf-8")
        return workshops.updated_plan(tmp_path / "plan.md")

    return fill


def test_a_number_and_a_table_are_filled_in(plan):
    assert plan("差 <!-- ledger ch01.a diff -->9<!-- end -->。") == "差 <!-- ledger ch01.a diff -->-0.5<!-- end -->。"
    table = plan("<!-- times:begin 1 2.1 -->\nstale\n<!-- times:end -->\n")
    assert "stale" not in table and "| 22 | — | 600 | 1 / 1 / 0 |" in table
    assert "| 合计 | 2 个 | 22 |" in table
    assert "合计" not in plan("<!-- times:begin 1 -->\n<!-- times:end -->\n")


@pytest.mark.parametrize("bad, words", [("<!-- ledger ch01.z model -->1<!-- end -->", "不在账本里"),
                                        ("<!-- times:begin ch77 -->\n<!-- times:end -->", "没有叫“ch77”的章节")])
def test_what_is_not_there_is_refused(plan, bad, words):
    with pytest.raises(CourseError, match=words):
        plan(bad)


def test_the_command_writes_the_plans_too(tmp_path, monkeypatch):
    (tmp_path / "plan.md").write_text("<!-- times:begin 1 -->\n<!-- times:end -->\n", "utf-8")
    monkeypatch.setattr(readme, "readmes", list)
    monkeypatch.setattr(readme, "plans", lambda: [tmp_path / "plan.md"])
    readme.update()
    assert "ch01_overview.ipynb" in (tmp_path / "plan.md").read_text("utf-8")


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(str(BOOK / "_ext"))
    sys.modules.pop("workshops", None)
    import workshops as extension

    return extension


def test_links_lead_to_pages_and_slides_that_are_there(extension, tmp_path):
    (tmp_path / "a.html").touch()
    text = "[甲](../../notebooks/a.ipynb#断言核查)\n| [甲](../../notebooks/a.ipynb) | [乙](../../notebooks/b.ipynb) |"
    prose, table = extension.on_the_site(text, {"chapters/a"}, tmp_path).split("\n")
    assert prose == "[甲](../chapters/a.ipynb#断言核查)"
    assert table == '| [甲](../chapters/a.ipynb) · <a href="../slides/a.html">幻灯片</a> | 乙 |'


def test_the_site_has_the_plans_and_their_slides(mini_site):
    index = (mini_site / "workshops" / "index.html").read_text("utf-8")
    decks = (mini_site / "slides").exists()
    assert ('href="../slides/ch02_small.html">2.1 小模型' in index) == decks and ("没有带幻灯片" in index) != decks
    plan = (mini_site / "workshops" / "two_days.html").read_text("utf-8")
    assert "../../notebooks/" not in plan
