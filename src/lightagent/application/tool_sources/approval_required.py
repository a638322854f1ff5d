"""Tools of a source that a human has to approve before each call."""

from __future__ import annotations

from dataclasses import replace

from typing_extensions import TypeVar

from lightagent.application.tool_sources.wrapper import MarkingWrapper
from lightagent.domain.tools import ToolSpec

DepsT_contra = TypeVar("DepsT_contra", contravariant=True)


class ApprovalRequiredTools(MarkingWrapper[DepsT_contra]):
    """The same tools; of those that are chosen, all by default, each call waits for a human.

    Raises:
        ConfigurationError: when listed: the source has no tool of a name that was written down.
    """

    def _marked(self, own: ToolSpec) -> ToolSpec:
        return replace(own, requires_approval=True)
