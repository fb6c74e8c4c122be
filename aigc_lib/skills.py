"""The map of roles, skills and notebooks in ``notebooks/skills.toml``, and its self-test."""

import tomllib
from pathlib import Path
from typing import NamedTuple

from aigc_lib import paths


class Skill(NamedTuple):
    """A skill in a word and in a line, the notebooks that teach it, and one question with its answer ("A" to "D")."""

    id: str
    short: str
    name: str
    notebooks: tuple[str, ...]
    question: str
    options: tuple[str, ...]
    answer: str
    why: str


class Role(NamedTuple):
    """Someone in a project, what they do, and the ids of the skills they need, the most important first."""

    name: str
    does: str
    skills: tuple[str, ...]


class SkillMap(NamedTuple):
    skills: dict[str, Skill]
    roles: dict[str, Role]

    def questions(self) -> str:
        """All questions with their options, numbered, as one text."""
        return "\n".join(f"{i}. {skill.question}\n   " + "　".join(f"{k} {text}" for k, text in zip("ABCD", skill.options))
                         for i, skill in enumerate(self.skills.values(), 1))

    def wrong(self, answers: str) -> list[Skill]:
        """The skills whose question was missed. answers: one letter a question, "?" for one that is left out."""
        answers = answers.upper().replace(" ", "")
        if len(answers) != len(self.skills) or set(answers) - set("ABCD?"):
            raise ValueError(f"wanted {len(self.skills)} letters A to D, or ? for no answer; found {answers!r}.")
        return [skill for skill, given in zip(self.skills.values(), answers) if given != skill.answer]

    def advise(self, answers: str, role: str) -> list[tuple[str, Skill]]:
        """What this role should read next, in its own order: (notebook, the skill it is for), each notebook once."""
        if role not in self.roles:
            raise ValueError(f"there is no role {role!r}; the roles are {', '.join(self.roles)}.")
        missed, advice = {skill.id for skill in self.wrong(answers)}, {}
        for name in self.roles[role].skills:
            if name in missed:
                for notebook in self.skills[name].notebooks:
                    advice.setdefault(notebook, self.skills[name])
        return list(advice.items())


def load_skills(path: Path | None = None) -> SkillMap:
    """The map; ValueError for a role that names an unknown skill, and for an answer that is no option."""
    table = tomllib.loads((path or paths.NOTEBOOKS / "skills.toml").read_text(encoding="utf-8"))
    skills = [Skill(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}) for row in table["skill"]]
    roles = [Role(row["name"], row["does"], tuple(row["skills"])) for row in table["role"]]
    found = SkillMap({skill.id: skill for skill in skills}, {role.name: role for role in roles})
    for role in roles:
        if unknown := [name for name in role.skills if name not in found.skills]:
            raise ValueError(f"the role {role.name} names skills that the map does not have: {unknown}.")
    for skill in skills:
        if skill.answer not in "ABCD"[:len(skill.options)] or not skill.notebooks:
            raise ValueError(f"the skill {skill.id} needs a notebook, and an answer among its options, found {skill.answer!r}.")
    return found
