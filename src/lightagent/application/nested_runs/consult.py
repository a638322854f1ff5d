"""The tool with which an agent of a swarm asks another one, and goes on itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Generic

from lightagent.application.active_run.means import Means
from lightagent.application.nested_runs.nest_agent import AgentTool, agent_tool_spec
from lightagent.application.prompts import Prompts
from lightagent.application.swarm.hand_off import MOST_DESCRIBED, handoff_name
from lightagent.application.tools.arguments import refused
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.messages import Message
from lightagent.domain.swarm.consultations import ConsultLimits, quoted_conversation, refused_consultation
from lightagent.domain.tools.spec import DEFAULT_OUTPUT_LIMIT, OWN_PROVIDER
from lightagent.ports.tools import Nesting

_PREFIX: Final = "consult_"
_HANDOFF: Final = "transfer_to_"


class ConsultTool(AgentTool[DepsT], Generic[DepsT]):
    """Asks an agent, which gets the conversation so far. Its run is nested in that of the asker, which goes on.

    Args:
        target: the agent that is asked, for its name and role.
        members: the agents of the swarm as they are while they are asked, by name; filled once all are made.
        limits: how far agents may ask each other.
        prompts: of the agent that asks.
    """

    def __init__(
        self, target: Means[DepsT], members: Mapping[str, Means[DepsT]], limits: ConsultLimits, prompts: Prompts
    ) -> None:
        about = (target.role or target.instructions or "").strip()[:MOST_DESCRIBED]
        described = prompts.consult.format(agent=target.name, about=about).strip()
        name = consult_name(target.name)
        spec = agent_tool_spec(name, described, timeout=None, output_limit=DEFAULT_OUTPUT_LIMIT)
        super().__init__(target, replace(spec, provider=OWN_PROVIDER))
        self._name, self._members, self._limits = target.name, members, limits

    @property
    def _means(self) -> Means[DepsT]:
        return self._members[self._name]

    def _context_of(self, nesting: Nesting | None) -> tuple[Message, ...]:
        if nesting is None:
            return ()
        refusal = refused_consultation(nesting.agents, self._name, self._limits)
        if refusal is not None:
            raise refused(refusal)
        return quoted_conversation(nesting.conversation(), nesting.agents[-1], self._limits)


def consult_name(agent: str) -> str:
    """The name of the tool that asks an agent: ``consult_finance`` for ``finance``; see `handoff_name`."""
    return f"{_PREFIX}{handoff_name(agent).removeprefix(_HANDOFF)}"
