"""What a callable says of itself at once, without resolving a type: its name, parameters and kind.

Obvious mistakes are refused here, so that they show where a tool is declared and not when a model calls it.
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
"""What providers accept as the name of a tool."""


def _remedy(given: object) -> str:
    return f"A name goes by name: tool(name={given!r:.60})." if isinstance(given, str) else ""


@dataclass(frozen=True, slots=True)
class Signature:
    """A callable as it stands in its source.

    Attributes:
        name: of the tool.
        parameters: those that a call may fill, by name; what `functools.partial` has bound is not among them.
        bound: parameters that `functools.partial` has filled.
        open_ended: takes any further named arguments.
        is_async: calling it does not block; it gives something to await or to iterate over asynchronously.
    """

    name: str
    parameters: Mapping[str, inspect.Parameter]
    bound: frozenset[str]
    open_ended: bool
    is_async: bool

    def take_positional(self, named: dict[str, object]) -> list[object]:
        """Takes out of `named` what has to be passed by position, in order, defaults filled in."""
        positional = [one for one in self.parameters.values() if one.kind is one.POSITIONAL_ONLY]
        return [named.pop(one.name, one.default) for one in positional]


def read_signature(function: Function, *, name: str | None = None, typed: bool = True) -> Signature:
    """What `function` says of itself; the tool's name is `name`, or else the function's.

    Args:
        typed: the model will be told of the parameters by their annotations, so each needs one.

    Raises:
        ConfigurationError: a class, something without a readable signature, a name that providers refuse; where
            `typed`: a parameter without an annotation, ``*args`` or ``**kwargs``.
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
    """The name that a function has as a tool: that of its ``tool_info``, or its own; nothing else is looked at.

    Raises:
        ConfigurationError: providers would refuse it.
    """
    info: object = getattr(function, "tool_info", None)
    named: object = info.get("tool_name") if isinstance(info, Mapping) else None
    return check_name(named if isinstance(named, str) else _own_name(function))


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        ConfigurationError: providers would refuse it as a tool's name.
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
    """Several names, or what chooses among names, itself.

    Raises:
        ConfigurationError: it is one text, whose letters would be taken for names.
    """
    if isinstance(names, str):
        raise ConfigurationError(f"Expected names of tools, got the text {names!r:.100}.", guidance="Pass a list.")
    return names


def source_function(function: Function) -> Function:
    """The function whose source holds the annotations: below partials, methods, callable objects and wrappers."""
    source: Function = inspect.unwrap(_code(function))
    return source


def read_doc(function: Function) -> str:
    """The docstring, without indentation; of a callable object what it says of calling it, or else of itself."""
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
