"""The ports to tools: one tool, and a source of many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, runtime_checkable

from typing_extensions import TypeVar

from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.conversation.messages import Message
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.outputs import Artifact
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.domain.policy.information_flow import InformationFlow
from lightagent.domain.runs.events import Event
from lightagent.domain.runs.state import Run
from lightagent.domain.scopes import Scope
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.budgets import Meter
from lightagent.ports.mail import MailPost, MailRoom
from lightagent.ports.policy import Gate
from lightagent.ports.telemetry import CurrentSpans

DepsT_co = TypeVar("DepsT_co", covariant=True, default=object)
"""The type of the dependencies that the application passes to its tools in each run."""


@dataclass(frozen=True, slots=True)
class ToolPart:
    """A part of a tool's answer, shown as it arrives. Like a delta it is not recorded; the whole answer is."""

    call_id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class NestedDelta:
    """A delta of an agent that was called as a tool; `path` holds the ids of the calls that lead to it."""

    path: tuple[str, ...]
    delta: Delta | ToolPart


class FilePath(Protocol):
    """A path of a file as an object, such as a `pathlib.Path`."""

    def __fspath__(self) -> str:
        """The path as text."""
        ...


KeepArtifact: TypeAlias = Callable[[str | FilePath, str, str], Artifact]
"""Records a file, given its path, its name for people (empty: the file's own) and its media type."""


ChildStep: TypeAlias = Event | Delta | ToolPart | NestedDelta


def _no_part(part: object) -> None:
    return None


def _no_past() -> Sequence[Event]:
    return ()


def _no_messages() -> Sequence[Message]:
    return ()


def _no_headers(origin: Origin) -> TraceHeaders:
    return ()


@dataclass(frozen=True, slots=True)
class Nesting:
    """What a tool that is an agent needs to record its run in the journal of the run that calls it.

    Attributes:
        child: the nested run so far; None at its beginning.
        emit: records a step of the nested run and shows it; returns once the consumer has taken it.
        record: records an event without waiting, such as the last event of a nested run that is cancelled.
        gates: the gates of the runs around it, the outermost first; they review the nested run as well.
        stream: whether deltas are requested.
        trace_headers: the headers that link requests of the nested run to other processes to the trace.
        spans: makes the spans of the nested run current; None without tracing.
        untrusted: the labels of the untrusted text before the call, which the query may reveal.
        flows: the rules for tainted calls in the runs around it; they apply to the nested run as well.
        meters: the budgets of the runs around it; what the nested run spends counts towards them as well.
        past: returns the events of the nested run so far.
        prices: the prices of models, for a nested run without its own.
        agents: the names of the agents that act in the runs around it, the outermost first.
        conversation: returns the conversation of the calling run, up to the reply that makes the call.
        mail: the mailbox of the runs around it, through which their agents send messages to each other.
    """

    child: Run | None
    emit: Callable[[ChildStep], Awaitable[None]]
    record: Callable[[Event], None]
    gates: tuple[Gate, ...] = ()
    stream: bool = False
    trace_headers: Callable[[Origin], TraceHeaders] = _no_headers
    untrusted: tuple[str, ...] = ()
    flows: tuple[InformationFlow, ...] = ()
    meters: tuple[Meter, ...] = ()
    past: Callable[[], Sequence[Event]] = _no_past
    spans: CurrentSpans | None = None
    prices: PriceTable = NO_PRICES
    agents: tuple[str, ...] = ()
    conversation: Callable[[], Sequence[Message]] = _no_messages
    mail: MailRoom | None = None


@dataclass(frozen=True, slots=True)
class RunContext(Generic[DepsT_co]):
    """The context of a tool call: one value per call, never shared between runs.

    Attributes:
        deps: what the application passed to this run.
        origin: the run, its trace, its owner and the turn.
        call_id: the id of this call within its turn.
        idempotency_key: the same for a call and its repetition after a crash: pass it to the service that has the
            effect.
        approved: whether a human approved exactly this call.
        report: record a progress note; consumers of the run see it at once.
        is_cancelled: whether the call was abandoned (timeout, cancelled run); a long synchronous tool should check it.
        nesting: for tools that are agents; None outside of a run.
        show_part: show a part of the answer to the consumer of a streamed run; a generator's parts are shown anyway.
        step_key: the idempotency key of the step if the run is a step of a flow: the same for all attempts at it,
            while `idempotency_key` differs, and another one after a rerun. Empty outside of flows.
        mail: how the acting agent sends messages to others of its swarm; None if it cannot.
        keep_artifact: records a file if the run is a step of a flow; None outside of flows. Call `artifact` instead.
    """

    deps: DepsT_co
    origin: Origin
    call_id: str
    idempotency_key: str
    approved: bool
    report: Callable[[str], None]
    is_cancelled: Callable[[], bool]
    nesting: Nesting | None = field(default=None, repr=False)
    show_part: Callable[[object], None] = field(default=_no_part, repr=False)
    step_key: str = ""
    mail: MailPost | None = field(default=None, repr=False)
    keep_artifact: KeepArtifact | None = field(default=None, repr=False)

    def artifact(self, path: str | FilePath, *, name: str = "", media_type: str = "") -> Artifact:
        """Record a file that the call has written, as an artifact of the flow step that the run is.

        It is read here and now, for its digest. Later steps find it in ``context.steps["…"].artifacts``, and read it
        with `read_artifact`.

        Args:
            name: its name for people; by default the file's name.

        Raises:
            ConfigurationError: the file does not exist, or the run is not a step of a flow.
        """
        if self.keep_artifact is None:
            raise ConfigurationError(
                "artifact: only steps of flows make artifacts, and this run is not one.",
                guidance="Look at step_key, which is empty then; return the path instead.",
            )
        return self.keep_artifact(path, name, media_type)

    @property
    def agent_name(self) -> str:
        """The agent of this run."""
        return self.origin.agent_name

    @property
    def run_id(self) -> str:
        """The id of this run."""
        return self.origin.run_id

    @property
    def trace_id(self) -> str:
        """The id of this run's trace."""
        return self.origin.trace_id

    @property
    def scope(self) -> Scope:
        """The owner of this run."""
        return self.origin.scope

    @property
    def user_id(self) -> str:
        """The user the run serves; empty if none was named."""
        return self.origin.scope.user

    @property
    def tenant(self) -> str:
        """The tenant the run serves; empty if none was named."""
        return self.origin.scope.tenant


DepsT_contra = TypeVar("DepsT_contra", contravariant=True)


class Tool(Protocol[DepsT_contra]):
    """Something a model can call. Serves any number of calls at once."""

    @property
    def spec(self) -> ToolSpec:
        """The declaration of the tool; always the same."""
        ...

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """Return the arguments in the tool's types; raises a `ToolError` that tells the model what exactly is wrong."""
        ...

    async def call(self, arguments: Mapping[str, object], context: RunContext[DepsT_contra]) -> object:
        """Call the tool with arguments that `check` returned; raises any exception, or a `ControlSignal`.

        A `ToolAnswer` affects the run besides answering.
        """
        ...


@runtime_checkable
class NestingTool(Protocol):
    """A tool that is an agent: it can also tell whether a nested run can be resumed with it.

    It enforces the timeout of its declaration itself, not counting the time that the consumer of a stream takes.
    """

    async def check_child(self, child: Run, policies: tuple[str, ...]) -> None:
        """Raise unless `child` can be resumed here; `policies` are those of the gates of the runs around it.

        Raises:
            ConfigurationError: it was begun with policies or an output type that are not there, or one of its calls
                began without the decision that its tool requires.
            ToolError: a decision edits arguments into some that the tool of a call refuses.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolList(Generic[DepsT_contra]):
    """The tools of a source at one moment.

    Attributes:
        tools: the tools by name. The declaration of a tool is read only when the tool is offered.
        offered: the names of those that a run offers to its model from the start; None: all of them.
        stands_in: the source cannot be reached, and these tools only report that. Wrappers pass them on unchanged.
    """

    tools: Mapping[str, Tool[DepsT_contra]]
    offered: tuple[str, ...] | None = None
    stands_in: bool = False


class ToolSource(Protocol[DepsT_contra]):
    """A source of tools, such as a directory or a server. Serves any number of runs at once."""

    @property
    def name(self) -> str:
        """The name of the source in errors."""
        ...

    @property
    def version(self) -> int:
        """A number that changes with the list, which is then read again before the next request to a model."""
        ...

    async def tools(self) -> ToolList[DepsT_contra]:
        """Return the current list; opens resources on the first call. Raises `LightAgentError`."""
        ...

    async def aclose(self) -> None:
        """Release all resources; a later call of `tools` opens them again."""
        ...
