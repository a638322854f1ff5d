"""Tools of a source with a prefix, so that two sources may both have a tool ``search``."""

from __future__ import annotations

from collections.abc import Mapping

from lightagent.application.tool_sources.wrapper import SourceWrapper
from lightagent.application.tools.deps import DepsT_contra
from lightagent.application.tools.signature import VALID_NAME
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.tools import ToolSource


class PrefixedTools(SourceWrapper[DepsT_contra]):
    """Adds a prefix to all names: ``PrefixedTools(source, "shop_")`` turns `search` into ``shop_search``.

    Raises:
        ConfigurationError: when listed: providers would refuse a name.
    """

    def __init__(self, source: ToolSource[DepsT_contra], prefix: str) -> None:
        super().__init__(source)
        self.prefix = prefix

    def _names(self, own: tuple[str, ...]) -> Mapping[str, str]:
        names = {name: f"{self.prefix}{name}" for name in own}
        for name in names.values():
            if not VALID_NAME.fullmatch(name):
                raise ConfigurationError(
                    f"PrefixedTools: with {self.prefix!r} a tool of the source {self.name!r} would be called "
                    f"{name[:100]!r}, which providers refuse.",
                    guidance="A tool's name has 1 to 64 of a-z, A-Z, 0-9, _ and -.",
                )
        return names
