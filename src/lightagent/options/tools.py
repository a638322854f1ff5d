"""What can be among the tools of an agent or a run, as types that a caller's checker knows."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Protocol, TypeAlias

from typing_extensions import TypeVar

from lightagent.ports.tools import Tool, ToolSource

DepsT = TypeVar("DepsT", default=None)
"""What the runs that the options are for are given; nothing, unless it is said."""


class PlainFunction(Protocol):
    """A function or method, whose declaration is read from its signature. What ``@tool`` makes is none."""

    @property
    def __code__(self) -> CodeType:
        """The function's body."""
        ...

    @property
    def __call__(self) -> Callable[..., object]:
        """The function."""
        ...


class PartialFunction(Protocol):
    """What `functools.partial` makes of one."""

    @property
    def func(self) -> Callable[..., object]:
        """The function."""
        ...

    @property
    def __call__(self) -> Callable[..., object]:
        """The function, with some arguments given."""
        ...


ToolLike: TypeAlias = Tool[DepsT] | ToolSource[DepsT] | PlainFunction | PartialFunction
"""What can be among the tools of runs with dependencies `DepsT`.

A function, one with `tool_info`, a tool such as ``@tool`` makes, or a source of tools. A callable object becomes a tool
with ``tool(…)``.
"""
