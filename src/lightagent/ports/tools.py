"""The port to tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from typing_extensions import TypeVar

from lightagent.domain.json_types import JsonObject
from lightagent.domain.tools import RunContext, ToolSpec

DepsT_contra = TypeVar("DepsT_contra", contravariant=True)


class Tool(Protocol[DepsT_contra]):
    """Something a model can call. Serves any number of calls at once."""

    @property
    def spec(self) -> ToolSpec:
        """Its declaration; the same at every look."""
        ...

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """The arguments as the tool wants them; raises `ToolError` that tells the model precisely what is wrong."""
        ...

    async def call(self, arguments: Mapping[str, object], context: RunContext[DepsT_contra]) -> object:
        """Do it, with arguments that `check` returned; raises whatever goes wrong, or a `ControlSignal`."""
        ...
