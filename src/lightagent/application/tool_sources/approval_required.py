"""Tools of a source that a human has to approve before each call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from typing_extensions import TypeVar

from lightagent.application.tool_sources.wrapper import Chosen, SourceWrapper, check_chosen
from lightagent.domain.tools import ToolSpec
from lightagent.ports.tools import ToolSource

DepsT_contra = TypeVar("DepsT_contra", contravariant=True)


class ApprovalRequiredTools(SourceWrapper[DepsT_contra]):
    """The same tools; of those that are chosen, all by default, each call waits for a human.

    Raises:
        ConfigurationError: when listed: the source has no tool of a name that was written down.
    """

    def __init__(self, source: ToolSource[DepsT_contra], chosen: Chosen | None = None) -> None:
        super().__init__(source)
        self.chosen = None if chosen is None else check_chosen(chosen)

    def _names(self, own: tuple[str, ...]) -> Mapping[str, str]:
        if self.chosen is not None and not callable(self.chosen):
            self._require(self.chosen, own)
        return {name: name for name in own}

    def _spec(self, name: str, own: ToolSpec) -> ToolSpec:
        chosen = self.chosen
        if chosen is None or (chosen(name) if callable(chosen) else name in chosen):
            return replace(own, requires_approval=True)
        return own
