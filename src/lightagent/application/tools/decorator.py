"""``@tool``: declare a function as a tool where it is written, and keep it callable."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Concatenate, Generic, Never, ParamSpec, Protocol, TypeVar, overload

from lightagent.application.tools.function_tool import FunctionTool, ToolOptions
from lightagent.domain.tools.spec import DEFAULT_OUTPUT_LIMIT, Capability, Risk
from lightagent.ports.tools import RunContext

# Without a default, unlike those of `deps`: parameters without one follow them.
DepsT = TypeVar("DepsT")
DepsT_contra = TypeVar("DepsT_contra", contravariant=True)
P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class DeclaredTool(FunctionTool[DepsT_contra], Generic[DepsT_contra, P, T_co]):
    """The tool that ``@tool`` makes of a function; it can be called like the function."""

    __name__: str

    def __init__(self, function: Callable[P, T_co], options: ToolOptions | None = None) -> None:
        super().__init__(function, options)
        self._typed = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T_co:
        """Call the function itself, without validation, as other code does."""
        return self._typed(*args, **kwargs)


class ToolDecorator(Protocol):
    """The result of ``tool(...)``: a decorator that declares a function with the options."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[RunContext[DepsT], P], T], /
    ) -> DeclaredTool[DepsT, Concatenate[RunContext[DepsT], P], T]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> DeclaredTool[object, P, T]: ...


@overload
def tool(
    function: Callable[Concatenate[RunContext[DepsT], P], T], /
) -> DeclaredTool[DepsT, Concatenate[RunContext[DepsT], P], T]: ...
@overload
def tool(function: Callable[P, T], /) -> DeclaredTool[object, P, T]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    output_limit: int = DEFAULT_OUTPUT_LIMIT,
    idempotent: bool = False,
    requires_approval: bool = False,
    capabilities: Sequence[Capability] = (),
    risk: Risk | None = None,
    trusted_output: bool = False,
) -> ToolDecorator: ...
def tool(
    function: Callable[P, T] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    output_limit: int = DEFAULT_OUTPUT_LIMIT,
    idempotent: bool = False,
    requires_approval: bool = False,
    capabilities: Sequence[Capability] = (),
    risk: Risk | None = None,
    trusted_output: bool = False,
) -> FunctionTool[Never] | ToolDecorator:
    """Declare a function as a tool: ``@tool`` or ``@tool(timeout=5)``.

    The type checker sees the dependencies a tool needs where its `RunContext` comes first.

    Args:
        name: as the model calls it; the function's own name unless given.
        description: what it is for; the docstring says so unless given.
        timeout: seconds until a call is cancelled.
        output_limit: characters of the answer that reach the model.
        idempotent: running a call twice does what running it once does, so an interrupted one may be repeated.
        requires_approval: a human decides before each call.
        capabilities: what the tool can do: any of ``read``, ``write``, ``network`` and ``execute``. The last three mark
            it as having outside effects: a call that untrusted text may have caused then waits for a human.
        risk: the harm that a wrong call can do: ``low``, ``medium`` or ``high``; for policies.
        trusted_output: no part of the answers can have been written outside the application, such as those of a clock.

    Raises:
        ConfigurationError: the function cannot be a tool, or an option is out of range.
    """
    options = ToolOptions(
        name=name,
        description=description,
        timeout=timeout,
        output_limit=output_limit,
        idempotent=idempotent,
        requires_approval=requires_approval,
        capabilities=capabilities,
        risk=risk,
        trusted_output=trusted_output,
    )
    if function is None:
        return _Decorator(options)
    # Type checkers reject ``tool(function, requires_approval=True)``, yet its options must not be lost.
    made: DeclaredTool[object, P, T] = DeclaredTool(function, None if options == ToolOptions() else options)
    return made


class _Decorator:
    def __init__(self, options: ToolOptions) -> None:
        self._options = options

    @overload
    def __call__(
        self, function: Callable[Concatenate[RunContext[DepsT], P], T], /
    ) -> DeclaredTool[DepsT, Concatenate[RunContext[DepsT], P], T]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> DeclaredTool[object, P, T]: ...
    def __call__(self, function: Callable[P, T], /) -> FunctionTool[Never]:
        declared: DeclaredTool[object, P, T] = DeclaredTool(function, self._options)
        return declared
