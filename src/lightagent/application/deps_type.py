"""The type of the dependencies of an agent's tools."""

from __future__ import annotations

from typing import Generic

from typing_extensions import TypeIs

from lightagent.application.tools.toolset import DepsT
from lightagent.application.type_forms import is_of_type
from lightagent.domain.errors import ConfigurationError


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
