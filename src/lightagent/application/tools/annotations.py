"""Resolve the annotations of a function's parameters: their types, the context, and descriptions in them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType, UnionType
from typing import Annotated, Union, get_args, get_origin, get_type_hints

from typing_extensions import TypeForm

from lightagent.application.tools.signature import Function, Signature, source_function
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.tools import RunContext


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


def resolve_annotation(function: Function, name: str, annotation: object) -> object:
    """Resolve one annotation; None if the type is not available: for type checkers only, or not defined yet."""
    try:
        return _resolve(name, annotation, *_namespaces(function))
    except _UNRESOLVABLE:
        return None


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
    return any(part is RunContext or get_origin(part) is RunContext for part in union_members(hint))


def union_members(form: object) -> list[object]:
    """Return the members of a union, or the type itself in a list, without `Annotated` metadata."""
    origin = get_origin(form)
    if origin in (Union, UnionType):
        return [part for one in get_args(form) for part in union_members(one)]
    return union_members(get_args(form)[0]) if origin is Annotated else [form]


def announced_context(signature: Signature) -> list[str]:
    """Return the parameters that appear to take the context, without resolving annotations."""
    return [
        name
        for name, parameter in signature.parameters.items()
        if ("RunContext" in note if isinstance(note := parameter.annotation, str) else _is_context(note))
    ]


def describe_form(form: object) -> str:
    """Return a type roughly as it appears in source code."""
    return form.__name__ if isinstance(form, type) else str(form)


def _unresolvable(tool: str, parameter: inspect.Parameter, exc: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Tool {tool!r}: the annotation {parameter.annotation!r} of {parameter.name!r} cannot be resolved ({exc}). "
        "Import what it names where the program runs, not for type checkers only, and at the top of the module."
    )


def text_of(hint: object) -> str:
    """Return the description in an annotation, or an empty string. `Doc` wins over a plain string, outer over inner.

    `Doc` is recognized by its shape, since typing_extensions and annotated_doc each define one. Descriptions in
    `pydantic.Field` are not read here: pydantic writes them into the schema itself.
    """
    origin = get_origin(hint)
    if origin is Annotated:
        inner, *extras = get_args(hint)
        documented = [text for extra in extras if isinstance(text := _documentation(extra), str)]
        bare = [extra for extra in extras if isinstance(extra, str)]
        return next((inspect.cleandoc(text) for text in (*documented, *bare) if text.strip()), "") or text_of(inner)
    if origin in (Union, UnionType):
        return next((text for part in get_args(hint) if (text := text_of(part))), "")
    return ""


def _documentation(extra: object) -> object:
    return getattr(extra, "documentation", None) if type(extra).__name__ == "Doc" else None
