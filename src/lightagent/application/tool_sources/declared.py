"""Tools of a source that was written elsewhere, with what they can do declared by the application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from typing_extensions import TypeVar

from lightagent.application.tool_sources.wrapper import Chosen, SourceWrapper
from lightagent.application.tools.signature import check_names
from lightagent.domain.capabilities import check_declared
from lightagent.domain.tools import Capability, Risk, ToolSpec
from lightagent.ports.tools import ToolSource

DepsT_contra = TypeVar("DepsT_contra", contravariant=True)


class DeclaredTools(SourceWrapper[DepsT_contra]):
    """The same tools; what is given here is declared of those that are chosen, all by default.

    Args:
        source: whose tools they are.
        chosen: some of them; the others keep their own declarations.
        capabilities, risk, trusted_output: as `tool` has them; None keeps what a tool declares itself.
        provider: where the tools come from, such as ``mcp:files``; it is a label of all that they answer.

    Raises:
        ConfigurationError: there is no such capability or risk; when listed: the source has no tool of a name that was
            written down.
    """

    def __init__(
        self,
        source: ToolSource[DepsT_contra],
        chosen: Chosen | None = None,
        *,
        capabilities: Sequence[Capability] | None = None,
        risk: Risk | None = None,
        trusted_output: bool | None = None,
        provider: str | None = None,
    ) -> None:
        super().__init__(source)
        self.chosen = None if chosen is None else check_names(chosen)
        check_declared(capabilities or (), risk)
        self._capabilities = None if capabilities is None else tuple(capabilities)
        self._risk = risk
        self._trusted_output = trusted_output
        self._provider = provider

    def _names(self, own: tuple[str, ...]) -> Mapping[str, str]:
        if self.chosen is not None and not callable(self.chosen):
            self._require(self.chosen, own)
        return {name: name for name in own}

    def _spec(self, name: str, own: ToolSpec) -> ToolSpec:
        chosen = self.chosen
        if chosen is not None and not (chosen(name) if callable(chosen) else name in chosen):
            return own
        return replace(
            own,
            capabilities=own.capabilities if self._capabilities is None else self._capabilities,
            risk=own.risk if self._risk is None else self._risk,
            trusted_output=own.trusted_output if self._trusted_output is None else self._trusted_output,
            provider=own.provider if self._provider is None else self._provider,
        )
