"""Counts lines of Python that hold code."""

import ast
import io
import tokenize
from collections.abc import Sequence

NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def count_lines(source: str, names: Sequence[str] | None = None) -> int:
    """Lines of Python that hold code: blank lines, comments and docstrings left out.

    names: only these top-level functions and classes, decorators included; ValueError for one that is not there.
    """
    tree = ast.parse(source)
    wanted = tree.body
    if names is not None:
        there = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        if lost := [name for name in names if name not in there]:
            raise ValueError(f"no top-level function or class {', '.join(lost)} in this source.")
        wanted = [there[name] for name in names]
    spans = [range(min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", []))]), n.end_lineno + 1) for n in wanted]
    code = {line for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type not in NOT_CODE for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            code -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(code & {line for span in spans for line in span})
