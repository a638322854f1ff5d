"""The digest of a step's code, by which a resumed run notices that the code was changed.

It covers the callable itself: its code, the plain values that it holds, and the functions that it wraps or closes
over. It does not cover functions that it calls by name, nor the contents of other objects: those could not be read
without reading everything, and `repr` shows addresses and secrets.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from inspect import getattr_static
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Final

from lightagent.application.flow.canonical_trees import CodeNode, canonical_text
from lightagent.application.flow.code_sources import find_code

TREE_PREFIX: Final = "tree-1:"
"""Digests that every version of Python can compare."""

CODE_PREFIX: Final = f"code-{sys.version_info[0]}.{sys.version_info[1]}:"
"""Prefix of digests of bytecode, used where the source is missing: comparable within one version of Python only."""

_PLAIN: Final = (type(None), bool, int, float, complex, str, bytes)
_MOST_DEPTH: Final = 12


def code_digest(work: object) -> str:
    """The digest of a callable: a function, lambda, method, partial, or an object that can be called.

    Take it when the step is declared, since the source is read now, and a file that is edited later is not what runs.
    """
    seen: set[int] = set()
    text = "".join(_callable(work, seen, 0))
    # An own mark in the text, since any piece without source makes the whole comparable by this version alone.
    prefix = CODE_PREFIX if _NO_SOURCE in text else TREE_PREFIX
    return prefix + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_NO_SOURCE: Final = "\x00no source\x00"


def _callable(work: object, seen: set[int], depth: int) -> Iterator[str]:
    if depth > _MOST_DEPTH or id(work) in seen:
        yield f"again:{_type_name(work)};"
    elif isinstance(work, FunctionType):
        seen.add(id(work))
        yield from _function(work, seen, depth)
    elif isinstance(work, MethodType):
        yield f"method of {_type_name(work.__self__)}:"
        yield from _callable(work.__func__, seen, depth + 1)
    elif isinstance(work, partial):
        yield "partial("
        yield from _callable(work.func, seen, depth + 1)
        yield from _value(work.args, seen, depth + 1)
        for name in sorted(work.keywords):
            yield f"{name}="
            yield from _value(work.keywords[name], seen, depth + 1)
        yield ")"
    elif isinstance(work, BuiltinFunctionType):
        yield f"builtin:{work.__module__}.{work.__qualname__};"
    else:
        yield from _object(work, seen, depth)


def _object(work: object, seen: set[int], depth: int) -> Iterator[str]:
    """An object by its type, and by what happens when it is called."""
    yield f"object:{_type_name(work)};"
    called = None if isinstance(work, type) else getattr_static(type(work), "__call__", None)
    if isinstance(called, FunctionType):
        yield from _callable(called, seen, depth + 1)
    wrapped = getattr(work, "__wrapped__", None)
    if isinstance(wrapped, (FunctionType, MethodType, partial)):
        yield from _callable(wrapped, seen, depth + 1)


def _function(function: FunctionType, seen: set[int], depth: int) -> Iterator[str]:
    node = find_code(function)
    if node is None:
        yield _NO_SOURCE
        yield from _bytecode(function.__code__, seen, depth)
        yield from _value(function.__defaults__, seen, depth + 1)
        for name, default in sorted((function.__kwdefaults__ or {}).items()):
            yield f"{name}="
            yield from _value(default, seen, depth + 1)
    else:
        yield canonical_text(node)
    changed = set() if node is None else _reassigned(node)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        if name in changed:
            continue
        yield f"{name}="
        try:
            held: object = cell.cell_contents
        except ValueError:  # nothing has been assigned to it yet
            yield "nothing;"
        else:
            yield from _value(held, seen, depth + 1)
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None:
        yield "wrapped:"
        yield from _callable(wrapped, seen, depth + 1)


def _reassigned(node: CodeNode) -> set[str]:
    """The names outside of a function that it assigns to: they hold state of earlier calls."""
    return {name for one in ast.walk(node) if isinstance(one, ast.Nonlocal) for name in one.names}


def _value(value: object, seen: set[int], depth: int) -> Iterator[str]:
    """What a function holds: plain values as they are, functions by their digest, other objects by their type.

    What can change, such as a list, counts by its type as well: its contents are often state of earlier calls.
    """
    if isinstance(value, _PLAIN):
        yield f"{type(value).__name__}:{hex(value) if type(value) is int else ascii(value)};"
    elif depth > _MOST_DEPTH:
        yield f"deep:{_type_name(value)};"
    elif isinstance(value, tuple):
        yield "tuple["
        for one in value:
            yield from _value(one, seen, depth + 1)
        yield "]"
    elif isinstance(value, frozenset):
        yield f"set[{''.join(sorted(''.join(_value(one, seen, depth + 1)) for one in value))}]"
    elif isinstance(value, (FunctionType, MethodType, partial, BuiltinFunctionType)):
        yield from _callable(value, seen, depth)
    else:
        yield f"object:{_type_name(value)};"


def _bytecode(code: CodeType, seen: set[int], depth: int) -> Iterator[str]:
    yield f"{code.co_code.hex()};{code.co_names!a};{code.co_varnames!a};"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _bytecode(constant, seen, depth)
        else:
            yield from _value(constant, seen, depth + 1)


def _type_name(value: object) -> str:
    """The name of a type, without its module: that is another one where the file is run as a program."""
    kind = value if isinstance(value, type) else type(value)
    return kind.__qualname__
