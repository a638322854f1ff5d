"""Check whether model-written code can be a file of a tools directory. The code is parsed and never run."""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from typing import Final

from lightagent.application.tools.tool_file import NOT_APPROVED, VALID_FILE_NAME
from lightagent.application.tools.tool_info import is_mapping, validate_tool_info
from lightagent.domain.text.characters import is_invisible

MOST_CODE: Final = 100_000
"""The maximum length of one tool's code, in characters."""

Function = ast.FunctionDef | ast.AsyncFunctionDef

_ACTS: Final = (
    *(ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith),
    *(ast.Delete, ast.Assert, ast.Raise, ast.Match),
)
_ENDS_LINES: Final = "\u2028\u2029"
"""Characters that end a line in some programs that display text, but not in Python."""


def name_problems(name: str) -> Iterator[str]:
    """Yield the problems of a tool's name, which becomes the name of its file."""
    if not VALID_FILE_NAME.fullmatch(name) or len(name) > 64:
        yield f"{name[:80]!r} cannot be the name of a tool: 1 to 64 letters, digits and _, beginning with no digit"
    elif keyword.iskeyword(name) or name.startswith("_"):
        yield f"{name!r} cannot be the name of a tool: it is a word of Python, or begins with _"


def code_problems(name: str, code: str) -> Iterator[str]:
    """Yield the reasons why `code` cannot be the file of the tool `name`, one sentence each."""
    if len(code) > MOST_CODE:
        yield f"the code has {len(code):,} characters, and {MOST_CODE:,} are the most"
        return
    tree = _parsed(code)
    if isinstance(tree, str):
        yield tree
        return
    yield from _otherwise_read(code)
    functions = [node for node in tree.body if isinstance(node, Function) and node.name == name]
    if len(functions) != 1:
        yield f"the code defines {'no' if not functions else 'more than one'} function {name!r} at its top level"
        return
    yield from _deeds(tree.body)
    infos = [value for node in tree.body for value in _info_set_by(node, name)]
    if len(infos) != 1:
        yield f"the code must say {name}.tool_info = {{...}} once, at its top level"
        return
    yield from _info_problems(name, _literal(infos[0], tree), functions[0])


def _parsed(code: str) -> ast.Module | str:
    """Return the syntax tree of the code, or why it does not compile."""
    try:
        code.encode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The model need not know about invalid escapes.
            tree = ast.parse(code)
            compile(tree, "<generated tool>", "exec", dont_inherit=True)
    except SyntaxError as exc:
        return f"the code does not compile: line {exc.lineno}: {exc.msg}"
    except (ValueError, RecursionError, MemoryError) as exc:
        return f"the code does not compile: {type(exc).__name__}: {str(exc)[:200]}"
    return tree


def _otherwise_read(code: str) -> Iterator[str]:
    """Yield what would make Python, or a person who reads the change, read the code differently from this check."""
    # The first two lines may declare an encoding: check the file as it is written, and as it is once approved.
    for text in (code, f"{NOT_APPROVED}\n{code}"):
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
        except SyntaxError:
            encoding = "an unknown one"
        if encoding != "utf-8":
            yield f"the code says that its encoding is {encoding[:40]}; leave that line out, since the file is UTF-8"
            break
    for number, line in enumerate(code.split("\n"), 1):
        hidden = next((one for one in line if one != "\t" and (is_invisible(one) or one in _ENDS_LINES)), None)
        if hidden is not None:
            yield f"line {number} holds U+{ord(hidden):04X}, which is not seen; write it as an escape, or leave it out"


def _deeds(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the statements that would have an effect as soon as the file is loaded."""
    for node in body:
        if isinstance(node, _ACTS) or (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)):
            yield f"line {node.lineno} does something when the file is loaded; put it into the function"
        elif not _runs_as_program(node):
            yield from _deeds(_within(node))


def _within(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements inside a statement that run with it: those of a class or a branch, but not of a function."""
    if isinstance(node, Function):
        return
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.stmt):
            yield inner
        elif isinstance(inner, ast.ExceptHandler | ast.match_case):
            yield from _within(inner)


def _runs_as_program(node: ast.stmt) -> bool:
    """Whether this is ``if __name__ == "__main__":``, which is false when the file is loaded."""
    return isinstance(node, ast.If) and not node.orelse and ast.unparse(node.test) == "__name__ == '__main__'"


def _info_set_by(node: ast.stmt, name: str) -> Iterator[ast.expr]:
    """Yield what a statement assigns to the `tool_info` of the function `name`."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Attribute) and target.attr == "tool_info":
            owner = target.value
            if isinstance(owner, ast.Name) and owner.id == name:
                yield node.value


def _literal(written: ast.expr, tree: ast.Module) -> ast.expr:
    """Return the expression, or, for a name assigned exactly once at the top level, its value."""
    if not isinstance(written, ast.Name):
        return written
    found = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == written.id
    ]
    return found[0] if len(found) == 1 else written


def _info_problems(name: str, written: ast.expr, function: Function) -> Iterator[str]:
    try:
        info: object = ast.literal_eval(written)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        yield f"{name}.tool_info must be written out as a literal dict"
        return
    for problem in validate_tool_info(info):
        if problem["level"] == "error":
            yield f"{problem['field']}: {problem['message']}"
    if not is_mapping(info):
        return
    if info.get("tool_name") != name:
        yield f"tool_name must be {name!r}, the name of the function"
    params = info.get("tool_params")
    if isinstance(params, list | tuple):
        yield from _mismatches({str(one.get("name")) for one in params if is_mapping(one)}, function)


def _mismatches(described: set[str], function: Function) -> Iterator[str]:
    """Yield the parameters in which the description and the function differ."""
    arguments = function.args
    if arguments.posonlyargs or arguments.vararg:
        yield f"{function.name} must take its parameters by name, without / and *{_name(arguments.vararg)}"
    names = [one.arg for one in (*arguments.args, *arguments.kwonlyargs)]
    filled = names[len(arguments.args) - len(arguments.defaults) : len(arguments.args)]
    filled += [
        one.arg for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is not None
    ]
    for one in sorted(described - set(names)) if arguments.kwarg is None else ():
        yield f"tool_params names {one!r}, which is not a parameter of {function.name}"
    for one in names:
        if one not in described and one not in filled:
            yield f"the parameter {one!r} of {function.name} is not in tool_params and has no default"


def _name(argument: ast.arg | None) -> str:
    return "" if argument is None else argument.arg
