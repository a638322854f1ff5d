"""Third-party tools with the capabilities and the risk that the application declares for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lightagent.application.tool_sources.wrapper import Chosen, MarkingWrapper
from lightagent.application.tools.deps import DepsT_contra
from lightagent.domain.policy.capabilities import check_declared
from lightagent.domain.tools.spec import Capability, Risk, ToolSpec
from lightagent.ports.tools import ToolSource


class DeclaredTools(MarkingWrapper[DepsT_contra]):
    """Declares these properties for the chosen tools, by default for all.

    Args:
        source: the source of the tools.
        chosen: the tools to change; the others keep their own declarations.
        capabilities, risk, trusted_output: as for `tool`; None keeps what a tool declares itself.
        provider: where the tools come from, such as ``mcp:files``; it labels all their outputs.

    Raises:
        ConfigurationError: a capability or risk is unknown; when listed: the source has no tool with a chosen name.
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
        super().__init__(source, chosen)
        check_declared(capabilities or (), risk)
        self._capabilities = None if capabilities is None else tuple(capabilities)
        self._risk = risk
        self._trusted_output = trusted_output
        self._provider = provider

    def _marked(self, own: ToolSpec) -> ToolSpec:
        return replace(
            own,
            capabilities=own.capabilities if self._capabilities is None else self._capabilities,
            risk=own.risk if self._risk is None else self._risk,
            trusted_output=own.trusted_output if self._trusted_output is None else self._trusted_output,
            provider=own.provider if self._provider is None else self._provider,
        )
