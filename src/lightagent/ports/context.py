"""The ports around a run's conversation: context added before it, conclusions drawn from it, and its compaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lightagent.domain.conversation.messages import Message, Trust
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.trace import MemoryEvent
from lightagent.domain.policy.phases import Passed, PayloadT, Phase, Stopped, Subject
from lightagent.domain.runs.starts import HistoryReference
from lightagent.ports.models import ChatModel


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a context source found, if it has details to record besides the texts.

    Attributes:
        texts: the texts to add, each as a message of its own.
        details: how they were found, for the record: plain JSON without the texts themselves.
    """

    texts: tuple[str, ...] = ()
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declined:
    """Returned by a conclusion that has nothing to do.

    Attributes:
        details: the reason, for the record: plain JSON.
    """

    details: JsonObject = field(default_factory=dict)


class ContextSource(Protocol):
    """Adds context, such as memories, to the conversation before the first request. Called once per run."""

    @property
    def name(self) -> str:
        """The name in the record and in the delimiters of its texts: 1 to 64 of ``A-Za-z0-9_.-``."""
        ...

    @property
    def trust(self) -> Trust:
        """Whether the application vouches for the texts of this source."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds after which the run continues without the source; None: limited only by the run itself."""
        ...

    async def gather(self, subject: Subject, query: str) -> Sequence[str] | Gathered:
        """Return the texts to add, each as a message of its own; exceptions are recorded, and the run continues."""
        ...


class Conclusion(Protocol):
    """Draws something from a successful run, such as a memory, before the end of the run is recorded."""

    @property
    def name(self) -> str:
        """The name of the conclusion in the record."""
        ...

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | Declined | None:
        """Return what should be done, for the policies to review; None or `Declined` for nothing."""
        ...

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> JsonObject | None:
        """Do it, and return the details to record. After a crash it may be called again with the same key."""
        ...


@dataclass(frozen=True, slots=True)
class Aside:
    """A request to a model beside the conversation of a run.

    Attributes:
        name: the name in reviews.
        instructions: the system message.
        text: the question.
        model: the model to ask; None for the model of the agent.
        timeout: seconds to wait for the answer.
    """

    name: str
    instructions: str
    text: str
    model: ChatModel | None = None
    timeout: float = 30.0


class ServedRun(Protocol):
    """The view of a run for sources and conclusions that need more than its messages."""

    @property
    def noted(self) -> Sequence[tuple[MemoryEvent, JsonObject]]:
        """What was recorded about memories in this run so far."""
        ...

    @property
    def messages(self) -> Sequence[Message]:
        """The conversation of the run so far, including the history that it began with."""
        ...

    def reviews(self, phase: Phase) -> bool:
        """Whether a policy of the run reviews this phase."""
        ...

    async def review(self, phase: Phase, payload: PayloadT) -> Passed[PayloadT] | Stopped:
        """Have the policies of the run review what is about to happen. If they stop it, it must not be done."""
        ...

    async def ask(self, aside: Aside) -> str | Stopped:
        """Ask a model; the request passes the policies and counts towards the budgets of the run.

        Raises:
            LightAgentError: the model did not answer.
        """
        ...

    def note(self, event: MemoryEvent, data: JsonObject) -> None:
        """Record what was done with memories, without their texts."""
        ...


class ServingSource(ContextSource, Protocol):
    """A source whose steps are reviewed one by one. `gather` is not called then."""

    @property
    def is_required(self) -> bool:
        """Whether the run fails if the source does."""
        ...

    async def gather_for(self, run: ServedRun, subject: Subject, query: str) -> Gathered | Stopped:
        """Return the texts to add. If the policies block a step, the run continues without them."""
        ...


class ServingConclusion(Conclusion, Protocol):
    """A conclusion whose steps are reviewed one by one. `propose` and `carry_out` are not called then."""

    @property
    def is_required(self) -> bool:
        """Whether the run fails if the conclusion does."""
        ...

    async def propose_for(
        self, run: ServedRun, subject: Subject, messages: Sequence[Message], answer: str
    ) -> JsonObject | Declined | Stopped | None:
        """Return what should be done, for the policies to review; None, `Declined` or `Stopped` for nothing."""
        ...

    async def carry_out_for(
        self, run: ServedRun, subject: Subject, proposal: JsonObject, idempotency_key: str
    ) -> Stopped | None:
        """Do it. After a crash it may be called again with the same key."""
        ...


class SettlingConclusion(Conclusion, Protocol):
    """A conclusion with a last action, for when the success of the run is certain."""

    async def settle_for(self, run: ServedRun, subject: Subject, answer: str) -> None:
        """Do it. After a crash it may be called again; exceptions do not affect the run."""
        ...


@dataclass(frozen=True, slots=True)
class Replacement:
    """Replaces the first `count` messages of a conversation by `messages`."""

    count: int
    messages: tuple[Message, ...]


class Compactor(Protocol):
    """Keeps a conversation within its limits."""

    @property
    def name(self) -> str:
        """The name of the compactor in the record."""
        ...

    def is_due(self, messages: Sequence[Message]) -> bool:
        """Whether to compact these messages before the next request; called at every turn, so it must be cheap."""
        ...

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        """Return what to replace; separating a call from its result is refused. Exceptions end the run."""
        ...


class HistorySource(Protocol):
    """Reads the stored conversation that a run continues."""

    async def read(self, reference: HistoryReference) -> Sequence[Message]:
        """Return the messages that the reference stands for; raises `LightAgentError` if they do not exist."""
        ...
