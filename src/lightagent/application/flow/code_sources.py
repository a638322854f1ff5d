"""The syntax tree of a function that is already loaded, from the file that it was loaded from.

`inspect.getsource` gives a lambda's whole line, so lambdas are found by the positions that their instructions carry. A
file is parsed and indexed once, however many functions of it are looked for.
"""

from __future__ import annotations

import ast
import linecache
import threading
from collections import defaultdict
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Final

from lightagent.application.flow.canonical_trees import CodeNode

_MOST_FILES: Final = 64


@dataclass(frozen=True, slots=True)
class _File:
    """The functions of a file by their first line, which is that of the first decorator; `lines` says of which text."""

    lines: list[str]
    nodes: dict[int, list[CodeNode]]


_files: dict[str, _File] = {}
_lock = threading.Lock()


def find_code(function: FunctionType) -> CodeNode | None:
    """The tree of a function or lambda; None: its source cannot be read, or it is not there.

    The file is read when this is called. So it has to be called when a step is declared: later the file may be another
    than the one that runs.
    """
    code = function.__code__
    found = _indexed(code.co_filename, function.__globals__)
    if found is None:
        return None
    there = found.nodes.get(code.co_firstlineno, [])
    if code.co_name == "<lambda>":
        return _lambda(code, [node for node in there if isinstance(node, ast.Lambda)])
    named = [node for node in there if not isinstance(node, ast.Lambda) and node.name == code.co_name]
    return named[0] if len(named) == 1 else None


def _indexed(filename: str, module: dict[str, object]) -> _File | None:
    with _lock:
        linecache.checkcache(filename)
        lines = linecache.getlines(filename, module)
        known = _files.get(filename)
        # linecache gives the same list as long as the file is the same.
        if known is not None and known.lines is lines:
            return known
        try:
            tree = ast.parse("".join(lines))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        if not lines:
            return None
        while len(_files) >= _MOST_FILES:
            del _files[next(iter(_files))]
        _files[filename] = _File(lines, _functions(tree))
        return _files[filename]


def _functions(tree: ast.Module) -> dict[int, list[CodeNode]]:
    found: dict[int, list[CodeNode]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            found[node.lineno].append(node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            found[first].append(node)
    return dict(found)


def _lambda(code: CodeType, lambdas: list[ast.Lambda]) -> ast.Lambda | None:
    """The innermost lambda whose body all instructions lie in."""
    spans = [
        ((line, column), (end, end_column))
        for line, end, column, end_column in code.co_positions()
        if line is not None and end is not None and column is not None and end_column is not None
    ]
    # The first instructions stand for the whole and are at the beginning of the line, without any extent.
    spans = [span for span in spans if span[0] != span[1]]
    if not spans:
        return lambdas[0] if len(lambdas) == 1 else None
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    around = [node for node in lambdas if _start(node.body) <= first and last <= _end(node.body)]
    # Of lambdas that lie in each other the one that begins last.
    return max(around, key=lambda node: _start(node.body), default=None)


def _start(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
