"""A compiled declaration: the model's description, the check of arguments, and the parameters for the context."""

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
    """The parts that a tool needs to be offered and called.

    Attributes:
        description: what it is for.
        parameters: JSON Schema of the arguments.
        check: gives the function's named arguments, or raises `ToolError`.
        context: names of the parameters that get the `RunContext`.
    """

    description: str
    parameters: JsonObject
    check: Check
    context: frozenset[str]


@dataclass(frozen=True, slots=True)
class Hints:
    """The resolved annotations of a callable's parameters, those for the context apart."""

    types: Mapping[str, TypeForm[object]]
    context: frozenset[str]


# A context that is imported for type checkers only cannot be resolved, but is known by its name.
_CONTEXT = re.compile(r"""["']?(?:\w+\.)*RunContext\b""")


def resolve_hints(function: Function, signature: Signature, *, required: bool = True) -> Hints:
    """Resolve annotations that are written as text, in the module of the function and in what encloses it.

    Args:
        required: refuse what cannot be resolved; else only the context is looked for.

    Raises:
        ConfigurationError: an annotation names something that does not exist.
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
    """Something with annotations, which is all that `get_type_hints` asks for."""

    def __init__(self, name: str, annotation: object) -> None:
        self.__annotations__ = {name: annotation}


_UNRESOLVABLE = (NameError, AttributeError, TypeError, SyntaxError)


def _namespaces(function: Function) -> tuple[dict[str, object], dict[str, object]]:
    """The scopes in which names of annotations are looked up: the function's module, and what encloses it."""
    source = source_function(function)
    namespace: dict[str, object] = getattr(source, "__globals__", {})
    own: tuple[object, ...] = getattr(source, "__type_params__", ())  # of ``def tool[T](…)``, Python 3.12
    enclosing = _enclosing(source) if inspect.isfunction(source) else {}
    return namespace, {**{str(one): one for one in own}, **enclosing}


def _enclosing(function: FunctionType) -> dict[str, object]:
    """The variables of enclosing functions that have a value by now: a tool may refer to the agent that it is for."""
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
    """The members of a union; any other type alone. Without annotations."""
    origin = get_origin(form)
    if origin in (Union, UnionType):
        return [part for one in get_args(form) for part in _members(one)]
    return _members(get_args(form)[0]) if origin is Annotated else [form]


def announced_context(signature: Signature) -> list[str]:
    """The parameters that seem to take the context; annotations are not resolved for that."""
    return [
        name
        for name, parameter in signature.parameters.items()
        if ("RunContext" in note if isinstance(note := parameter.annotation, str) else _is_context(note))
    ]


def find_deps(function: Function, signature: Signature, context: Iterable[str]) -> object:
    """The type of dependencies that the parameters `context` name.

    `object` where any will do, or where it is not there: imported for type checkers only, or not defined yet.
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
    """Whether dependencies of the type `given` (None: there are none) are of the type `needed`, as far as can be told.

    Whatever only a type checker can tell, such as whether a protocol is fulfilled, is taken to fit; a tool that
    needs no dependencies is served by any.
    """
    if needed is object:
        return True
    return any(_fits(NoneType, one) or (given is not None and _fits(given, one)) for one in _members(needed))


def _fits(given: object, needed: object) -> bool:
    if needed is None or needed is Any or isinstance(needed, TypeVar):
        return True
    if _is_class(given) and _is_class(needed):
        # To type checkers an int is a float.
        return issubclass(given, needed) or (given in (int, float) and needed in (float, complex))
    return given is not NoneType


def _is_class(form: object) -> TypeGuard[type]:
    return isinstance(form, type) and not getattr(form, "_is_protocol", False) and not is_typeddict(form)


def describe_form(form: object) -> str:
    """A type roughly as its source names it."""
    return form.__name__ if isinstance(form, type) else str(form)


def _unresolvable(tool: str, parameter: inspect.Parameter, exc: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Tool {tool!r}: the annotation {parameter.annotation!r} of {parameter.name!r} cannot be resolved ({exc}). "
        "Import what it names where the program runs, not for type checkers only, and at the top of the module."
    )
