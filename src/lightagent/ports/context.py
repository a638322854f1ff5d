"""The ports around a run's conversation: what is added before it, made of it afterwards, and taken out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory_trace import MemoryEvent
from lightagent.domain.messages import Message, Trust
from lightagent.domain.policy import Passed, PayloadT, Phase, Stopped, Subject
from lightagent.domain.run_starts import HistoryReference
from lightagent.ports.models import ChatModel


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a context source found, where it has more to say than texts.

    Attributes:
        texts: to be added, each as a message of its own.
        details: for the record: how it came to them, as plain JSON without the texts themselves.
    """

    texts: tuple[str, ...] = ()
    details: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declined:
    """A conclusion draws nothing.

    Attributes:
        details: for the record: why, as plain JSON.
    """

    details: JsonObject = field(default_factory=dict)


class ContextSource(Protocol):
    """Adds what is known to the conversation before the first request, such as memories. Asked once a run."""

    @property
    def name(self) -> str:
        """Names the source on record and in the delimiters of its text: 1 to 64 of ``A-Za-z0-9_.-``."""
        ...

    @property
    def trust(self) -> Trust:
        """Whether the application vouches for the texts of this source."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds until the run goes on without the source; None: as long as the run may take."""
        ...

    async def gather(self, subject: Subject, query: str) -> Sequence[str] | Gathered:
        """The texts to be added, each as a message of its own; what it raises is on record, and the run goes on."""
        ...


class Conclusion(Protocol):
    """Draws something from a run that succeeded, such as a memory; before the end of the run is on record."""

    @property
    def name(self) -> str:
        """Names the conclusion on record."""
        ...

    async def propose(self, subject: Subject, messages: Sequence[Message], answer: str) -> JsonObject | Declined | None:
        """What should be done, for the policies to review; None or `Declined`: nothing."""
        ...

    async def carry_out(self, subject: Subject, proposal: JsonObject, idempotency_key: str) -> JsonObject | None:
        """Do it, and give what the record says of it. After a crash it may be called again with the same key."""
        ...


@dataclass(frozen=True, slots=True)
class Aside:
    """A request to a model beside the conversation of a run.

    Attributes:
        name: names it in reviews.
        instructions: the system message.
        text: what is asked.
        model: which model is asked; None: that of the agent.
        timeout: seconds for the answer.
    """

    name: str
    instructions: str
    text: str
    model: ChatModel | None = None
    timeout: float = 30.0


class ServedRun(Protocol):
    """A run, as a source or a conclusion knows it that does more for it than to give texts."""

    @property
    def noted(self) -> Sequence[tuple[MemoryEvent, JsonObject]]:
        """What was put on record of memories in this run until now."""
        ...

    @property
    def messages(self) -> Sequence[Message]:
        """The conversation of the run until now, with what it began from."""
        ...

    def reviews(self, phase: Phase) -> bool:
        """Whether a policy of the run reviews this phase."""
        ...

    async def review(self, phase: Phase, payload: PayloadT) -> Passed[PayloadT] | Stopped:
        """Put what is about to happen before the policies of the run. What they stop must not be done."""
        ...

    async def ask(self, aside: Aside) -> str | Stopped:
        """Ask a model; the request passes the policies and counts towards the budgets of the run.

        Raises:
            LightAgentError: the model did not answer.
        """
        ...

    def note(self, event: MemoryEvent, data: JsonObject) -> None:
        """Put on record what was done with memories, without their texts."""
        ...


class ServingSource(ContextSource, Protocol):
    """A source whose steps are reviewed one by one. `gather` is not called then."""

    @property
    def is_required(self) -> bool:
        """Whether the run fails where the source does."""
        ...

    async def gather_for(self, run: ServedRun, subject: Subject, query: str) -> Gathered | Stopped:
        """The texts to be added. Where the policies block a step, the run goes on without them."""
        ...


class ServingConclusion(Conclusion, Protocol):
    """A conclusion whose steps are reviewed one by one. `propose` and `carry_out` are not called then."""

    @property
    def is_required(self) -> bool:
        """Whether the run fails where the conclusion does."""
        ...

    async def propose_for(
        self, run: ServedRun, subject: Subject, messages: Sequence[Message], answer: str
    ) -> JsonObject | Declined | Stopped | None:
        """What should be done, for the policies to review; None, `Declined` or what stopped it: nothing."""
        ...

    async def carry_out_for(
        self, run: ServedRun, subject: Subject, proposal: JsonObject, idempotency_key: str
    ) -> Stopped | None:
        """Do it. After a crash it may be called again with the same key."""
        ...


class SettlingConclusion(Conclusion, Protocol):
    """A conclusion that has something to do once nothing can keep the run from success any more."""

    async def settle_for(self, run: ServedRun, subject: Subject, answer: str) -> None:
        """Do it. After a crash it may be called again; what it raises changes nothing of the run."""
        ...


@dataclass(frozen=True, slots=True)
class Replacement:
    """The first `count` messages of a conversation give way to `messages`."""

    count: int
    messages: tuple[Message, ...]


class Compactor(Protocol):
    """Keeps a conversation within its bounds."""

    @property
    def name(self) -> str:
        """Names the compactor on record."""
        ...

    def is_due(self, messages: Sequence[Message]) -> bool:
        """Whether these messages should become fewer before the next request; asked at every turn, so it is cheap."""
        ...

    async def compact(self, subject: Subject, messages: Sequence[Message]) -> Replacement | None:
        """What to replace; a replacement that parts a call from its result is refused. What it raises ends the run."""
        ...


class HistorySource(Protocol):
    """Reads the stored conversation that a run begins from."""

    async def read(self, reference: HistoryReference) -> Sequence[Message]:
        """The messages that the reference stands for; raises `LightAgentError` where they are not there."""
        ...
