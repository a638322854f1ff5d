"""A compiled declaration: the description for the model, the validation of arguments, and the context parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType, NoneType, UnionType
from typing import Annotated, Any, TypeAlias, TypeGuard, TypeVar, Union, get_args, get_origin, get_type_hints

from typing_extensions import TypeForm, is_typeddict

from lightagent.application.tools.signature import Function, Signature, source_function
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.ports.tools import RunContext

Check: TypeAlias = Callable[[JsonObject], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class CompiledTool:
    """What is needed to offer and call a tool.

    Attributes:
        description: the tool's purpose.
        parameters: the JSON Schema of the arguments.
        check: returns the function's named arguments, or raises `ToolError`.
        context: the names of the parameters that receive the `RunContext`.
    """

    description: str
    parameters: JsonObject
    check: Check
    context: frozenset[str]


@dataclass(frozen=True, slots=True)
class Hints:
    """The resolved annotations of a callable's parameters, with the context parameters separate."""

    types: Mapping[str, TypeForm[object]]
    context: frozenset[str]


# A context imported only for type checkers cannot be resolved; it is recognized by its name.
_CONTEXT = re.compile(r"""["']?(?:\w+\.)*RunContext\b""")


def resolve_hints(function: Function, signature: Signature, *, required: bool = True) -> Hints:
    """Resolve annotations written as strings, in the function's module and its enclosing functions.

    Args:
        required: raise for annotations that cannot be resolved; otherwise look only for the context.

    Raises:
        ConfigurationError: an annotation names something undefined.
    """
    namespace, enclosing = _namespaces(function)
    types: dict[str, TypeForm[object]] = {}
    context: set[str] = set()
    for name, parameter in signature.parameters.items():
        try:
            resolved = _resolve(name, parameter.annotation, namespace, dict(enclosing))
        except _UNRESOLVABLE as exc:
            if _CONTEXT.match(str(parameter.annotation)):
                context.add(name)
            elif required:
                raise _unresolvable(signature.name, parameter, exc) from exc
            continue
        if _is_context(resolved):
            context.add(name)
        else:
            types[name] = resolved
    return Hints(types, frozenset(context))


class _Annotated:
    """An object with annotations, which is all that `get_type_hints` needs."""

    def __init__(self, name: str, annotation: object) -> None:
        self.__annotations__ = {name: annotation}


_UNRESOLVABLE = (NameError, AttributeError, TypeError, SyntaxError)


def _namespaces(function: Function) -> tuple[dict[str, object], dict[str, object]]:
    """Return the scopes in which annotations are resolved: the function's module, and its enclosing functions."""
    source = source_function(function)
    namespace: dict[str, object] = getattr(source, "__globals__", {})
    own: tuple[object, ...] = getattr(source, "__type_params__", ())  # type parameters, ``def tool[T](…)``
    enclosing = _enclosing(source) if inspect.isfunction(source) else {}
    return namespace, {**{str(one): one for one in own}, **enclosing}


def _enclosing(function: FunctionType) -> dict[str, object]:
    """Return the enclosing functions' variables that have a value: a tool may refer to the agent that it belongs to."""
    found: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):
            found[name] = cell.cell_contents
    return found


def _resolve(
    name: str, annotation: object, namespace: dict[str, object], enclosing: dict[str, object]
) -> TypeForm[object]:
    if annotation is inspect.Parameter.empty:
        return object
    hint: TypeForm[object] = get_type_hints(_Annotated(name, annotation), namespace, enclosing, include_extras=True)[
        name
    ]
    return hint


def _is_context(hint: object) -> bool:
    return any(part is RunContext or get_origin(part) is RunContext for part in _members(hint))


def _members(form: object) -> list[object]:
    """Return the members of a union, or the type itself in a list, without `Annotated` metadata."""
    origin = get_origin(form)
    if origin in (Union, UnionType):
        return [part for one in get_args(form) for part in _members(one)]
    return _members(get_args(form)[0]) if origin is Annotated else [form]


def announced_context(signature: Signature) -> list[str]:
    """Return the parameters that appear to take the context, without resolving annotations."""
    return [
        name
        for name, parameter in signature.parameters.items()
        if ("RunContext" in note if isinstance(note := parameter.annotation, str) else _is_context(note))
    ]


def find_deps(function: Function, signature: Signature, context: Iterable[str]) -> object:
    """Return the type of dependencies that the parameters in `context` declare.

    `object` if any type will do, or if the type is not available: imported only for type checkers, or not defined yet.
    """
    for name in context:
        annotation: object = signature.parameters[name].annotation
        try:
            hint = _resolve(name, annotation, *_namespaces(function))
        except _UNRESOLVABLE:
            return object
        for part in _members(hint):
            if get_origin(part) is RunContext:
                needed: object = get_args(part)[0]
                return needed
    return object


def deps_fit(given: object, needed: object) -> bool:
    """Whether dependencies of type `given` (None: no dependencies) fit the type `needed`, as far as that can be told.

    What only a type checker can determine, such as whether a protocol is implemented, counts as fitting. A tool that
    needs no dependencies accepts any.
    """
    if needed is object:
        return True
    return any(_fits(NoneType, one) or (given is not None and _fits(given, one)) for one in _members(needed))


def _fits(given: object, needed: object) -> bool:
    if needed is None or needed is Any or isinstance(needed, TypeVar):
        return True
    if _is_class(given) and _is_class(needed):
        # Type checkers accept an int as a float.
        return issubclass(given, needed) or (given in (int, float) and needed in (float, complex))
    return given is not NoneType


def _is_class(form: object) -> TypeGuard[type]:
    return isinstance(form, type) and not getattr(form, "_is_protocol", False) and not is_typeddict(form)


def describe_form(form: object) -> str:
    """Return a type roughly as it appears in source code."""
    return form.__name__ if isinstance(form, type) else str(form)


def _unresolvable(tool: str, parameter: inspect.Parameter, exc: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Tool {tool!r}: the annotation {parameter.annotation!r} of {parameter.name!r} cannot be resolved ({exc}). "
        "Import what it names where the program runs, not for type checkers only, and at the top of the module."
    )
