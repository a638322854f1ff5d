"""A selection of a source's tools; the agent cannot use the others in any way."""

from __future__ import annotations

from collections.abc import Mapping

from lightagent.application.tool_sources.wrapper import Chosen, SourceWrapper, check_chosen
from lightagent.application.tools.deps import DepsT_contra
from lightagent.ports.tools import ToolSource


class FilteredTools(SourceWrapper[DepsT_contra]):
    """Only the chosen tools: ``FilteredTools(source, {"read_file"})``, or a function that takes each name.

    Raises:
        ConfigurationError: when listed: the source has no tool with a chosen name.
    """

    def __init__(self, source: ToolSource[DepsT_contra], keep: Chosen) -> None:
        super().__init__(source)
        self.keep: Chosen = check_chosen(keep)

    def _names(self, own: tuple[str, ...]) -> Mapping[str, str]:
        kept = self._chosen(self.keep, own)
        return {name: name for name in own if name in kept}
