"""Functions as tools: `as_tool` accepts everything that a user may pass as a tool."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Concatenate, ParamSpec, TypeGuard, TypeVar, overload

from lightagent.application.tools.annotations import describe_form
from lightagent.application.tools.call_function import call_function
from lightagent.application.tools.deps import deps_fit
from lightagent.application.tools.signature import Function, read_name
from lightagent.application.tools.tool_definition import Declaration, declare
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.policy.capabilities import check_declared
from lightagent.domain.tools.spec import DEFAULT_OUTPUT_LIMIT, Capability, Risk, ToolSpec
from lightagent.ports.tools import RunContext, Tool

# Without a default, unlike those of `deps`: a tool may stand where any dependencies are given.
DepsT = TypeVar("DepsT")
DepsT_contra = TypeVar("DepsT_contra", contravariant=True)

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOptions:
    """How a run treats a tool, and what replaces the function's own description; see `ToolSpec`.

    Raises:
        ConfigurationError: the timeout is not positive and finite, the output limit is below 1, or a capability or risk
            is unknown.
    """

    name: str | None = None
    description: str | None = None
    timeout: float | None = None
    output_limit: int = DEFAULT_OUTPUT_LIMIT
    idempotent: bool = False
    requires_approval: bool = False
    capabilities: Sequence[Capability] = ()
    risk: Risk | None = None
    trusted_output: bool = False

    def __post_init__(self) -> None:
        if self.timeout is not None and not (self.timeout > 0 and math.isfinite(self.timeout)):
            raise ConfigurationError(f"A tool's timeout is a positive number of seconds or None, not {self.timeout!r}.")
        if self.output_limit < 1:
            raise ConfigurationError(f"A tool's output_limit is at least 1, not {self.output_limit!r}.")
        check_declared(self.capabilities, self.risk)

    def applied_to(self, spec: ToolSpec) -> ToolSpec:
        """Return the declaration with these options applied."""
        return replace(
            spec,
            description=spec.description if self.description is None else self.description,
            timeout=self.timeout,
            output_limit=self.output_limit,
            idempotent=self.idempotent,
            requires_approval=self.requires_approval,
            capabilities=tuple(self.capabilities) or spec.capabilities,
            risk=spec.risk if self.risk is None else self.risk,
            trusted_output=self.trusted_output,
        )


class FunctionTool(Tool[DepsT_contra]):
    """A function that a model can call. Synchronous functions run in worker threads; generators are drained.

    Args:
        function: the function to call.
        options: options of the tool that override those of the function.
        deferred: read only the name now; other problems of the function are reported when the tool is first offered.

    Raises:
        ConfigurationError: immediately, if the function obviously cannot be a tool (no annotations, ``*args``, a name
            that providers refuse, an invalid ``tool_info``); at the first `spec`, if its types cannot be used.
    """

    __slots__ = ("_declaration", "_options", "_spec", "function")

    def __init__(self, function: Function, options: ToolOptions | None = None, *, deferred: bool = False) -> None:
        self.function: Function = function
        self._options = options
        self._spec: ToolSpec | None = None
        self._declaration: Declaration | None = None if deferred else self._declare()

    def _declare(self) -> Declaration:
        return declare(self.function, None if self._options is None else self._options.name)

    @property
    def _declared(self) -> Declaration:
        if self._declaration is None:
            self._declaration = self._declare()
        return self._declaration

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        """The name for the model, available without compiling the declaration."""
        if self._declaration is None:
            return read_name(self.function)
        return self._declaration.signature.name

    @property
    def is_async(self) -> bool:
        """Whether a call does not block; otherwise it runs in a worker thread, which cannot be stopped."""
        return self._declared.signature.is_async

    @property
    def is_quick(self) -> bool:
        """Whether the last call ran in a thread and finished at once."""
        return self._declared.pace.is_quick and not self.is_async

    @property
    def takes_context(self) -> bool:
        """Whether anything sees the context of a call: the function, or a subclass that overrides `call`."""
        return type(self).call is not FunctionTool.call or bool(self._declared.compiled(self.function).context)

    def refuse_deps(self, given: object) -> None:
        """Raise unless an agent or run with dependencies of type `given` can provide the tool's context.

        A type that cannot be resolved yet is checked when the tool is first called.

        Raises:
            ConfigurationError: it cannot; the message says what to declare.
        """
        needed = self._declared.announced_deps(self.function)
        if needed is not object and needed is not given and not deps_fit(given, needed):
            raise _unfit(self.name, needed)

    def describe(self) -> None:
        """Compile the declaration now; it is cached for the function.

        Raises:
            ConfigurationError: its types cannot be used.
        """
        self._declared.spec(self.function)

    @property
    def spec(self) -> ToolSpec:
        if self._options is None:
            return self._declared.spec(self.function)
        if self._spec is None:
            self._spec = self._options.applied_to(self._declared.spec(self.function))
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return self._declared.compiled(self.function).check(arguments)

    async def call(self, arguments: Mapping[str, object], context: RunContext[DepsT_contra]) -> object:
        signature = self._declared.signature
        if context.deps is None and not deps_fit(None, needed := self._declared.deps(self.function)):
            raise _unfit(self.name, needed)
        named = {**arguments, **dict.fromkeys(self._declared.compiled(self.function).context, context)}
        return await call_function(
            self.function,
            signature.take_positional(named),
            named,
            is_async=signature.is_async,
            is_cancelled=context.is_cancelled,
            pace=self._declared.pace,
            show=context.show_part,
        )


def _unfit(name: str, needed: object) -> ConfigurationError:
    wanted = describe_form(needed)
    return ConfigurationError(f"tool {name!r} needs deps of type {wanted}: pass deps_type={wanted}.", guidance="")


@overload
def as_tool(tool: Tool[DepsT], /) -> Tool[DepsT]: ...
@overload
def as_tool(function: Callable[Concatenate[RunContext[DepsT], P], object], /) -> FunctionTool[DepsT]: ...
@overload
def as_tool(function: Callable[..., object], /) -> FunctionTool[object]: ...
def as_tool(tool: Tool[DepsT] | Callable[..., object], /) -> Tool[DepsT]:
    """Return an object as a tool: a tool unchanged; a function, method, partial or callable by its declaration.

    Raises:
        ConfigurationError: the object cannot be a tool; the message says why.
    """
    if isinstance(tool, FunctionType):  # The most common case first.
        return FunctionTool(tool)
    if isinstance(tool, FunctionTool) or is_tool(tool):
        return tool
    if not callable(tool):
        raise ConfigurationError(f"A tool is a function or an object with spec, check and call, not {tool!r:.200}.")
    return FunctionTool(tool)


def is_tool(value: object) -> TypeGuard[Tool[object]]:
    """Whether `value` has the attributes of the port `Tool`; its declaration is not compiled for this."""
    if inspect.isclass(value) or inspect.isfunction(value) or inspect.ismethod(value):
        return False
    missing = object()
    return all(inspect.getattr_static(value, name, missing) is not missing for name in ("spec", "check", "call"))
