"""What can be read from a callable without resolving types: its name, parameters and kind.

Obvious mistakes are refused here, so that they are reported where a tool is declared and not when a model calls it.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import TypeAlias, TypeVar

from lightagent.domain.errors import ConfigurationError

Function: TypeAlias = Callable[..., object]
NamesT = TypeVar("NamesT")

VALID_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""The tool names that providers accept."""


def _remedy(given: object) -> str:
    return f"A name goes by name: tool(name={given!r:.60})." if isinstance(given, str) else ""


@dataclass(frozen=True, slots=True)
class Signature:
    """A callable as written in its source.

    Attributes:
        name: the name of the tool.
        parameters: the parameters that a call may fill, by name, without those that `functools.partial` has bound.
        bound: the parameters that `functools.partial` has bound.
        open_ended: whether it takes arbitrary keyword arguments.
        is_async: whether a call does not block, but returns something to await or to iterate over asynchronously.
    """

    name: str
    parameters: Mapping[str, inspect.Parameter]
    bound: frozenset[str]
    open_ended: bool
    is_async: bool

    def take_positional(self, named: dict[str, object]) -> list[object]:
        """Remove from `named` what has to be passed by position, and return it in order, with defaults filled in."""
        positional = [one for one in self.parameters.values() if one.kind is one.POSITIONAL_ONLY]
        return [named.pop(one.name, one.default) for one in positional]


def read_signature(function: Function, *, name: str | None = None, typed: bool = True) -> Signature:
    """Read the signature of `function`; the tool's name is `name`, or else the function's.

    Args:
        typed: require annotations, from which the model learns the parameters.

    Raises:
        ConfigurationError: it is a class, has no readable signature, or has a name that providers refuse; with `typed`:
            it has a parameter without an annotation, ``*args`` or ``**kwargs``.
    """
    if inspect.isclass(function):
        raise ConfigurationError(f"{function.__name__} is a class; a tool is a function or an object one can call.")
    name = check_name(name or _own_name(function))
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError) as exc:
        raise ConfigurationError(
            f"Tool {name!r}: its signature cannot be read ({exc}); wrap it in a function.",
            guidance=_remedy(function),
        ) from exc
    bound = _bound(function, found)
    parameters = {key: parameter for key, parameter in found.parameters.items() if key not in bound}
    if typed:
        for parameter in parameters.values():
            _refuse_untyped(name, parameter)
    code = _code(function)
    return Signature(
        name=name,
        parameters={
            key: one for key, one in parameters.items() if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        },
        bound=bound,
        open_ended=any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()),
        is_async=inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code),
    )


def read_name(function: Function) -> str:
    """Return the tool name of a function: that of its ``tool_info``, or its own. Reads nothing else.

    Raises:
        ConfigurationError: providers would refuse the name.
    """
    info: object = getattr(function, "tool_info", None)
    named: object = info.get("tool_name") if isinstance(info, Mapping) else None
    return check_name(named if isinstance(named, str) else _own_name(function))


def check_name(name: str) -> str:
    """Return the name if it is valid.

    Raises:
        ConfigurationError: providers would refuse it as the name of a tool.
    """
    given: object = name
    if not isinstance(given, str):
        raise ConfigurationError(f"A tool's name is a text, not {type(given).__name__}.", guidance="")
    if not VALID_NAME.fullmatch(name):
        remedy = "Give the function a name, or pass name=." if name == "<lambda>" else "Pass another with name=."
        raise ConfigurationError(
            f"A tool's name has 1 to 64 of a-z, A-Z, 0-9, _ and -; {name[:80]!r} has not. {remedy}"
        )
    return name


def check_names(names: NamesT) -> NamesT:
    """Return the names, or the function that selects names, unchanged.

    Raises:
        ConfigurationError: it is a single string, whose letters would be taken for names.
    """
    if isinstance(names, str):
        raise ConfigurationError(f"Expected names of tools, got the text {names!r:.100}.", guidance="Pass a list.")
    return names


def source_function(function: Function) -> Function:
    """Return the function whose source holds the annotations: beneath partials, methods, callables and wrappers."""
    source: Function = inspect.unwrap(_code(function))
    return source


def read_doc(function: Function) -> str:
    """Return the docstring without indentation; for a callable object that of `__call__`, or else its own."""
    while isinstance(function, functools.partial):
        function = function.func
    code = _code(function)
    return inspect.getdoc(code if code.__doc__ else function) or ""


def _bound(function: Function, found: inspect.Signature) -> frozenset[str]:
    if not isinstance(function, functools.partial):
        return frozenset()
    free = found.parameters.keys() - function.keywords.keys()
    return frozenset(inspect.signature(function.func).parameters.keys() - free)


def _code(function: Function) -> Function:
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, MethodType):
        return function.__func__
    call = inspect.getattr_static(type(function), "__call__", None)
    return call if isinstance(call, FunctionType) else function


def _own_name(function: Function) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name: object = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def _refuse_untyped(name: str, parameter: inspect.Parameter) -> None:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise ConfigurationError(
            f"Tool {name!r}: a model cannot be told of {str(parameter).partition(':')[0]!r}; name the parameters."
        )
    if parameter.annotation is parameter.empty:
        method = " Declare a method by as_tool(object.method)." if parameter.name == "self" else ""
        raise ConfigurationError(
            f"Tool {name!r}: parameter {parameter.name!r} has no annotation; annotate it, or give it tool_info.{method}"
        )
