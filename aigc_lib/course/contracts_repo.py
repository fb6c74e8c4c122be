"""Contracts of the repository's own files: the environment, and the commands that a README shows."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

CONDA_NAMES = {"pytorch": "torch"}  # conda's names that differ from PyPI's
NOT_OURS = {"pip", "nodejs"}


def environment_problems(environment: Path, pyproject: Path) -> list[str]:
    """Does ``environment.yml`` ask for what ``pyproject.toml`` asks for?

    A line ``-e .`` or ``-e '.[extra]'`` brings the project's dependencies; otherwise each must be
    listed. What is listed must be a dependency of the project, with the same versions.
    """
    import yaml

    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    ours = _versions(project.get("dependencies", []))
    known = ours | _versions(line for some in extras.values() for line in some)
    known["python"] = project["requires-python"]
    lines = list(_environment_lines(yaml.safe_load(environment.read_text(encoding="utf-8"))))
    itself = [line for line in lines if re.match(r"-e\s*['\"]?\.", line)]
    wanted = [extra for line in itself for extra in re.findall(r"[\w-]+", line.partition("[")[2])]
    listed = dict(_requirement(line) for line in lines if not line.startswith("-"))
    problems = [f"pyproject 里没有叫 {extra} 的可选依赖" for extra in wanted if extra not in extras]
    problems += [f"{name} 不是 pyproject 的依赖" for name in listed if name not in known and name not in NOT_OURS]
    problems += [f"{name} 的版本应当是 {known[name]}，现在是 {version}" for name, version in listed.items()
                 if name in known and version and _plain(version) != _plain(known[name])]
    problems += [f"缺少 {name}" for name in ["python", *([] if itself else ours)] if name not in listed]
    return [f"{environment.name}：{problem}。" for problem in problems]


def _versions(lines: Iterable[str]) -> dict[str, str]:
    """Name -> version condition of pip requirements, names in their one spelling."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return {canonicalize_name(line.name): str(line.specifier) for line in map(Requirement, lines)}


def _environment_lines(environment: dict) -> Iterator[str]:
    for line in environment["dependencies"]:
        yield from line["pip"] if isinstance(line, dict) else [line]


def _requirement(line: str) -> tuple[str, str]:
    name, version = re.fullmatch(r"\s*([\w.-]+)(?:\[[\w,\s-]*\])?\s*(.*)", line).groups()
    name = re.sub(r"[-_.]+", "-", name).lower()
    return CONDA_NAMES.get(name, name), version


def _plain(version: str) -> frozenset[str]:
    """A version condition in one spelling: conda's ``=3.11`` is pip's ``==3.11.*``."""
    parts = [part.replace(" ", "") for part in version.split(",") if part.strip()]
    return frozenset(re.sub(r"^=([^=].*?)(\.\*)?$", r"==\1.*", part) for part in parts)


def readme_problems(readme: Path, makefile: Path) -> list[str]:
    """Every ``make`` target and ``aigc`` command that the README shows exists, and so do its options."""
    text = readme.read_text(encoding="utf-8")
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```", "", text))
    code = re.findall(r"(?ms)^```[a-z]*\n(.*?)^```", text) + inline
    lines = [line.strip().removeprefix("$ ").partition(" #")[0] for block in code for line in block.splitlines()]
    targets = set(re.findall(r"(?m)^([\w-]+):(?!=)", makefile.read_text(encoding="utf-8")))
    problems = []
    for words in (re.sub(r"<[^>]*>", "PLACEHOLDER", line).split() for line in lines):
        if words[:1] == ["make"]:
            asked = [word for word in words[1:] if re.fullmatch(r"\w[\w-]*", word)]
            problems += [f"{readme.name}：Makefile 里没有目标 {word}。" for word in asked if word not in targets]
        elif words[:1] == ["aigc"] and (wrong := _unknown(words[1:])):
            problems.append(f"{readme.name}：命令“{' '.join(words)}”里没有 {wrong}。")
    return problems


def without_make_problems(readme: Path, makefile: Path) -> list[str]:
    """Do the README's commands for those without ``make``, in sh and in PowerShell, do what the Makefile does?"""
    wanted = _recipes(makefile.read_text(encoding="utf-8"))
    blocks = re.findall(r"(?ms)^```(bash|powershell)\n(.*?)^```", readme.read_text(encoding="utf-8"))
    problems = []
    for shell in ("bash", "powershell"):
        said = _plain_commands("".join(text for name, text in blocks if name == shell and "-m venv" in text))
        problems += [f"{readme.name}：{shell} 里少了或写错了 {command}。" for command in wanted if command not in said]
        problems += [f"{readme.name}：{shell} 里的 {command} 不是 Makefile 做的。" for command in said if command not in wanted]
        if not problems and said != wanted:
            problems.append(f"{readme.name}：{shell} 里的次序和 Makefile 不同。")
    return problems


def _recipes(makefile: str) -> list[str]:
    """What `make course` and `make test` run, without the choice of an index for PyTorch."""
    values = dict(re.findall(r"(?m)^(\w+) [:?]?= *(.*)$", makefile))
    lines = []
    for target in (r"\$\(VENV\)/\.torch", r"\$\(VENV\)/\.course", "course", r"\$\(VENV\)/\.test", "test"):
        recipe = re.search(rf"(?m)^{target}:.*\n((?:\t.*\n)+)", makefile)[1].replace("\\\n", "")
        for _ in values:
            recipe = re.sub(r"\$\((\w+)\)", lambda name: values.get(name[1], ""), recipe)
        lines += [part.strip() for line in recipe.splitlines() if not line.startswith("\t@")
                  for part in re.split(r";|&&|\|\|", line)]
    return _plain_commands("\n".join(line for line in lines if re.search(r"-m venv|^(\w+=\S+ )*\.venv", line)
                                     and "torch.txt" not in line))


def _plain_commands(text: str) -> list[str]:
    """Commands in one spelling for sh and PowerShell, with the environment variables that they are given."""
    variables, commands = {}, []
    for line in text.splitlines():
        if setting := re.fullmatch(r'\$env:(\w+) = "?(\w+)"?', line.strip()):
            variables[setting[1]] = setting[2]
            continue
        words = shlex.split(line.replace("\\", "/").replace("/Scripts/", "/bin/"), comments=True)
        given = dict(variables)
        while words and re.match(r"\w+=", words[0]):
            name, _, given[name] = words.pop(0).partition("=")
        words = ["python" if word in ("py", "python3") else word for word in words if word != "-q"]
        if words:
            commands.append(" ".join([*(f"{name}={value}" for name, value in sorted(given.items())), *words]))
    return commands


def encoding_problems(code: str) -> list[str]:
    """Text files that Python code opens without an encoding: on Windows that is another one."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return [f"第 {call.lineno} 行：{ast.unparse(call.func)} 没有写 encoding。" for call in calls if _opens_unsaid(call)]


def _opens_unsaid(call: ast.Call) -> bool:
    function = ast.unparse(call.func)
    name = function.rpartition(".")[2]
    if any(word.arg == "encoding" for word in call.keywords):
        return False
    if name in ("read_text", "write_text"):
        return len(call.args) < ("read_text", "write_text").index(name) + 1
    if name != "open":
        return False
    place = 1 if function in ("open", "gzip.open") else 0  # else a method: path.open("w")
    mode = call.args[place].value if len(call.args) > place and isinstance(call.args[place], ast.Constant) else ""
    if function == "open":
        return "b" not in mode
    return bool(re.fullmatch(r"[rwax]\+?t?" if place == 0 else r"[rwax]t", str(mode)))


def _unknown(words: list[str]) -> str | None:
    """The first word of an ``aigc`` command line that the command does not know."""
    import click

    from aigc_lib.course.cli import main

    command: click.Command = main
    for word in words:
        if word.startswith("--"):
            if word.partition("=")[0] not in {"--help", *(o for p in command.params for o in p.opts)}:
                return word
        elif isinstance(command, click.Group):
            alternatives = [command.commands.get(name) for name in word.split("|")]
            if None in alternatives:
                return word
            command = alternatives[0]
    return None
