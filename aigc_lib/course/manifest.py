"""The course's list of notebooks, ``notebooks/course.toml``: read it, check it, pick from it."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from aigc_lib import paths

PROFILES = ("full", "smoke")
LIMITS = {"full": 180, "smoke": 25}  # seconds on 2 CPU cores, DESIGN section 4
NAME = re.compile(r"[a-z][a-z0-9_]*")


class CourseError(ValueError):
    """Something the reader can put right; its text is Chinese and goes to the terminal as it is."""


@dataclass(frozen=True)
class Chapter:
    """One notebook of the course. Budgets are in seconds on 2 CPU cores."""

    name: str
    section: str
    title: str
    part: str
    full_seconds: float
    smoke_seconds: float

    @property
    def path(self) -> Path:
        return paths.NOTEBOOKS / f"{self.name}.ipynb"

    @property
    def heading(self) -> str:
        return f"{self.section} {self.title}"

    def budget(self, profile: str) -> float:
        return {"full": self.full_seconds, "smoke": self.smoke_seconds}[check_profile(profile)]


def check_profile(profile: str) -> str:
    """The profile itself, or a CourseError when there is no such profile."""
    if profile not in PROFILES:
        raise CourseError(f"没有叫“{profile}”的运行方式。可选：full（完整，默认）、smoke（快速检查）。")
    return profile


def manifest_path() -> Path:
    return paths.NOTEBOOKS / "course.toml"


def load_manifest(path: Path | None = None) -> list[Chapter]:
    """The chapters in reading order; CourseError when the file is missing or wrong."""
    path = path or manifest_path()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("notebook")
    except FileNotFoundError:
        raise CourseError(f"找不到课程清单 {path}。请在课程仓库里运行，或用环境变量 AIGC_ROOT 指出仓库的位置。") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(f"课程清单 {path} 不是合法的 TOML：{error}") from None
    if not isinstance(tables, list) or not tables:
        raise CourseError(f"课程清单 {path} 里没有 [[notebook]] 表。")
    chapters = [_chapter(table, i) for i, table in enumerate(tables, 1)]
    for what in ("name", "heading"):  # a section of the document may take two notebooks, each with its own title
        values = [getattr(chapter, what) for chapter in chapters]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise CourseError(f"课程清单里 {what} 重复：{'、'.join(twice)}。")
    return chapters


def _chapter(table: dict, i: int) -> Chapter:
    where = f"课程清单第 {i} 个 [[notebook]]（{table.get('name', '无名')}）"
    wanted = {field.name: field.type for field in fields(Chapter)}
    if wrong := sorted(set(table) ^ set(wanted)):
        raise CourseError(f"{where}缺少或多出这些键：{'、'.join(wrong)}。需要的是：{'、'.join(wanted)}。")
    for key, kind in wanted.items():
        value = table[key]
        if isinstance(value, bool) or not isinstance(value, str if kind is str else (int, float)) or not value:
            raise CourseError(f"{where}的 {key} 应当是{'非空文字' if kind is str else '正数'}，现在是 {value!r}。")
    chapter = Chapter(**table)
    if not NAME.fullmatch(chapter.name):
        raise CourseError(f"{where}的 name 只能用小写字母、数字和下划线。")
    for profile, limit in LIMITS.items():
        if not 0 < chapter.budget(profile) <= limit:
            raise CourseError(f"{where}的 {profile}_seconds 应当在 0 到 {limit} 秒之间，现在是 {chapter.budget(profile)}。")
    return chapter


def select(chapters: Sequence[Chapter], wanted: Iterable[str]) -> list[Chapter]:
    """Those chapters that any of ``wanted`` names, in reading order; all of them for an empty list.

    A word names a chapter by its exact name, by its section ("2.1", or "2" for all of 2.x),
    or by the beginning of its name ("ch02").
    """
    wanted = list(wanted)
    if not wanted:
        return list(chapters)
    chosen = [_matches(chapters, word) for word in wanted]
    return [chapter for chapter in chapters if any(chapter in some for some in chosen)]


def _matches(chapters: Sequence[Chapter], word: str) -> list[Chapter]:
    word = re.split(r"[/\\]", word.strip().removesuffix(".ipynb"))[-1]  # a file is a name too
    tests = (
        lambda c: c.name == word,
        lambda c: c.section == word or c.section.startswith(word + "."),
        lambda c: bool(word) and c.name.startswith(word),
    )
    for test in tests:
        if found := [chapter for chapter in chapters if test(chapter)]:
            return found
    labels = {label: c for c in chapters for label in (c.name, c.section, c.title)}
    close = {labels[label].name: None for label in difflib.get_close_matches(word, labels, n=5, cutoff=0.5)}
    hint = f"相近的有：{'、'.join(close)}。" if close else ""
    raise CourseError(f"没有叫“{word}”的章节。{hint}用 aigc list 看全部章节。")


def section_key(section: str) -> tuple:
    """Sorts "2.1" before "10" and both before "A.1"."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in section.split("."))


def with_chapter(text: str, chapter: Chapter) -> str:
    """The manifest's text with one more table, in the place that its section number gives it."""
    block = "[[notebook]]\n" + "".join(
        f"{field.name} = {_toml(getattr(chapter, field.name))}\n" for field in fields(Chapter))
    head, *tables = re.split(r"(?m)^(?=\[\[notebook\]\])", text)
    sections = [tomllib.loads(table)["notebook"][0]["section"] for table in tables]
    place = sum(section_key(section) <= section_key(chapter.section) for section in sections)
    tables.insert(place, block)
    return head.rstrip("\n") + "\n\n" * bool(head.strip()) + "\n\n".join(table.strip("\n") for table in tables) + "\n"


def _toml(value: str | float) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{value:g}"
