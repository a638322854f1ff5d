"""Every regular expression of the package, found by walking its modules, and texts that a slow one cannot stand."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import lightagent

METHODS = ("search", "match", "fullmatch", "sub", "findall", "finditer", "split")
_OF_RE = re.compile(r"\bre\.")


@dataclass(frozen=True)
class Expression:
    """A regular expression.

    Attributes:
        module, name: where it stands: the variable that holds it, or the line where it is used at once.
        pattern, flags: what it says.
        method: how it is used; what is not seen to be used counts as searched for everywhere, which is the hardest.
    """

    module: str
    name: str
    pattern: str
    flags: int
    method: str

    @property
    def place(self) -> str:
        return f"{self.module}:{self.name}"


def expressions() -> list[Expression]:
    """Those that are compiled when a module is loaded, and those that are written where they are used."""
    loaded = [(module, _tree(module)) for module in _modules() if _has_expressions(module)]
    used: dict[str, str] = {}
    for module, tree in loaded:
        used.update({f"{module.__name__}.{name}": method for name, method in _uses(tree)})
    found = [one for module, tree in loaded for one in (*_compiled(module, used), *_at_once(module, tree))]
    return list({(one.pattern, one.flags, one.method): one for one in reversed(found)}.values())[::-1]


def unseen() -> list[str]:
    """The places where an expression is made of what is only known when it is used."""
    return sorted(
        {
            f"{module.__name__}:{function}"
            for module in _modules()
            if _OF_RE.search(_source(module))
            for function, call in _calls(_tree(module))
            if _evaluated(module, call) is None
        }
    )


def _modules() -> list[ModuleType]:
    names = [one.name for one in pkgutil.walk_packages(lightagent.__path__, "lightagent.")]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


def _has_expressions(module: ModuleType) -> bool:
    """Whether the module is worth parsing, which takes longer than all else here; most are not."""
    return bool(_OF_RE.search(_source(module))) or any(True for _ in _compiled(module, {}))


@cache
def _source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(_source(module))


def _compiled(module: ModuleType, used: Mapping[str, str]) -> Iterator[Expression]:
    for variable, value in vars(module).items():
        if not variable.startswith("__"):
            for name, pattern in _patterns(variable, value):
                method = used.get(f"{module.__name__}.{variable}", "finditer")
                yield Expression(module.__name__, name, _text(pattern.pattern), pattern.flags, method)


def _patterns(name: str, value: object) -> Iterator[tuple[str, re.Pattern[str]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, tuple | list | frozenset | set):
        for number, one in enumerate(value):
            yield from _patterns(f"{name}[{number}]", one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _patterns(f"{name}[{key!r}]", one)


def _uses(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The method that each named expression is used with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
            yield node.value.id, node.attr


def _at_once(module: ModuleType, tree: ast.Module) -> Iterator[Expression]:
    for function, call in _calls(tree):
        evaluated = _evaluated(module, call)
        if evaluated is not None and isinstance(call.func, ast.Attribute):
            yield Expression(
                module.__name__, f"{function}:{call.lineno}", _text(evaluated.pattern), evaluated.flags, call.func.attr
            )


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """The calls of `re` in the module's functions, each with the function's name."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _is_of_re(node.func):
                    yield function.name, node


def _is_of_re(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and isinstance(called.value, ast.Name)
        and called.value.id == "re"
        and called.attr in METHODS
    )


def _evaluated(module: ModuleType, call: ast.Call) -> re.Pattern[str] | None:
    """The expression that a call uses; None where it depends on what the function was given."""
    flags = next((word.value for word in call.keywords if word.arg == "flags"), None)
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if flags is None and method in ("search", "match", "fullmatch", "findall", "finditer") and len(call.args) > 2:
        flags = call.args[2]
    source = f"re.compile({ast.unparse(call.args[0])}, {ast.unparse(flags) if flags else 0})"
    try:
        compiled: object = eval(source, {**vars(module), "re": re})
    except NameError:
        return None
    return compiled if isinstance(compiled, re.Pattern) else None


# Repeated as often as fits: what expressions look for, half of what they look for, and blanks of every kind.
_UNITS = (
    "a",
    " ",
    "\n",
    ".",
    '"',
    "'",
    "`",
    "0",
    "/",
    "-",
    "```json\n",
    "a@",
    "a.",
    "key=",
    "key='",
    "a://a:",
    "{",
    "[a ",
)


def hostile_texts(expression: Expression, size: int) -> Iterator[tuple[str, str]]:
    """Texts of about `size` characters with what to call them; none of them ends as it began."""
    for unit in _UNITS:
        yield f"{unit!r} again and again", unit * (size // len(unit)) + "\n!"
    for word in list(dict.fromkeys(re.findall(r"[A-Za-z]{2,}|[^\w\s\\()|?*+{}\[\]]+", expression.pattern)))[:2]:
        yield f"{word!r} again and again", word * (size // len(word)) + "\n!"
        for unit in (" ", "\n", "a"):
            yield f"{word!r}, then {unit!r} again and again", word + unit * size + "\n!"


def _text(pattern: str | bytes) -> str:
    """The pattern; that of bytes as one of the characters with their numbers, which is as hard."""
    return pattern if isinstance(pattern, str) else pattern.decode("latin-1")
