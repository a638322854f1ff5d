"""The allowed tools of an agent or a run, as types for a caller's type checker."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Protocol, TypeAlias

from lightagent.application.tools.deps import DepsT
from lightagent.ports.tools import Tool, ToolSource

"""The type of the dependencies of runs; None by default."""


class PlainFunction(Protocol):
    """A function or method, whose declaration is read from its signature. The result of ``@tool`` is not one."""

    @property
    def __code__(self) -> CodeType:
        """The function's body."""
        ...

    @property
    def __call__(self) -> Callable[..., object]:
        """The function."""
        ...


class PartialFunction(Protocol):
    """A `functools.partial` of a function."""

    @property
    def func(self) -> Callable[..., object]:
        """The function."""
        ...

    @property
    def __call__(self) -> Callable[..., object]:
        """The function with some of its arguments bound."""
        ...


ToolLike: TypeAlias = Tool[DepsT] | ToolSource[DepsT] | PlainFunction | PartialFunction
"""What may be given as a tool of runs with dependencies `DepsT`.

A function, with or without `tool_info`, a tool such as ``@tool`` creates, or a source of tools. Wrap a callable object
with ``tool(…)``.
"""
