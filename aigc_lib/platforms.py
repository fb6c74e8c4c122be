"""The course's job files for hosted platforms (``deploy/``): read them, check them, plant mistakes in them.

The schemas in ``deploy/schemas`` come from the platforms' own clients; ``deploy/prepare/schemas.py`` makes them.
Nothing here needs an account or a network, so nothing here knows whether a role, a bucket or a quota exists.
"""

import copy
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import yaml
from jsonschema import Draft202012Validator

from aigc_lib import paths

FILES = {  # platform -> (job file, schema), under deploy/
    "SageMaker": ("sagemaker/create_training_job.json", "sagemaker_create_training_job"),
    "Azure ML": ("azureml/job.yml", "azureml_command_job"),
    "Azure ML 环境": ("azureml/environment.yml", "azureml_environment"),
}
# What AWS's client leaves to the service, see client_schema.
UNSEEN_BY_CLIENT = {"pattern", "enum", "maximum", "maxLength", "maxItems", "maxProperties", "propertyNames"}
INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "SHELL",
                "STOPSIGNAL", "USER", "VOLUME", "WORKDIR", "ADD", "ONBUILD"}


def deploy() -> Path:
    return paths.ROOT / "deploy"


def job_text(platform: str) -> str:
    """The job file of a platform in FILES, as it is written. KeyError for another platform."""
    return (deploy() / FILES[platform][0]).read_text(encoding="utf-8")


def parse(platform: str, text: str) -> dict:
    """A job file as read, without the editor's ``$schema``; ValueError when it is no JSON or YAML, or holds no names."""
    try:
        document = json.loads(text) if FILES[platform][0].endswith(".json") else yaml.safe_load(text)
        return {name: value for name, value in document.items() if name != "$schema"}
    except (yaml.YAMLError, AttributeError) as error:
        raise ValueError(str(error)) from None


def load_job(platform: str) -> dict:
    """The job file of a platform in FILES, as read."""
    return parse(platform, job_text(platform))


@cache
def schema(platform: str) -> dict:
    """The published schema, as JSON Schema; ``x-source``, ``x-version`` and ``x-licence`` say where it is from."""
    return json.loads((deploy() / "schemas" / f"{FILES[platform][1]}.json").read_text(encoding="utf-8"))


def client_schema(platform: str) -> dict:
    """What the platform's own client checks before it sends anything.

    Azure's client checks its whole schema. AWS's (botocore) checks names, required members, types and lower bounds,
    and leaves patterns, enumerations and upper bounds to the service.
    """
    if platform != "SageMaker":
        return schema(platform)

    def kept(node: object) -> object:
        if isinstance(node, dict):
            return {key: kept(value) for key, value in node.items() if key not in UNSEEN_BY_CLIENT}
        return [kept(value) for value in node] if isinstance(node, list) else node
    return kept(schema(platform))


def job_problems(platform: str, document: object, rules: Mapping | None = None) -> list[str]:
    """What the published schema (or ``rules`` in its place) has against a job: one line a fault; [] when it is valid."""
    found = Draft202012Validator(rules or schema(platform)).iter_errors(document)
    return sorted(f"{'.'.join(map(str, error.absolute_path)) or '（整个文件）'}：{_short(error.message)}" for error in found)


def _short(message: str, longest: int = 120) -> str:
    return message if len(message) <= longest else message[:longest] + "…"


def lost_characters(platform: str, n: int, rng: np.random.Generator) -> list[dict | None]:
    """``n`` copies of the job file, each without one of its characters, as read; None where reading fails.

    Characters whose loss changes nothing (in a comment, a doubled space) are passed over.
    """
    text, found = job_text(platform), []
    whole = parse(platform, text)
    for i in rng.permutation(len(text)):
        try:
            document = parse(platform, text[:i] + text[i + 1:])
        except ValueError:
            document = None
        found += [document] * (document != whole)
        if len(found) == n:
            break
    return found


@dataclass(frozen=True)
class Slip:
    """One planted mistake: what kind, where, what became of it, and the whole job file with it."""

    kind: str
    where: str
    became: str
    document: dict


def slips(document: dict, rng: np.random.Generator) -> list[Slip]:
    """Every mistake of a fixed list of kinds, at every place of a job file; ``rng`` says which letters are swapped.

    The kinds are a typist's: a line left out, a name misspelt, a value misspelt, a value left empty, a wrong number,
    a wrong type. They are planted everywhere alike, harmless places too, so that nobody chose what to plant.
    """
    return [Slip(kind, ".".join(map(str, path)), became, changed)
            for path in _places(document) for kind, became, changed in _spoilt(document, path, rng)
            if changed != document]


def _places(node: object, path: tuple = ()) -> Iterator[tuple]:
    """The path of every key and every list item, depth first."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _spoilt(document: dict, path: tuple, rng: np.random.Generator) -> Iterator[tuple[str, str, dict]]:
    *parents, last = path
    value = _at(document, path)

    def holder() -> tuple[dict, object]:
        fresh = copy.deepcopy(document)
        return fresh, _at(fresh, parents)

    fresh, inside = holder()
    del inside[last]
    yield "漏写", "", fresh
    if isinstance(last, str):
        fresh, inside = holder()
        name = misspelt(last, rng)
        inside[name] = inside.pop(last)
        yield "键名拼错", name, fresh
    for kind, wrong in _wrong_values(value, rng):
        fresh, inside = holder()
        inside[last] = wrong
        yield kind, json.dumps(wrong, ensure_ascii=False), fresh


def _wrong_values(value: object, rng: np.random.Generator) -> Iterator[tuple[str, object]]:
    if isinstance(value, str):
        yield "值拼错", misspelt(value, rng)
        yield "留空", ""
        yield "类型写错", [value]
    elif isinstance(value, bool):
        yield "类型写错", "yes" if value else "no"
    elif isinstance(value, int):
        yield from (("数写错", 0), ("数写错", -1), ("数写错", 1000 * value), ("类型写错", str(value)))


def _at(node: object, path: tuple | list) -> object:
    for key in path:
        node = node[key]
    return node


def misspelt(text: str, rng: np.random.Generator) -> str:
    """Two different neighbouring letters or digits swapped; a letter doubled where there are no two."""
    places = [i for i in range(len(text) - 1) if text[i] != text[i + 1] and text[i].isalnum() and text[i + 1].isalnum()]
    if not places:
        return text + text[-1:]
    i = int(rng.choice(places))
    return text[:i] + text[i + 1] + text[i] + text[i + 2:]


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """(instruction, arguments) of a container file, continued lines joined, comments left out."""
    text = re.sub(r"(?m)^\s*#.*\n?", "", dockerfile)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word.upper(), rest.strip()) for word, _, rest in (line.strip().partition(" ") for line in lines) if word]


def container_problems(dockerfile: str, context: Path | None = None) -> list[str]:
    """What is wrong with a container file, in Chinese: a check of our own, for lack of a container engine.

    ``context`` is the folder that COPY takes from; the course's own by default.
    """
    context, lines = context or paths.ROOT, instructions(dockerfile)
    problems = [f"没有 {word} 这个指令。" for word, _ in lines if word not in INSTRUCTIONS]
    stages = [rest.split() for word, rest in lines if word == "FROM"]
    if not stages or next(word for word, _ in lines if word != "ARG") != "FROM":
        return [*problems, "第一个指令应当是 FROM。"]
    named = {words[2] for words in stages if len(words) == 3}
    bases = [words[0] for words in stages if words[0] not in named]
    problems += [f"基础镜像 {base} 没有写死版本。" for base in bases if ":" not in base or base.endswith(":latest")]
    for sources in (rest.split()[:-1] for word, rest in lines if word == "COPY"):
        missing = [s for s in sources if not s.startswith("--") and not (context / s).exists()]
        problems += [f"COPY 的 {source} 不存在。" for source in missing]
    users = [rest for word, rest in lines if word == "USER"]
    if not users or users[-1] in ("root", "0"):
        problems.append("最后的用户是 root：加一行 USER。")
    for word, rest in lines:
        if word in ("ENTRYPOINT", "CMD") and not _is_words(rest):
            problems.append(f"{word} 要写成 JSON 数组，否则收不到停止信号：{rest}")
    return list(dict.fromkeys(problems))  # stages may repeat a line, and its fault


def _is_words(text: str) -> bool:
    try:
        words = json.loads(text)
    except ValueError:
        return False
    return isinstance(words, list) and all(isinstance(word, str) for word in words)


def extras(text: str) -> list[frozenset[str]]:
    """The extras of every ``-e '.[a,b]'`` in a text, in its order."""
    return [frozenset(found.split(",")) for found in re.findall(r"""-e\s*\\?['"]?\.\[([\w,-]+)\]""", text)]


def installed_sizes(chosen: frozenset[str]) -> dict[str, int]:
    """Package -> bytes on disk, for the course with these extras and everything they need; what is absent is left out."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + [line for extra in chosen for line in project["optional-dependencies"][extra]]
    wanted, sizes, seen = [Requirement(line) for line in lines], {}, set()
    while wanted:
        asked = wanted.pop()
        key = (canonicalize_name(asked.name), frozenset(asked.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            package = metadata.distribution(asked.name)
        except metadata.PackageNotFoundError:
            continue
        sizes[key[0]] = sum(file.size or 0 for file in package.files or [])
        environments = [{"extra": extra} for extra in asked.extras or ("",)]
        wanted += [needs for needs in map(Requirement, package.requires or [])
                   if needs.marker is None or any(needs.marker.evaluate(e) for e in environments)]
    return sizes
