"""The meaning of code as a text, the same in every version of Python and independent of what has no effect.

`ast.dump` and bytecode differ from version to version, and comments, blank lines, docstrings and annotations change
nothing that a step does. So the tree is written in an own form: the name of each node and its fields that hold
something, without those that only describe.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, TypeAlias

CodeNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_DESCRIBING: Final = frozenset(
    ("annotation", "ctx", "decorator_list", "kind", "returns", "type_comment", "type_ignores", "type_params")
)
_DOCUMENTED: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def canonical_text(node: CodeNode) -> str:
    """What a function or lambda does, without its own name."""
    return "".join(_node(node, own_name=False))


def _node(node: ast.AST, *, own_name: bool = True) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield _constant(node.value)
        return
    yield f"{type(node).__name__}("
    for name, value in ast.iter_fields(node):
        if name in _DESCRIBING or value is None or value == [] or (name == "name" and not own_name):
            continue
        yield f"{name}="
        if name == "body" and isinstance(node, _DOCUMENTED):
            yield from _value(_undocumented(node.body))
        elif name == "values" and isinstance(node, ast.JoinedStr):
            yield from _value(_joined(node.values))
        else:
            yield from _value(value)
    yield ")"


def _value(value: object) -> Iterator[str]:
    if isinstance(value, ast.AST):
        yield from _node(value)
    elif isinstance(value, list):
        yield "["
        for one in value:
            yield from _value(one)
            yield ","
        yield "]"
    else:
        yield _constant(value)


def _constant(value: object) -> str:
    """A constant. Not by `repr`: which characters it shows depends on the version of Unicode."""
    # Whole numbers in base 16, since Python refuses to write very long ones in base 10.
    text = hex(value) if isinstance(value, int) and not isinstance(value, bool) else ascii(value)
    return f"{type(value).__name__}:{text};"


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if documented else body


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """The pieces of an f-string, with texts beside each other joined: versions of Python cut them differently."""
    joined: list[ast.expr] = []
    for value in values:
        last = joined[-1] if joined else None
        if not isinstance(value, ast.Constant):
            joined.append(value)
        elif isinstance(last, ast.Constant):
            joined[-1] = ast.Constant(str(last.value) + str(value.value))
        elif value.value != "":
            joined.append(value)
    return joined
