"""What every notebook must keep to (DESIGN section 4): each contract lists what is wrong, in Chinese.

A contract is a function ``(nb, chapter) -> list[str]``; NOTEBOOK_CONTRACTS names them all.
"""

import ast
import base64
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from aigc_lib.course.contracts_exercises import exercises
from aigc_lib.course.manifest import LIMITS, Chapter
from aigc_lib.course.names import bound, needed, without_magics
from aigc_lib.course.notebook import (
    code_cells,
    code_hash,
    evidence_of,
    may_measure,
    read_notebook,
    tags,
)
from aigc_lib.course.structure import headings, section
from aigc_lib.evidence import EVIDENCE_MIME

HEADINGS = ("学习目标", "案例", "数据", "原理", "代码", "结果", "与基线比较", "断言核查", "什么时候不该用",
            "练习", "延伸阅读")
AIMS = ("先修", "预计用时", "硬件")
LONGEST_CELL = 20  # lines
MOST_PICTURE_BYTES = 600_000  # a notebook
BUDGET_MARGIN = 1.25  # measured over declared seconds
NETWORK = {"requests", "urllib", "urllib3", "httpx", "aiohttp", "http", "socket", "ftplib", "wget", "gdown",
           "huggingface_hub", "kagglehub"}
SHELL = re.compile(r"^\s*(?:!|%\s*(?:pip|conda|mamba|uv|sx|system)\b|%%\s*(?:bash|sh|script|system|cmd)\b)|=\s*!")
GLYPH = re.compile(r"Glyph .*? missing from|does not have a glyph for")


def anatomy(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """The title carries the section number, and the level-2 headings are HEADINGS, in order."""
    found = [(level, text) for level, text, _ in headings(nb)]
    titles = [text for level, text in found if level == 1]
    problems = [] if titles == [chapter.heading] else [f"一级标题应当只有“# {chapter.heading}”，现在是 {titles}。"]
    sections = [text for level, text in found if level == 2]
    if sections != list(HEADINGS):
        missing = [text for text in HEADINGS if text not in sections]
        extra = [text for text in sections if text not in HEADINGS]
        problems.append(f"二级标题应当依次是 {'、'.join(HEADINGS)}；缺 {missing}，多 {extra}。")
    aims = section(nb, "学习目标")
    return problems + [f"“学习目标”里没有写{word}。" for word in AIMS if word not in aims]


def parameters(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """The first code cell, and only it, is tagged ``parameters`` and sets PROFILE = None and SEED = 0."""
    if [i for i, cell in enumerate(code_cells(nb)) if "parameters" in tags(cell)] != [0]:
        return ["第一个代码格，也只有它，应当带 parameters 标签。"]
    lines = [line.partition("#")[0].strip() for line in code_cells(nb)[0].source.splitlines()]
    return [f"参数格里没有“{line}”。" for line in ("PROFILE = None", "SEED = 0") if line not in lines]


def short_cells(nb: NotebookNode, chapter: Chapter) -> list[str]:
    lengths = [len(cell.source.strip().splitlines()) for cell in code_cells(nb)]
    return [f"第 {i} 个代码格有 {n} 行，最多 {LONGEST_CELL} 行。"
            for i, n in enumerate(lengths, 1) if n > LONGEST_CELL]


def offline(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """No shell, no installing, no network."""
    problems = []
    for i, cell in enumerate(code_cells(nb), 1):
        if shell := [line.strip() for line in cell.source.splitlines() if SHELL.search(line)]:
            problems.append(f"第 {i} 个代码格调用了命令行：{shell[0]}。")
            continue
        try:
            tree = ast.parse(without_magics(cell.source))
        except SyntaxError as error:
            problems.append(f"第 {i} 个代码格不是合法的 Python：{error.msg}。")
            continue
        problems += [f"第 {i} 个代码格用到网络：{name}。" for name in sorted(_network(tree))]
    return problems


def _network(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.partition(".")[0] in NETWORK}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in NETWORK:
            found.add(node.module or "")
        elif isinstance(node, ast.keyword) and node.arg == "download" and getattr(node.value, "value", None) is True:
            found.add("download=True")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(re.findall(r"^(?:https?|ftp)://\S+", node.value))
    return found


def executed(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """Every code cell ran once, in order, without an error, and something was shown."""
    counts = [cell.execution_count for cell in code_cells(nb)]
    if counts != list(range(1, len(counts) + 1)) or not any(cell.outputs for cell in code_cells(nb)):
        return [f"提交前没有从头到尾完整运行过：运行 aigc run {chapter.name} --save。"]
    return [f"第 {cell.execution_count} 个代码格的输出是错误：{output.ename}。"
            for cell in code_cells(nb) for output in cell.outputs if output.output_type == "error"]


def fresh(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """The outputs belong to this code, and come from a full run with seed 0."""
    about = nb.metadata.get("aigc", {})
    if (about.get("profile"), about.get("seed")) != ("full", 0):
        return [f"输出不是种子 0 的完整运行：运行 aigc run {chapter.name} --save。"]
    if about.get("code_sha256") != code_hash(nb):
        return [f"输出属于另一版代码：运行 aigc run {chapter.name} --save。"]
    return []


def pictures(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """Every picture has a text alternative, and all together are small."""
    problems, total = [], 0
    for where, alt, n_bytes in _pictures(nb):
        total += n_bytes
        if not alt.strip() or alt.startswith("<"):
            problems.append(f"{where}的图没有替代文字。")
    if total > MOST_PICTURE_BYTES:
        problems.append(f"图片共 {total / 1000:.0f} KB，最多 {MOST_PICTURE_BYTES / 1000:.0f} KB。")
    return problems


def _pictures(nb: NotebookNode) -> Iterator[tuple[str, str, int]]:
    """Where each picture is, its text alternative, and its size in bytes."""
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            where = f"文字格“{cell.source.strip()[:12]}”里"
            yield from ((where, alt, 0) for alt in re.findall(r"!\[([^\]]*)\]\(", cell.source))
            yield from _html_pictures(where, cell.source)
            for bundle in cell.get("attachments", {}).values():
                yield from ((where, "附件", _size(data)) for data in bundle.values())
        for output in cell.get("outputs", []):
            where = f"第 {cell.execution_count} 个代码格"
            for mime, data in output.get("data", {}).items():
                if mime.startswith("image/"):
                    about = output.get("metadata", {}).get(mime, {})
                    yield where, about.get("alt", ""), len(data) if mime == "image/svg+xml" else _size(data)
            yield from _html_pictures(where, output.get("data", {}).get("text/html", ""))


def _html_pictures(where: str, html: str) -> Iterator[tuple[str, str, int]]:
    for tag in re.findall(r"<(?:img|video)\b[^>]*>", html):
        alt = re.search(r"""\b(?:alt|aria-label)\s*=\s*(["'])(.*?)\1""", tag)
        data = re.search(r"base64,([A-Za-z0-9+/=\s]+)", tag)
        yield where, alt.group(2) if alt else "", _size(data.group(1)) if data else 0


def _size(data: str) -> int:
    return len(base64.b64decode(data))


def glyphs(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """No label fell back to boxes: matplotlib warns of it in plain text and logs it in mathtext."""
    return [f"第 {cell.execution_count} 个代码格的图里有字体没有的字：{found.group(0)}。"
            for cell in code_cells(nb) for output in cell.outputs
            if (found := GLYPH.search(output.get("text", "") or output.get("data", {}).get("text/plain", "")))]


def nbval(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """Some cells' outputs are compared; each must have one, or nbval would accept anything."""
    if not (checked := [cell for cell in code_cells(nb) if "nbval-check-output" in tags(cell)]):
        return ["没有带 nbval-check-output 标签的格子：至少要有一个输出与运行方式无关的格子。"]
    return [f"第 {cell.execution_count} 个代码格带 nbval-check-output 标签，却没有存下输出。"
            for cell in checked if not cell.outputs]


def claims(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """At least one claim is measured, in full, under this notebook's name."""
    found = evidence_of(nb)
    problems = [] if found else ["没有测量任何断言。"]
    problems += [f"断言 {claim['id']} 记在 {claim['notebook']} 名下，应当是 {chapter.name}。"
                 for claim in found if claim["notebook"] != chapter.name]
    return problems + [f"断言 {claim['id']} 是快速检查测的。" for claim in found if claim["profile"] != "full"]


def beside(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """Up to the last claim, exercises and sliders measure nothing and make no name that a measuring cell needs
    later: the ledger's hash leaves them out."""
    cells = code_cells(nb)
    last = max((i for i, cell in enumerate(cells, 1) if _measures(cell)), default=0)
    try:
        return [problem for i in range(last) for problem in _beside(i + 1, cells[i], cells[:i])]
    except SyntaxError:  # another contract says so
        return []


def _beside(number: int, cell: NotebookNode, before: list[NotebookNode]) -> Iterator[str]:
    if not may_measure(cell):
        if _measures(cell):
            yield f"第 {number} 个代码格是练习或滑块，不能测量断言。"
        return
    made = set().union(*(bound(other.source) for other in before if not may_measure(other)))
    if used := needed(cell.source) & made:
        yield f"第 {number} 个代码格用到练习格或滑块格里的 {'、'.join(sorted(used))}：换个名字，或挪到那一格前面。"


def _measures(cell: NotebookNode) -> bool:
    return any(EVIDENCE_MIME in output.get("data", {}) for output in cell.outputs)


def budget(nb: NotebookNode, chapter: Chapter) -> list[str]:
    """Declared seconds are within the limits, and measured seconds within the declared ones."""
    problems = [f"{profile} 的预算 {chapter.budget(profile):g} 秒超过上限 {limit} 秒。"
                for profile, limit in LIMITS.items() if chapter.budget(profile) > limit]
    seconds = nb.metadata.get("aigc", {}).get("seconds", 0)
    if seconds > chapter.full_seconds * BUDGET_MARGIN:
        problems.append(f"完整运行用了 {seconds:.0f} 秒，预算是 {chapter.full_seconds:g} 秒。")
    return problems


NOTEBOOK_CONTRACTS = {contract.__name__: contract for contract in (
    anatomy, parameters, short_cells, offline, executed, fresh, pictures, glyphs, nbval, exercises, claims, beside,
    budget)}


def check_notebook(chapter: Chapter) -> list[str]:
    """Every problem of the chapter's committed notebook; CourseError when it cannot be read."""
    nb = read_notebook(chapter.path)
    return [f"{chapter.name}：{problem}" for keeps in NOTEBOOK_CONTRACTS.values() for problem in keeps(nb, chapter)]
