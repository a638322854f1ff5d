"""Tools of a source under other names."""

from __future__ import annotations

from collections.abc import Mapping

from lightagent.application.tool_sources.wrapper import SourceWrapper
from lightagent.application.tools.deps import DepsT_contra
from lightagent.application.tools.signature import check_name
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.tools import ToolSource


class RenamedTools(SourceWrapper[DepsT_contra]):
    """Renames some of the tools: ``RenamedTools(source, {"search": "search_news"})``.

    Raises:
        ConfigurationError: immediately if providers would refuse a name; when listed, if the source has no such tool,
            or two tools would have the same name.
    """

    def __init__(self, source: ToolSource[DepsT_contra], names: Mapping[str, str]) -> None:
        super().__init__(source)
        self.names: dict[str, str] = {old: check_name(new) for old, new in names.items()}

    def _names(self, own: tuple[str, ...]) -> Mapping[str, str]:
        renamed = {found: self.names[old] for old, found in self._required(self.names, own).items()}
        names = {name: renamed.get(name, name) for name in own}
        olds: dict[str, str] = {}
        for old, new in names.items():
            if olds.setdefault(new, old) != old:
                raise ConfigurationError(
                    f"RenamedTools: {olds[new]!r} and {old!r} of the source {self.name!r} would both be {new!r}.",
                    guidance="Give one of them another name.",
                )
        return names
