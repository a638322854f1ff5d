"""Tools of a source that require a human's approval before each call."""

from __future__ import annotations

from dataclasses import replace

from lightagent.application.tool_sources.wrapper import MarkingWrapper
from lightagent.application.tools.deps import DepsT_contra
from lightagent.domain.tools.spec import ToolSpec


class ApprovalRequiredTools(MarkingWrapper[DepsT_contra]):
    """Requires approval for calls of the chosen tools, by default of all.

    Raises:
        ConfigurationError: when listed: the source has no tool with a chosen name.
    """

    def _marked(self, own: ToolSpec) -> ToolSpec:
        return replace(own, requires_approval=True)
