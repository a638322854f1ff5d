"""A session: the conversation that its turns amount to, each turn a run that is kept as its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from lightagent.domain.conversation.labels import joined, untrusted_labels
from lightagent.domain.conversation.messages import ContextMessage, Message
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.outcomes import Blocked, Cancelled, Completed, Suspended
from lightagent.domain.runs.agents import lasting_name
from lightagent.domain.runs.events import Event, RunFinished, RunStarted, ToolFinished
from lightagent.domain.runs.folding import apply, start
from lightagent.domain.runs.state import NO_TOOLS, Run
from lightagent.domain.sessions.entries import (
    AgentTools,
    CheckpointSet,
    IncompleteTurnsIncluded,
    LogEntry,
    SessionBase,
    SessionForked,
    TurnUndone,
)
from lightagent.domain.tools.selection import OfferedTool


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation in its two forms.

    Attributes:
        messages: what a turn begins from, without turns that failed, were blocked or cancelled, or ran out of a budget.
        everything: the same with those turns.
        untrusted, untrusted_everything: the labels of all untrusted text that has entered each of them, whether it is
            still there or not.
        tools: those that each agent was offered which selects some of many, by its lasting name.
        agent: the name of the one that answered last, where that was not the one which its turn was begun with.
    """

    messages: tuple[Message, ...] = ()
    everything: tuple[Message, ...] = ()
    untrusted: tuple[str, ...] = ()
    untrusted_everything: tuple[str, ...] = ()
    tools: Mapping[str, tuple[OfferedTool, ...]] = field(default_factory=lambda: NO_TOOLS)
    agent: str = ""


@dataclass(frozen=True, slots=True)
class EndedTurn:
    """A turn that has ended and was not taken back.

    Attributes:
        first, last: the sequences of its first and its last entry.
        counts: of what was said before it, how many messages there were in each form.
        untrusted: the labels of what was said before it, of each form.
        tools: those that had been offered before it.
        agent: that had answered before it.
        before: what was said before it, where it did not only add to that, such as after a compaction.
    """

    run_id: str
    first: int
    last: int
    counts: tuple[int, int]
    untrusted: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    before: Transcript | None = None
    tools: Mapping[str, tuple[OfferedTool, ...]] = field(default_factory=lambda: NO_TOOLS)
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place between two turns that has a name; `sequence` is the entry that named it."""

    name: str
    sequence: int
    at: float


@dataclass(frozen=True, slots=True)
class Session:
    """A session as of entry `head` of its stream.

    Attributes:
        head: the sequence of the last entry; 0 for a session that has not begun.
        transcript: the conversation before the turn that is open, or before the next one.
        run: the turn that has not ended: it waits for a human, is under way, or was interrupted.
        events: of that turn.
        first: the sequence of its first entry.
        including: that turn begins, or the next one will, from the conversation with turns that did not complete.
        turns: those that have ended and were not taken back, as far as the log reaches back.
        checkpoints: in the order in which they were set.
    """

    head: int = 0
    transcript: Transcript = Transcript()
    run: Run | None = None
    events: tuple[Event, ...] = ()
    first: int = 0
    including: bool = False
    turns: tuple[EndedTurn, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation, without turns that did not complete."""
        return self.transcript.messages

    @property
    def beginning(self) -> tuple[Message, ...]:
        """What the turn that is open, or the next one, begins from."""
        return self.transcript.everything if self.including else self.transcript.messages

    @property
    def untrusted(self) -> tuple[str, ...]:
        """The labels of all untrusted text that has entered what the turn begins from."""
        return self.transcript.untrusted_everything if self.including else self.transcript.untrusted

    @property
    def waits(self) -> bool:
        """Whether the open turn waits for a human."""
        return self.run is not None and isinstance(self.run.outcome, Suspended)

    @property
    def last_turn(self) -> str:
        """The run id of the turn that would be taken back, the open one first; empty if there is none."""
        if self.run is not None:
            return self.run.started.run_id
        return self.turns[-1].run_id if self.turns else ""


def advance_session(session: Session, entry: LogEntry) -> Session:
    """The session after the next entry of its stream.

    Raises:
        ConfigurationError: the entry cannot follow this session.
    """
    head = session.head + 1
    match entry:
        case TurnUndone(run_id=run_id):
            return replace(undo_turn(session, run_id), head=head)
        case CheckpointSet():
            _check_between_turns(session, entry)
            if any(one.name == entry.name for one in session.checkpoints):
                _refuse(f"there are two checkpoints {entry.name!r:.100}")
            named = Checkpoint(entry.name, head, entry.at)
            return replace(session, head=head, checkpoints=(*session.checkpoints, named))
        case IncompleteTurnsIncluded():
            _check_between_turns(session, entry)
            return replace(session, head=head, first=head, including=True)
        case SessionBase():  # It matters only at the beginning of a log; behind other entries it adds nothing.
            return session_from(entry, head) if not session.head and not entry.through else replace(session, head=head)
        case SessionForked():
            return replace(session, head=head)
        case _:
            return _advance_turn(session, entry, head)


def session_from(base: SessionBase, head: int) -> Session:
    """The session that goes on from a base.

    Raises:
        ConfigurationError: what it holds is not a valid conversation.
    """
    check_conversation(base.messages, "session_base.messages")
    check_conversation(base.everything, "session_base.everything")
    everything = base.messages if base.everything == base.messages else base.everything
    labels, labels_of_everything = base.untrusted, base.untrusted_everything
    if labels is None:
        labels = untrusted_labels(base.messages)
    if labels_of_everything is None:
        labels_of_everything = untrusted_labels(everything)
    tools = {one.agent: one.tools for one in base.tools} or NO_TOOLS
    return Session(head, Transcript(base.messages, everything, labels, labels_of_everything, tools, base.agent))


def undo_turn(session: Session, run_id: str) -> Session:
    """The session without its last turn, be it open or ended.

    Raises:
        ConfigurationError: the last turn is another one.
    """
    if not run_id or session.last_turn != run_id:
        _refuse(f"the turn {run_id!r:.100} is taken back, but is not the last one")
    if session.run is not None:
        return replace(session, run=None, events=(), including=False)
    *turns, last = session.turns
    transcript = session.transcript
    messages, everything = last.counts
    before = last.before or Transcript(
        transcript.messages[:messages], transcript.everything[:everything], *last.untrusted, last.tools, last.agent
    )
    return replace(session, transcript=before, turns=tuple(turns))


def _advance_turn(session: Session, event: Event, head: int) -> Session:
    first = session.first
    if isinstance(event, RunStarted):
        run = _begun(session, event)
        first = first if session.including else head
    elif session.run is None:
        _refuse(f"{event.type} belongs to no turn")
    else:
        run = apply(session.run, event)
    if run.outcome is None or isinstance(run.outcome, Suspended):
        return replace(session, head=head, run=run, events=(*session.events, event), first=first)
    transcript, only_added = _transcript_after(session, run)
    before = None if only_added else session.transcript
    counts = len(session.transcript.messages), len(session.transcript.everything)
    labels = session.transcript.untrusted, session.transcript.untrusted_everything
    turn = EndedTurn(
        run.started.run_id, first, head, counts, labels, before, session.transcript.tools, session.transcript.agent
    )
    return Session(head, transcript, turns=(*session.turns, turn), checkpoints=session.checkpoints)


def base_of(transcript: Transcript, through: int, at: float = 0.0) -> SessionBase:
    """The entry that stands for a transcript, with its labels where the messages alone do not tell them."""
    labels, everywhere = transcript.untrusted, transcript.untrusted_everything
    return SessionBase(
        through,
        transcript.messages,
        transcript.everything,
        at,
        None if labels == untrusted_labels(transcript.messages) else labels,
        None if everywhere == untrusted_labels(transcript.everything) else everywhere,
        tuple(AgentTools(agent, tools) for agent, tools in transcript.tools.items()),
        transcript.agent,
    )


def _begun(session: Session, event: RunStarted) -> Run:
    if session.run is not None:
        _refuse("a turn begins before the last one has ended")
    count = 0 if event.history is None else event.history.count
    if count != len(session.beginning):
        _refuse(f"a turn begins from {count} messages, but there are {len(session.beginning)}")
    return start(event, session.beginning, session.untrusted)


def _transcript_after(session: Session, run: Run) -> tuple[Transcript, bool]:
    """The conversation after a turn, and whether the turn only added to it, in both of its forms.

    The turn's messages are part of everything, and of the rest if it completed.
    """
    begun, before = session.beginning, session.transcript
    messages = conversation(run)
    completed = isinstance(run.outcome, Completed)
    labels = run.untrusted if completed else before.untrusted
    everywhere = joined(before.untrusted_everything, run.untrusted)
    tools = _tools_after(before.tools, run)
    agent = _agent_after(before.agent, run)
    if run.history is not begun and run.history[: len(begun)] != begun:
        return Transcript(messages if completed else before.messages, messages, labels, everywhere, tools, agent), False
    is_everything = len(begun) == len(before.everything)
    everything = messages if is_everything else (*before.everything, *messages[len(begun) :])
    # A turn that began from everything has, if it completed, added the turns before it that did not.
    only_added = not completed or begun is before.messages or messages[: len(before.messages)] == before.messages
    return Transcript(
        messages if completed else before.messages, everything, labels, everywhere, tools, agent
    ), only_added


def _agent_after(before: str, run: Run) -> str:
    """The agent that answered last, after a turn; empty where that is the one which the turn was begun with."""
    if not isinstance(run.outcome, Completed):
        return before
    return "" if run.head.name == run.started.head.name else run.head.name


def _tools_after(before: Mapping[str, tuple[OfferedTool, ...]], run: Run) -> Mapping[str, tuple[OfferedTool, ...]]:
    """What each agent was offered, after a turn. Of several agents without a name the first one is meant."""
    if not run.declared:
        return before
    first, after = run.started.head.name, dict(before)
    for name, tools in sorted(run.declared.items(), key=lambda one: one[0] == first):
        if lasting_name(name) or name == first:
            after[lasting_name(name)] = _as_offered_last(run, tools) if name == run.head.name else tools
    return after


def _as_offered_last(run: Run, tools: tuple[OfferedTool, ...]) -> tuple[OfferedTool, ...]:
    """The tools in the order of the last request, behind them those that it lacked.

    A policy had taken them out, or their source did not list them for a while. So what the next turn offers still
    begins with the tools of that request.
    """
    places = {name: place for place, name in enumerate(run.offered or ())}
    return tuple(sorted(tools, key=lambda tool: places.get(tool.name, len(places))))


def _check_between_turns(session: Session, entry: LogEntry) -> None:
    if session.run is not None or session.including:
        _refuse(f"{entry.type} stands within a turn")


def _refuse(problem: str) -> NoReturn:
    raise ConfigurationError(f"Session: {problem}.", guidance="")


def conversation(run: Run) -> tuple[Message, ...]:
    """The messages of a run that a next one may begin from, without what context sources added to it.

    Calls without results are left out with the message that made them, so that a provider takes what is left. So is a
    last reply that was withheld.
    """
    withheld = isinstance(run.outcome, Blocked) and run.last_reply is not None
    added = run.added[:-1] if run.calls or withheld else run.added
    return (*run.history, *(one for one in added if not isinstance(one, ContextMessage) or one.replaces))


def closing_events(run: Run, unknown: str, at: float) -> tuple[Event, ...]:
    """What ends a turn that a crash interrupted: what its calls have done is unknown.

    Args:
        unknown: the text in place of a result, with the name of the tool as `{tool}`.
    """
    return (*unknown_results(run, unknown, at), RunFinished(Cancelled(), at=at))


def unknown_results(run: Run, unknown: str, at: float) -> tuple[ToolFinished, ...]:
    """The results of calls that had begun when their turn ended: whether they took effect is unknown.

    Without them the model would not see that it made these calls, nor what came of others of the same round.

    Args:
        unknown: the text in place of a result, with the name of the tool as `{tool}`.
    """
    begun = [call.call for call in run.calls.values() if call.status == "started"]
    return tuple(ToolFinished(call.id, unknown.format(tool=call.name), "unknown", at=at) for call in begun)
