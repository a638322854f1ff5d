"""Dependencies of tools: their type, whether those of a tool fit an agent, and the check of those of a run."""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType
from typing import Any, Generic, TypeGuard, get_args, get_origin

from typing_extensions import TypeIs, TypeVar, is_typeddict

from lightagent.application.tools.annotations import resolve_annotation, union_members
from lightagent.application.tools.signature import Function, Signature
from lightagent.application.type_forms import is_of_type
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.tools import RunContext

DepsT = TypeVar("DepsT", default=None)
"""The type of the dependencies of an agent's tools."""

DepsT_contra = TypeVar("DepsT_contra", contravariant=True, default=None)
"""The contravariant form: an agent whose tools need an animal also serves runs with a dog."""


class DepsType(Generic[DepsT]):
    """The type of the dependencies that each run of an agent gets; without one they are None."""

    __slots__ = ("_is_class", "form")

    def __init__(self, form: object = None) -> None:
        self.form: object = form
        # Protocols and TypedDicts have metaclasses of their own; to type checkers an int is a float.
        self._is_class = type(form) is type and form not in (float, complex)

    def check(self, deps: object) -> DepsT:
        """The dependencies themselves.

        Raises:
            ConfigurationError: they are of another type, or missing.
        """
        if self._fits(deps):
            return deps
        if self.form is None:
            given = type(deps).__name__
            raise ConfigurationError(
                f"deps: this agent was made without deps_type=, so its runs take no deps=, got {given}.",
                guidance=f"Make it with LightAgent(deps_type={given}, ...), or leave deps= out.",
            )
        wanted = getattr(self.form, "__name__", str(self.form))
        raise ConfigurationError(
            f"deps: this agent was declared with {wanted}, not {type(deps).__name__}.",
            guidance="Pass deps= to each run, of the type that deps_type= names.",
        )

    def _fits(self, deps: object) -> TypeIs[DepsT]:
        if self.form is None:
            return deps is None
        if self._is_class and isinstance(self.form, type):
            return isinstance(deps, self.form)
        return is_of_type(deps, self.form)


def find_deps(function: Function, signature: Signature, context: Iterable[str]) -> object:
    """Return the type of dependencies that the parameters in `context` declare.

    `object` if any type will do, or if the type is not available: imported only for type checkers, or not defined yet.
    """
    for name in context:
        annotation: object = signature.parameters[name].annotation
        hint = resolve_annotation(function, name, annotation)
        if hint is None:
            return object
        for part in union_members(hint):
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
    return any(_fits(NoneType, one) or (given is not None and _fits(given, one)) for one in union_members(needed))


def _fits(given: object, needed: object) -> bool:
    if needed is None or needed is Any or isinstance(needed, TypeVar):
        return True
    if _is_class(given) and _is_class(needed):
        # Type checkers accept an int as a float.
        return issubclass(given, needed) or (given in (int, float) and needed in (float, complex))
    return given is not NoneType


def _is_class(form: object) -> TypeGuard[type]:
    return isinstance(form, type) and not getattr(form, "_is_protocol", False) and not is_typeddict(form)
