"""A miniature course: one of everything the site must render, in two small chapters."""

import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from nbformat import v4
from PIL import Image

from aigc_lib import paths
from aigc_lib.course import site as builder

REPOSITORY = Path(__file__).resolve().parents[2]
PHRASE = "先加噪声再学会去噪"
WIDE = "| " + " | ".join(f"第{i}列数据" for i in range(12)) + " |\n|" + "---|" * 12 + "\n|" + " 0.1234 |" * 12
MANIFEST = """
[[notebook]]
name = "ch01_tiny"
section = "1"
title = "概述"
part = "第一部分 基础"
full_seconds = 60
smoke_seconds = 25

[[notebook]]
name = "ch02_small"
section = "2.1"
title = "小模型"
part = "第二部分 行业"
full_seconds = 60
smoke_seconds = 25
"""


def picture_output(alt: str, mime: str = "image/png") -> nbformat.NotebookNode:
    """A stored picture with its alt text, as ``plotting.show`` leaves it."""
    buffer = io.BytesIO()
    if mime == "image/gif":
        frames = [Image.new("RGB", (64, 64), colour) for colour in ("navy", "orange")]
        frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    else:
        figure, axes = plt.subplots(figsize=(6, 3))
        axes.plot([1, 3, 2], label=alt[:3])
        figure.savefig(buffer, format="png", dpi=100)
        plt.close(figure)
    data = {mime: base64.b64encode(buffer.getvalue()).decode(), "text/plain": alt}
    return v4.new_output("display_data", data=data, metadata={mime: {"alt": alt}})


def code(source: str, outputs: tuple = (), tags: tuple = ()) -> nbformat.NotebookNode:
    """A code cell that has been run."""
    return v4.new_code_cell(source, execution_count=1, outputs=list(outputs), metadata={"tags": list(tags)})


def evidence_output(claim: str) -> nbformat.NotebookNode:
    """What ``claim.measure`` displays."""
    data = {
        "application/vnd.aigc.evidence+json": {"id": claim, "raw_evidence_must_stay_hidden": 1},
        "text/markdown": "| 断言 | 结论 |\n|---|---|\n| 甲 | 支持 |",
        "text/html": "<table><tr><th>断言</th><th>结论</th></tr><tr><td>甲</td><td>支持</td></tr></table>",
    }
    return v4.new_output("display_data", data=data)


def frame_output() -> nbformat.NotebookNode:
    """A table as pandas shows it."""
    frame = pd.DataFrame({"甲": [1.5]}, index=["乙"])
    return v4.new_output("execute_result", data={"text/html": frame.to_html(), "text/plain": str(frame)}, execution_count=1)


def chapter_one() -> list[nbformat.NotebookNode]:
    """Pictures, mathematics, tables, an exercise with its solution, links."""
    text = v4.new_markdown_cell
    return [
        text("# 1 概述\n\n这一章的想法：**" + PHRASE + "**。下一章是 [2.1](ch02_small.ipynb)。"),
        text("## 学习目标\n\n数据的卡片在 [这里](../data/tiny/card.md)。见 [断言核查](#断言核查)。"),
        text("## 原理\n\n行内 $x_t = \\boldsymbol{\\epsilon}$，以及\n\n$$\\mathcal{L} = \\mathbb{E}\\lVert \\epsilon - \\epsilon_\\theta(x_t, t) \\rVert^2$$"),
        code("def add(x: int, y: int) -> int:\n    \"\"\"两数之和。\"\"\"\n    return x + y  # 整数\n\n\nprint(add(1, 2))", [v4.new_output("stream", name="stdout", text="3\n")]),
        code("show(a); show(b)", [picture_output("曲线：损失 [训练] 从 3 降到 1，单位 bit"), picture_output("两条曲线，a<b & 'c' \"d\" $e$")]),
        code("frame", [frame_output()]),
        code("animate()", [picture_output("动图：噪声变成衣服", "image/gif")]),
        text(WIDE + "\n\n> **提示** 引用块里的话。\n\n<details><summary>提示</summary>\n\n先想 *形状*。\n\n</details>"),
        text("### 练习 1\n\n写一个函数。"),
        code("def answer_1(x):\n    ...", tags=("exercise",)),
        code("def solution_1(x):\n    return 2 * x", [v4.new_output("stream", name="stdout", text="练习 1：通过\n")], ("solution", "hide-cell")),
        text("## 断言核查\n\n> **勘误**：文档说一加一等于三。\n>\n> 应当等于二，见 [2.1](ch02_small.ipynb)。\n\n框外的话：`ch01.甲：`，`ch77.none`。"),
        code("claim.measure(model=1.0, baseline=2.0)", [evidence_output("ch01.甲：")]),
    ]


def ledger_row(claim: str, section: str, diff: float, half: float, verdict: str, **other) -> dict:
    """A row of evidence.json."""
    notebook = {"1": "ch01_tiny", "2.1": "ch02_small"}.get(section, "ch99_absent")
    row = {
        "id": f"{notebook[:4]}.{claim[:2]}", "notebook": notebook, "section": section, "claim": claim,
        "metric": "重建误差", "unit": "MSE", "higher_is_better": False, "smallest_difference": 0.001,
        "model": "自动编码器", "baseline": "主成分分析（同样的潜变量维数）", "n": 5,
        "model_mean": 0.02 + diff, "baseline_mean": 0.02, "diff": diff,
        "ci_low": diff - half, "ci_high": diff + half, "verdict": verdict,
        "runs": [{"seed": s, "model": 0.02 + diff, "baseline": 0.02, "code_sha256": "0"} for s in range(1, 6)],
    }
    return row | other


def ledger() -> list[dict]:
    """One claim of each verdict, one with too few runs for an interval."""
    return [
        ledger_row("甲：自动编码器压缩图片时，比线性方法丢的信息少。", "1", -0.0042, 0.0011, "支持"),
        ledger_row("乙：生成对抗网络不会漏掉任何一个类别。", "2.1", 0.0003, 0.0002, "不支持"),
        ledger_row("丙：扩散模型 < 二十步就够 & 更快。", "2.1", -0.004, 0.0125, "证据不足", higher_is_better=False),
        ledger_row("丁：只跑了一次。", "9.1", 0.5, 0, "证据不足", n=1, ci_low=None, ci_high=None, higher_is_better=True),
    ]


def write_course(root: Path) -> Path:
    """Write the miniature under ``root``, with the real site sources, and return ``root``."""
    copy_book(root)
    (root / "notebooks").mkdir()
    (root / "notebooks" / "course.toml").write_text(MANIFEST, "utf-8")
    (root / "data" / "tiny").mkdir(parents=True)
    (root / "data" / "tiny" / "card.md").write_text("# 卡片\n", "utf-8")
    second = [v4.new_markdown_cell("# 2.1 小模型\n\n回到 [第一章的核查](ch01_tiny.ipynb#断言核查)。\n\n## 断言核查"),
              code("measure()", [evidence_output("ch02.乙："), evidence_output("ch02.丙：")])]
    for name, cells in (("ch01_tiny", chapter_one()), ("ch02_small", second)):
        notebook = v4.new_notebook(cells=cells, metadata={"aigc": {"profile": "full", "seed": 0}})
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata.language_info = {"name": "python"}
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    (root / "book" / "evidence.json").write_text(json.dumps(ledger(), ensure_ascii=False), "utf-8")
    return root


def copy_book(root: Path) -> None:
    """The repository's site sources without anything that was generated."""
    ignore = shutil.ignore_patterns("_build", "chapters", "jupyter_execute", "__pycache__", "evidence.json")
    shutil.copytree(REPOSITORY / "book", root / "book", ignore=ignore)


def build_at(root: Path, say: Callable[[str], None] = print) -> Path:
    """Build the course under ``root`` in this process; returns the folder of the site."""
    with pytest.MonkeyPatch.context() as patch:
        for name, folder in (("ROOT", "."), ("NOTEBOOKS", "notebooks"), ("BOOK", "book"), ("DATA", "data")):
            patch.setattr(paths, name, root / folder)
        return builder.build(say=say).parent
