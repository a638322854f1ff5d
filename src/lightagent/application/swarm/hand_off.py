"""The tool with which an agent of a swarm hands a run over to another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, Generic

from lightagent.application.active_run.means import Means
from lightagent.application.prompts import Prompts
from lightagent.application.swarm.handoff import REASON_PARAMETERS, HandoffContext, HandoffSettings
from lightagent.application.tools.arguments import refused
from lightagent.application.tools.deps import DepsT
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.effects import ToolAnswer
from lightagent.domain.swarm.handoff_limits import EVERYTHING, HistoryTransfer
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec
from lightagent.ports.tools import RunContext, Tool

MOST_DESCRIBED: Final = 500
"""Characters of an agent's role that the others see."""

_PREFIX: Final = "transfer_to_"
_OTHERS: Final = re.compile(r"[^a-z0-9_-]+")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_ -]+")
_MOST_SLUG: Final = 64 - len(_PREFIX)


class HandoffTool(Tool[DepsT], Generic[DepsT]):
    """Hands the run over: once the other calls of the turn are done, the target goes on with the conversation.

    Args:
        target: the agent that takes over.
        prompts: of the agent that hands over.
        handoff: its settings; None: the defaults.
        history: the part of the conversation that goes along, unless `handoff` sets it.
    """

    def __init__(
        self,
        target: Means[DepsT],
        prompts: Prompts,
        handoff: HandoffSettings[DepsT] | None = None,
        history: HistoryTransfer = EVERYTHING,
    ) -> None:
        self._target = target.name
        self._handoff = handoff
        self._history = history if handoff is None or handoff.history is None else handoff.history
        self._answer = prompts.handed_over.format(agent=target.name)
        described = None if handoff is None else handoff.tool_description
        if described is None:
            about = (target.role or target.instructions or "").strip()[:MOST_DESCRIBED]
            described = prompts.handoff.format(agent=target.name, about=about).strip()
        named = None if handoff is None else handoff.tool_name
        self._spec = ToolSpec(
            handoff_name(target.name) if named is None else named,
            described,
            REASON_PARAMETERS if handoff is None else handoff.parameters,
            idempotent=True,
            trusted_output=True,
            provider=OWN_PROVIDER,
        )

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        if self._handoff is not None:
            return {"told": self._handoff.briefing_of(arguments)}
        unknown = sorted(set(arguments) - {"reason"})
        if unknown or not isinstance(arguments.get("reason", ""), str):
            raise refused("The arguments do not fit.", 'It takes at most {"reason": "…"}.')
        return {"told": ""}

    async def call(self, arguments: Mapping[str, object], context: RunContext[DepsT]) -> object:
        text = "\n".join(part for part in (self._answer, str(arguments["told"])) if part)
        return ToolAnswer(text, hand_over=self._target, history=self._history)

    async def is_offered(self, context: HandoffContext[DepsT], *, in_time: bool) -> bool:
        """Whether the model is offered it now; see `Handoff.is_offered`."""
        return self._handoff is None or await self._handoff.is_offered(context, in_time=in_time)


def handoff_name(agent: str) -> str:
    """The name of the tool that hands over to an agent: ``transfer_to_agent_b`` for ``Agent B``.

    If the name has characters that providers do not accept in the name of a tool, eight hexadecimal digits of its hash
    are added, so that names which differ in nothing else do not come to the same tool.
    """
    slug = _OTHERS.sub("_", agent.lower()).strip("_")
    if _PLAIN.fullmatch(agent) and slug and len(slug) <= _MOST_SLUG:
        return f"{_PREFIX}{slug}"
    digest = sha256(agent.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    kept = slug[: _MOST_SLUG - len(digest) - 1].rstrip("_") or "agent"
    return f"{_PREFIX}{kept}_{digest}"


def check_handoff_names(agents: Iterable[str]) -> None:
    """Refuse agents whose names give the same tool.

    Raises:
        ConfigurationError: two of them do.
    """
    seen: dict[str, str] = {}
    for agent in agents:
        name = handoff_name(agent)
        if name in seen:
            raise ConfigurationError(
                f"LightSwarm: the agents {seen[name]!r:.80} and {agent!r:.80} would both be handed over to by {name}.",
                guidance="Give them names that differ in more than spelling.",
            )
        seen[name] = agent
