"""What a tool may do to its run besides answering. Effects are on record with the result, in one event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.swarm.agent_messages import AgentMessage
from lightagent.domain.swarm.handoff_limits import EVERYTHING, HistoryTransfer
from lightagent.domain.tools.ranking import RankedTool
from lightagent.domain.tools.selection import OfferedTool

MOST_LABELS: Final = 32
"""Labels of one answer. They stay with a conversation for good, so a tool cannot make many of them at once."""


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


@dataclass(frozen=True, slots=True)
class TransferHistory:
    """What of the conversation goes along with the handoff of the same call, where that is not all of it."""

    history: HistoryTransfer
    kind: Literal["transfer_history"] = "transfer_history"


@dataclass(frozen=True, slots=True)
class NarrowTools:
    """From the next turn on, and until the run ends, no other tools than these may be called.

    Those that the framework offers by itself may, unless they have effects outside of the run. Several of these add up:
    a tool may be called that all of them name. What is offered to the model does not change.

    Attributes:
        names: of tools; ``*`` stands for any text.
        by: what wants it so, such as the name of a skill.
    """

    names: tuple[str, ...]
    by: str
    kind: Literal["narrow_tools"] = "narrow_tools"


@dataclass(frozen=True, slots=True)
class SendMessage:
    """A message was sent to another agent of the swarm. It moves nothing here; the other one gets it when it acts."""

    message: AgentMessage
    kind: Literal["send_message"] = "send_message"


Effect: TypeAlias = OfferTools | DeclareTools | HandOver | TransferHistory | NarrowTools | SendMessage


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool returns that affects its run.

    Attributes:
        output: the answer, whatever a tool may return.
        offer: names of tools that the model is offered from the next turn on.
        hand_over: name of the agent that goes on after this round; one of the agent's `handoffs`.
        history: what of the conversation goes along then.
        narrow: what may be called from the next turn on, and nothing else.
        labels: where the answer comes from besides the tool, such as ``web:example.org``; they count as untrusted.
        candidates: the tools that a search considered, the best first, for the record of a run that selects its tools.
        sent: a message that was sent to another agent, for the record.
    """

    output: object
    offer: tuple[str, ...] = ()
    hand_over: str = ""
    labels: tuple[str, ...] = ()
    candidates: tuple[RankedTool, ...] = ()
    narrow: NarrowTools | None = None
    sent: AgentMessage | None = None
    history: HistoryTransfer = EVERYTHING
