"""What the log of a session holds besides the events of its turns; like them, it is only ever appended to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from lightagent.domain.conversation.messages import Message
from lightagent.domain.runs.events import Event
from lightagent.domain.tools.selection import OfferedTool


@dataclass(frozen=True, slots=True)
class TurnUndone:
    """The last turn is taken back: the conversation is what it was before. Its events stay in the log."""

    run_id: str
    at: float = field(default=0.0, compare=False)
    type: Literal["turn_undone"] = "turn_undone"


@dataclass(frozen=True, slots=True)
class CheckpointSet:
    """This place between two turns has a name from now on."""

    name: str
    at: float = field(default=0.0, compare=False)
    type: Literal["checkpoint_set"] = "checkpoint_set"


@dataclass(frozen=True, slots=True)
class IncompleteTurnsIncluded:
    """The turn that follows begins from the whole conversation, with the turns that did not complete."""

    at: float = field(default=0.0, compare=False)
    type: Literal["incomplete_turns_included"] = "incomplete_turns_included"


@dataclass(frozen=True, slots=True)
class AgentTools:
    """What an agent that selects some of many tools was offered; `agent` is its lasting name."""

    agent: str
    tools: tuple[OfferedTool, ...]


@dataclass(frozen=True, slots=True)
class SessionBase:
    """What the entries up to `through` amount to, so that they can be removed. It changes nothing.

    Attributes:
        messages: the conversation.
        everything: the same with the turns that did not complete.
        untrusted, untrusted_everything: the labels of all untrusted text that has entered each of them, where the
            messages alone do not tell them.
        tools: the tools that were offered in it, for each agent that selects some of many.
        agent: that answered last, where that was not the one which its turn was begun with.
    """

    through: int
    messages: tuple[Message, ...]
    everything: tuple[Message, ...]
    at: float = field(default=0.0, compare=False)
    untrusted: tuple[str, ...] | None = None
    untrusted_everything: tuple[str, ...] | None = None
    tools: tuple[AgentTools, ...] = ()
    agent: str = ""
    type: Literal["session_base"] = "session_base"


@dataclass(frozen=True, slots=True)
class SessionForked:
    """What goes before was copied from the session `source` of the same owner, as of its entry `sequence`."""

    source: str
    sequence: int
    at: float = field(default=0.0, compare=False)
    type: Literal["session_forked"] = "session_forked"


SessionEntry: TypeAlias = TurnUndone | CheckpointSet | IncompleteTurnsIncluded | SessionBase | SessionForked

LogEntry: TypeAlias = Event | SessionEntry
"""An entry of the log of a session."""
