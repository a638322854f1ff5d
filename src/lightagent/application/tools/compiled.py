"""A declaration, worked out: what the model is told, how arguments are checked, which parameters get the context."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, TypeAlias, Union, get_args, get_origin, get_type_hints

from typing_extensions import TypeForm

from lightagent.application.tools.signature import Function, Signature, source_function
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.tools import RunContext

Check: TypeAlias = Callable[[JsonObject], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class CompiledTool:
    """What a tool needs to be offered and called.

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
    """Resolve what is written as text, in the module of the function and in what encloses it.

    Args:
        required: refuse what cannot be resolved; else only the context is looked for.

    Raises:
        ConfigurationError: an annotation names what is not there.
    """
    source = source_function(function)
    namespace: dict[str, object] = getattr(source, "__globals__", {})
    enclosing = inspect.getclosurevars(source).nonlocals if inspect.isfunction(source) else {}
    types: dict[str, TypeForm[object]] = {}
    context: set[str] = set()
    for name, parameter in signature.parameters.items():
        try:
            resolved = _resolve(name, parameter.annotation, namespace, dict(enclosing))
        except (NameError, AttributeError, TypeError, SyntaxError) as exc:
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
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(_is_context(one) for one in get_args(hint))
    if origin is Annotated:
        return _is_context(get_args(hint)[0])
    return hint is RunContext or origin is RunContext


def _unresolvable(tool: str, parameter: inspect.Parameter, exc: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"Tool {tool!r}: the annotation {parameter.annotation!r} of {parameter.name!r} cannot be resolved ({exc}). "
        "Import what it names where the program runs, not for type checkers only, and at the top of the module."
    )
