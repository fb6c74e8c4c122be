"""Which names a piece of notebook code makes and which it needs: enough to run one exercise without its lesson."""

import ast
import re
import symtable
from collections.abc import Iterable

MAGIC = re.compile(r"(?m)^\s*%.*$")
ALWAYS_BIND = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)


def without_magics(code: str) -> str:
    return MAGIC.sub("", code)


def bound(code: str) -> set[str]:
    """The global names that ``code`` makes; SyntaxError when it is not Python."""
    return {s.get_name() for s in _table(code).get_symbols() if s.is_assigned() or s.is_imported()}


def needed(code: str) -> set[str]:
    """The global names that ``code`` reads, in its functions too; its own and Python's are among them."""
    table = _table(code)
    return {s.get_name() for s in table.get_symbols() if s.is_referenced()} | _globals(table)


def _globals(table: symtable.SymbolTable) -> set[str]:
    found = {s.get_name() for s in table.get_symbols() if table.get_type() != "module" and s.is_global()}
    return found.union(*map(_globals, table.get_children()))


def _table(code: str) -> symtable.SymbolTable:
    return symtable.symtable(without_magics(code), "<cell>", "exec")


def backward_slice(before: Iterable[str], code: str) -> str:
    """The statements of the cells ``before`` that ``code`` needs, in their order, as one program.

    It follows names only: a statement that changes an object in place is left out.
    """
    kept, wanted = [], needed(code)
    for source in reversed([ast.unparse(s) for cell in before for s in ast.parse(without_magics(cell)).body]):
        if makes := bound(source) & wanted:
            kept.append(source)
            if isinstance(ast.parse(source).body[0], ALWAYS_BIND):
                wanted -= makes
            wanted |= needed(source)
    return "\n".join(reversed(kept))
