"""What a tool may do to its run besides answering. Effects are on record with the result, in one event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from lightagent.domain.agent_heads import AgentHead
from lightagent.domain.ranking import RankedTool
from lightagent.domain.tool_selection import OfferedTool


@dataclass(frozen=True, slots=True)
class OfferTools:
    """From the next turn on the model is offered these tools as well."""

    names: tuple[str, ...]
    kind: Literal["offer_tools"] = "offer_tools"


@dataclass(frozen=True, slots=True)
class DeclareTools:
    """The same, in a run that selects its tools: from now on each is declared as it was when it was found.

    Attributes:
        names: of the tools that are offered.
        tools: the declarations of those that had none.
        candidates: what a search considered, the best first.
    """

    names: tuple[str, ...]
    tools: tuple[OfferedTool, ...] = ()
    candidates: tuple[RankedTool, ...] = ()
    kind: Literal["declare_tools"] = "declare_tools"


@dataclass(frozen=True, slots=True)
class HandOver:
    """At the end of this round of calls another agent goes on with the conversation."""

    head: AgentHead
    kind: Literal["hand_over"] = "hand_over"


Effect: TypeAlias = OfferTools | DeclareTools | HandOver


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool returns that affects its run.

    Attributes:
        output: the answer, whatever a tool may return.
        offer: names of tools that the model is offered from the next turn on.
        hand_over: name of the agent that goes on after this round; one of the agent's `handoffs`.
        labels: where the answer comes from besides the tool, such as ``web:example.org``; they count as untrusted.
        candidates: the tools that a search considered, the best first, for the record of a run that selects its tools.
    """

    output: object
    offer: tuple[str, ...] = ()
    hand_over: str = ""
    labels: tuple[str, ...] = ()
    candidates: tuple[RankedTool, ...] = ()
