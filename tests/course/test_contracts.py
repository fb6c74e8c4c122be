"""Each contract accepts a good little notebook and rejects a bad example made for it."""

import base64

import nbformat
import pytest

from aigc_lib.course.contracts import HEADINGS, NOTEBOOK_CONTRACTS, check_notebook
from aigc_lib.course.contracts_repo import environment_problems, readme_problems
from aigc_lib.course.manifest import Chapter
from aigc_lib.course.notebook import code_hash
from aigc_lib.evidence import EVIDENCE_MIME

CHAPTER = Chapter("mini", "2.1", "小课", "部分", 60, 20)
PIXELS = base64.b64encode(b"picture").decode()


def markdown(source):
    return nbformat.v4.new_markdown_cell(source)


def code(source, *tags, text=None, data=None, metadata=None, hidden=False):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})
    if hidden:
        cell.metadata["jupyter"] = {"source_hidden": True}
    if text:
        cell.outputs.append(nbformat.v4.new_output("stream", text=text))
    if data:
        cell.outputs.append(nbformat.v4.new_output("display_data", data, metadata=metadata or {}))
    return cell


def exercise(n):
    task = {1: "热身。", 2: "写 answer_2。", 3: "开放题。"}[n]
    return [markdown(f"### 练习 {n}：题目\n\n{task}\n\n```python\n# 不是标题\n```\n\n"),
            code(f"def answer_{n}(x):\n    raise NotImplementedError", "exercise"),
            code(f"grade(check_{n}, answer_{n})", "exercise-check", "nbval-check-output", 
                 text=f"练习 {n}：还没通过——还没写\n"),
            markdown("<details>提示</details>"),
            code(f"solution_{n} = 1\ngrade(check_{n}, solution_{n})", "solution", "hide-cell", "nbval-check-output",
                 text=f"练习 {n}：通过\n", hidden=True)]


def good():
    cells = [markdown("# 2.1 小课")]
    content = {
        "学习目标": [markdown("**先修**：无。**预计用时**：1 分钟。**硬件**：任意。"),
                 code('PROFILE = None  # None: take AIGC_PROFILE, else "full"\nSEED = 0', "parameters")],
        "数据": [code("print(3)", "nbval-check-output", text="3\n")],
        "结果": [code("show(fig)", data={"image/png": PIXELS, "text/plain": "一条线"},
                    metadata={"image/png": {"alt": "一条线"}})],
        "断言核查": [code("claim.measure(1, 2)", data={EVIDENCE_MIME: {
            "id": "a.b", "notebook": "mini", "profile": "full"}})],
        "练习": [cell for n in (1, 2, 3) for cell in exercise(n)],
    }
    for heading in HEADINGS:
        cells += [markdown(f"## {heading}"), *content.get(heading, [])]
    return stamped(nbformat.v4.new_notebook(cells=cells))


def stamped(nb):
    for i, cell in enumerate((cell for cell in nb.cells if cell.cell_type == "code"), 1):
        cell.execution_count = i
    nb.metadata["aigc"] = {"profile": "full", "seed": 0, "code_sha256": code_hash(nb), "seconds": 50}
    return nb


def find(nb, text):
    return next(cell for cell in nb.cells if text in cell.source)


def output(nb, text):
    return find(nb, text).outputs[0]


def problems(contract, nb, chapter=CHAPTER):
    return NOTEBOOK_CONTRACTS[contract](nb, chapter)


@pytest.mark.parametrize("contract", NOTEBOOK_CONTRACTS)
def test_the_good_notebook_keeps_every_contract(contract):
    assert problems(contract, good()) == []


def edit(text, change):
    """A bad example: change the first cell that holds ``text``."""
    return lambda nb: change(find(nb, text))


def source(old, new):
    return edit(old, lambda cell: cell.update(source=cell.source.replace(old, new)))


def drop(text):
    return lambda nb: nb.cells.remove(find(nb, text))


def swap(nb):
    a, b = find(nb, "## 案例"), find(nb, "## 数据")
    a.source, b.source = b.source, a.source


def hint_first(nb):
    hint = find(nb, "<details>")
    nb.cells.remove(hint)
    nb.cells.insert(nb.cells.index(find(nb, "grade(check_1, answer_1)")), hint)


BAD = [
    ("anatomy", source("# 2.1 小课", "# 2.2 小课"), "# 2.1 小课"),
    ("anatomy", source("## 案例", "## 案例：衬衫"), "案例"),
    ("anatomy", drop("## 数据"), "数据"),
    ("anatomy", swap, "依次"),
    ("anatomy", source("**先修**", "**要求**"), "先修"),
    ("anatomy", source("预计用时", "时间"), "预计用时"),
    ("anatomy", source("硬件", "机器"), "硬件"),
    ("parameters", edit("PROFILE", lambda cell: cell.metadata.pop("tags")), "parameters 标签"),
    ("parameters", edit("print(3)", lambda cell: cell.metadata["tags"].append("parameters")), "parameters 标签"),
    ("parameters", source("SEED = 0", "SEED = 1"), "SEED = 0"),
    ("parameters", source("PROFILE = None", "PROFILE = 'full'"), "PROFILE = None"),
    ("short_cells", source("print(3)", "\n".join(f"x = {i}" for i in range(21))), "21 行"),
    ("offline", source("print(3)", "!ls"), "命令行：!ls"),
    ("offline", source("print(3)", "files = !ls"), "命令行"),
    ("offline", source("print(3)", "%pip install torch"), "%pip"),
    ("offline", source("print(3)", "%%bash\nls"), "%%bash"),
    ("offline", source("print(3)", "import requests"), "网络：requests"),
    ("offline", source("print(3)", "from urllib.request import urlopen"), "网络：urllib.request"),
    ("offline", source("print(3)", "MNIST('.', download=True)"), "download=True"),
    ("offline", source("print(3)", "pd.read_csv('https://example.org/a.csv')"), "https://example.org"),
    ("offline", source("print(3)", "print("), "不是合法的 Python"),
    ("executed", edit("print(3)", lambda cell: cell.update(execution_count=None)), "完整运行"),
    ("executed", edit("print(3)", lambda cell: cell.update(execution_count=9)), "完整运行"),
    ("executed", lambda nb: [cell.update(outputs=[]) for cell in nb.cells if "outputs" in cell], "完整运行"),
    ("executed", edit("print(3)", lambda cell: cell.outputs.append(
        nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=[]))), "ValueError"),
    ("beside", edit("print(3)", lambda cell: (cell.update(source="fig = 3"),
                                              cell.metadata["tags"].append("interactive"))), "fig"),
    ("beside", edit("claim.measure", lambda cell: cell.metadata.update(tags=["interactive"])), "不能测量断言"),
    ("fresh", source("print(3)", "print(4)"), "另一版代码"),
    ("fresh", lambda nb: nb.metadata["aigc"].update(profile="smoke"), "完整运行"),
    ("fresh", lambda nb: nb.metadata["aigc"].update(seed=1), "种子 0"),
    ("fresh", lambda nb: nb.metadata.pop("aigc"), "完整运行"),
    ("pictures", lambda nb: output(nb, "show(fig)").metadata.clear(), "替代文字"),
    ("pictures", lambda nb: output(nb, "show(fig)").metadata["image/png"].update(alt=" "), "替代文字"),
    ("pictures", lambda nb: output(nb, "show(fig)").metadata["image/png"].update(alt="<Figure size 1>"), "替代文字"),
    ("pictures", source("## 原理", "## 原理\n![](a.png)"), "替代文字"),
    ("pictures", source("## 原理", "## 原理\n<img src='a.png'>"), "替代文字"),
    ("pictures", source("## 原理", "## 原理\n<img src='a.png' alt=''>"), "替代文字"),
    ("pictures", lambda nb: output(nb, "show(fig)").data.update({"text/html": f'<img src="base64,{PIXELS}">'}), "替代"),
    ("pictures", lambda nb: output(nb, "show(fig)").data.update({"image/png": "A" * 800_004}), "最多 600 KB"),
    ("glyphs", lambda nb: output(nb, "print(3)").update(
        text="UserWarning: Glyph 27169 (\\N{CJK}) missing from font(s) DejaVu Sans."), "字体没有的字"),
    ("glyphs", lambda nb: output(nb, "print(3)").update(
        text="Font 'rm' does not have a glyph for '\\u6a21' [U+6a21]"), "字体没有的字"),
    ("nbval", lambda nb: [cell.metadata.pop("tags", 0) for cell in nb.cells], "nbval-check-output"),
    ("nbval", edit("print(3)", lambda cell: cell.update(outputs=[])), "没有存下输出"),
    ("exercises", source("### 练习 3", "### 作业 3"), "至少 3 个"),
    ("exercises", source("### 练习 3", "### 练习 4"), "至少 3 个"),
    ("exercises", source("def answer_2(x)", "def reply_2(x)"), "练习 2 没有带 exercise-check"),
    ("exercises", source("def answer_2(x):\n    raise NotImplementedError", "def answer_2(x):\n    return x"),
     "练习 2 没有带 exercise 标签"),
    ("exercises", drop("grade(check_2, answer_2)"), "练习 2 没有带 exercise-check"),
    ("exercises", drop("grade(check_2, solution_2)"), "练习 2 没有带 solution"),
    ("exercises", source("<details>提示</details>", "提示"), "练习 1 没有放在 <details>"),
    ("exercises", lambda nb: output(nb, "grade(check_2, answer_2)").update(text="练习 2：通过\n"), "空白答案"),
    ("exercises", lambda nb: output(nb, "grade(check_2, solution_2)").update(text="练习 2：还没通过——\n"), "没有通过"),
    ("exercises", edit("grade(check_2, solution_2)", lambda cell: cell.metadata.pop("jupyter")), "折叠"),
    ("exercises", edit("grade(check_2, solution_2)", lambda cell: cell.metadata["tags"].remove("hide-cell")), "折叠"),
    ("exercises", source("热身", "第一题"), "以“热身”开头"),
    ("exercises", source("开放题", "第三题"), "以“开放题”开头"),
    ("exercises", lambda nb: nb.cells.append(code("print(solution_2)")), "用到答案格里的 solution_2：给它加 uses-solution"),
    ("exercises", edit("grade(check_2, answer_2)", lambda cell: cell.metadata["tags"].pop()), "都要带 nbval-check-output"),
    ("exercises", edit("grade(check_2, solution_2)", lambda cell: cell.metadata["tags"].remove("nbval-check-output")),
     "都要带 nbval-check-output"),
    ("exercises", hint_first, "依次是空格子、检查格、提示、答案"),
    ("claims", drop("claim.measure"), "没有测量"),
    ("claims", lambda nb: output(nb, "claim.measure").data[EVIDENCE_MIME].update(notebook="other"), "other 名下"),
    ("claims", lambda nb: output(nb, "claim.measure").data[EVIDENCE_MIME].update(profile="smoke"), "快速检查"),
    ("budget", lambda nb: nb.metadata["aigc"].update(seconds=76), "用了 76 秒，预算是 60"),
]


@pytest.mark.parametrize("contract, spoil, complaint", BAD)
def test_a_bad_example_is_rejected(contract, spoil, complaint):
    nb = good()
    spoil(nb)
    found = problems(contract, nb)
    assert len(found) == 1 and complaint in found[0], found


def test_budgets_over_the_limit_are_rejected():
    found = problems("budget", good(), Chapter("mini", "2.1", "小课", "部分", 181, 26))
    assert len(found) == 2 and "full 的预算 181" in found[0] and "smoke 的预算 26" in found[1]


def test_every_contract_has_a_bad_example():
    assert {contract for contract, _, _ in BAD} == set(NOTEBOOK_CONTRACTS)


def test_check_notebook_puts_them_together(course):
    chapter = course.add("mini", nb=good(), section="2.1", seconds=20)
    found = check_notebook(chapter)  # added as "标题mini", with a budget of 20 s
    assert len(found) == 2 and all(problem.startswith("mini：") for problem in found)


PYPROJECT = """
[project]
name = "p"
requires-python = ">=3.11"
dependencies = ["torch==2.13.0", "numpy>=2", "scikit_learn"]
[project.optional-dependencies]
dev = ["pytest>=9"]
"""


def environment(tmp_path, *lines, pip=()):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    text = "name: aigc\ndependencies:\n" + "".join(f"  - {line}\n" for line in lines)
    text += "  - pip:\n" + "".join(f"    - {line}\n" for line in pip) if pip else ""
    (tmp_path / "environment.yml").write_text(text)
    return environment_problems(tmp_path / "environment.yml", tmp_path / "pyproject.toml")


def test_environments_that_agree(tmp_path):
    assert environment(tmp_path, "python>=3.11", "pip", pip=["-c constraints.txt", "-e .[dev]"]) == []
    assert environment(tmp_path, "python >=3.11", "pytorch==2.13.0", "numpy>=2", "scikit-learn") == []


@pytest.mark.parametrize("lines, pip, complaint", [
    (["pip"], ["-e ."], "缺少 python"),
    (["python=3.10"], ["-e ."], "python 的版本应当是 >=3.11，现在是 =3.10"),
    (["python>=3.11"], ["-e .[docs]"], "没有叫 docs 的可选依赖"),
    (["python>=3.11", "pandas"], ["-e ."], "pandas 不是 pyproject 的依赖"),
    (["python>=3.11", "numpy>=1"], ["-e ."], "numpy 的版本应当是 >=2，现在是 >=1"),
    (["python>=3.11", "pytorch", "numpy"], [], "缺少 scikit-learn"),
])
def test_environments_that_do_not(tmp_path, lines, pip, complaint):
    found = environment(tmp_path, *lines, pip=pip)
    assert len(found) == 1 and complaint in found[0], found


def readme(tmp_path, text):
    (tmp_path / "README.md").write_text(text)
    (tmp_path / "Makefile").write_text("PYTHON := python\ncourse: venv\n\taigc run\ntest:\n\tpytest\n")
    return readme_problems(tmp_path / "README.md", tmp_path / "Makefile")


def test_a_readme_that_is_right(tmp_path):
    assert readme(tmp_path, """
`make course`，`aigc run ch02 --jobs 2`，`aigc evidence run|check`，`ls`，make fire

```bash
$ make test  # all of it
aigc evidence run ch02_2_gan --seeds 5
make course TORCH_INDEX=<the index of PyTorch>
```
""") == []


@pytest.mark.parametrize("text, complaint", [
    ("`make book`", "没有目标 book"),
    ("```sh\nmake course book\n```", "没有目标 book"),
    ("`aigc walk`", "没有 walk"),
    ("```\naigc evidence try\n```", "没有 try"),
    ("`aigc run ch02 --fast`", "没有 --fast"),
    ("`aigc evidence run|try`", "没有 run|try"),
])
def test_a_readme_that_is_wrong(tmp_path, text, complaint):
    found = readme(tmp_path, text)
    assert len(found) == 1 and complaint in found[0], found
