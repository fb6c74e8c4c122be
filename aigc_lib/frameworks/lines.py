"""Counts what a reader has to read: lines of Python, however they are wrapped."""

import ast
from collections.abc import Sequence


def count_lines(source: str, names: Sequence[str]) -> int:
    """Lines of these top-level functions and classes, one a statement: comments, docstrings and blank lines left out.

    ValueError for a name that is not there.
    """
    there = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if lost := [name for name in names if name not in there]:
        raise ValueError(f"no top-level function or class {', '.join(lost)} in this source.")
    total = 0
    for name in names:
        for node in ast.walk(there[name]):
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        total += sum(bool(line.strip()) for line in ast.unparse(there[name]).splitlines())
    return total
