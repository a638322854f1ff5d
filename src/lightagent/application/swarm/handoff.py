"""`Handoff`: how a swarm hands over to one of its agents, and what is passed along, as a type."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Final, Generic, Protocol, TypeAlias, overload

from typing_extensions import TypeForm, TypeIs, TypeVar

from lightagent.application.active_run.means import Means
from lightagent.application.foreign_code import await_foreign
from lightagent.application.journals.journal import Journal
from lightagent.application.tools.arguments import dump_arguments, parse_arguments, refused
from lightagent.application.tools.deps import DepsT, DepsT_contra
from lightagent.application.tools.typed_input import TypedInput
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.json_copies import is_sequence
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import Origin
from lightagent.domain.runs.effects import HandOver
from lightagent.domain.runs.events import ModelRequested, ToolFinished, ToolStarted
from lightagent.domain.swarm.handoff_limits import HistoryTransfer

InputT_co = TypeVar("InputT_co", covariant=True, default=str)
"""What is passed along: without a type the reason, as text."""

_In = TypeVar("_In")
_D = TypeVar("_D")
_VALID_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")

REASON_PARAMETERS: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "description": "Why, and what the other agent should know."},
    },
    "required": [],
    "additionalProperties": False,
}
"""The parameters of a handoff without a type."""


class SwarmAgent(Protocol[DepsT_contra]):
    """An agent as a swarm registers it: every `LightAgent` whose tools have the dependencies of the swarm."""

    @property
    def means(self) -> Means[DepsT_contra]:
        """What it is made of."""
        ...

    @property
    def name(self) -> str:
        """What the others call it."""
        ...


@dataclass(frozen=True, slots=True)
class HandoffContext(Generic[DepsT]):
    """What decides whether a handoff is offered.

    Attributes:
        deps: what the application passed to this run.
        origin: the run, its owner and the turn; `origin.agent_name` is the agent that acts.
        route: the names of the agents that have acted in this run, in order; the last one acts.
    """

    deps: DepsT
    origin: Origin
    route: tuple[str, ...]


Enabled: TypeAlias = bool | Callable[[HandoffContext[DepsT]], bool | Coroutine[object, object, bool]]


class HandoffSettings(ABC, Generic[DepsT_contra]):
    """How agents of a swarm hand over to one of them, whatever is passed along."""

    agent: SwarmAgent[DepsT_contra]
    sources: tuple[SwarmAgent[DepsT_contra], ...] | None
    tool_name: str | None
    tool_description: str | None
    history: HistoryTransfer | None
    _is_enabled: Enabled[DepsT_contra]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.agent.name!r})"

    @property
    @abstractmethod
    def parameters(self) -> JsonObject:
        """JSON Schema of the tool's parameters."""

    @abstractmethod
    def briefing_of(self, arguments: JsonObject) -> str:
        """What the briefing makes of arguments; empty without one.

        Raises:
            ToolError: the arguments do not fit.
        """

    def serves(self, source: str, target: str) -> bool:
        """Whether the agent `source` hands over to `target` so."""
        if target != self.agent.name:
            return False
        return self.sources is None or any(agent.name == source for agent in self.sources)

    async def is_offered(self, context: HandoffContext[DepsT_contra], *, in_time: bool) -> bool:
        """Whether the model is offered it now.

        Raises:
            ConfigurationError: the function answers with something else than True and False.
            Exception: what the function raises.
        """
        if isinstance(self._is_enabled, bool):
            return self._is_enabled
        answer: object = self._is_enabled(context)
        if isinstance(answer, Coroutine):
            answer = await await_foreign(answer, in_time=in_time)
        if not isinstance(answer, bool):
            raise ConfigurationError(f"{self!r}: is_enabled must say True or False, got {answer!r:.80}.", guidance="")
        return answer


class Handoff(HandoffSettings[DepsT_contra], Generic[InputT_co, DepsT_contra]):
    """How agents of a swarm hand over to one of them.

    Args:
        agent: that takes over; a registered one.
        input_type: a pydantic model, dataclass or TypedDict that is passed along: its JSON schema is that of the
            tool's parameters, and arguments that do not fit are refused with what is wrong. By default a reason is.
        sources: the agents that hand over so; by default all others.
        tool_name, tool_description: of the tool that hands over; by default after the agent's name and role.
        is_enabled: whether it is offered, or a function that says so before each request. It is called in the event
            loop, so one that waits for something is async. What it raises ends the run.
        history: what of the conversation goes along; by default as the swarm says.
        briefing: makes, of what is passed along, the text that the agent which takes over reads as the result of the
            call. It is called whenever the arguments are checked, so it must have no effects.

    Raises:
        ConfigurationError: one of them is something else, or no JSON schema can be made of `input_type`.
    """

    agent: SwarmAgent[DepsT_contra]
    sources: tuple[SwarmAgent[DepsT_contra], ...] | None
    _briefing: Callable[[InputT_co], str] | None
    _input: TypedInput[InputT_co] | None

    @overload
    def __init__(
        self: Handoff[str, _D],
        agent: SwarmAgent[_D],
        *,
        sources: Sequence[SwarmAgent[_D]] | None = ...,
        tool_name: str | None = ...,
        tool_description: str | None = ...,
        is_enabled: Enabled[_D] = ...,
        history: HistoryTransfer | None = ...,
        briefing: Callable[[str], str] | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: Handoff[_In, _D],
        agent: SwarmAgent[_D],
        *,
        input_type: TypeForm[_In],
        sources: Sequence[SwarmAgent[_D]] | None = ...,
        tool_name: str | None = ...,
        tool_description: str | None = ...,
        is_enabled: Enabled[_D] = ...,
        history: HistoryTransfer | None = ...,
        briefing: Callable[[_In], str] | None = ...,
    ) -> None: ...

    def __init__(
        self: Handoff[_In, _D],
        agent: SwarmAgent[_D],
        *,
        input_type: TypeForm[_In] | None = None,
        sources: Sequence[SwarmAgent[_D]] | None = None,
        tool_name: str | None = None,
        tool_description: str | None = None,
        is_enabled: Enabled[_D] = True,
        history: HistoryTransfer | None = None,
        briefing: Callable[..., str] | None = None,
    ) -> None:
        for one in (agent, *_as_agents(sources)):
            _check_agent(one)
        owner = f"Handoff to {agent.name!r:.80}"
        _check(owner, tool_name, tool_description, is_enabled, history, briefing)
        self.agent = agent
        self.sources = None if sources is None else tuple(sources)
        self.tool_name = tool_name
        self.tool_description = tool_description
        self.history = history
        self._is_enabled = is_enabled
        self._briefing = briefing
        self._input = None if input_type is None else TypedInput(input_type, owner)

    @property
    def parameters(self) -> JsonObject:
        """JSON Schema of the tool's parameters."""
        return REASON_PARAMETERS if self._input is None else self._input.schema

    def briefing_of(self, arguments: JsonObject) -> str:
        """What the briefing makes of arguments; empty without one.

        Raises:
            ToolError: the arguments do not fit.
        """
        value = self._read(arguments)
        if self._briefing is None:
            return ""
        text: object = self._briefing(value)
        if not isinstance(text, str):
            raise ToolError(f"The briefing of {self!r} gave no text.", guidance="")
        return text

    def passed(self, journal: Journal) -> tuple[InputT_co, ...]:
        """What was passed along in a run, handoff by handoff, as far as these took place.

        Args:
            journal: of the run, such as `RunResult.journal`.

        Raises:
            ConfigurationError: it is not a journal.
            ToolError: the journal was changed, or written with another type.
        """
        given: object = journal
        if not isinstance(given, Journal):
            raise ConfigurationError(
                f"Handoff: expected a Journal, got {type(given).__name__}.", guidance="Pass result.journal."
            )
        return tuple(self._read(arguments) for arguments in self._arguments(journal))

    def _arguments(self, journal: Journal) -> Iterator[JsonObject]:
        """The arguments of each call that handed over to the agent so."""
        acting = (journal.started.acting or journal.started.head).name
        target, begun = acting, dict[str, JsonObject]()
        for event in journal.events:
            if isinstance(event, ModelRequested):
                acting = target
            elif isinstance(event, ToolStarted):
                begun[event.call_id] = event.arguments
            elif isinstance(event, ToolFinished):
                heads = [effect.head.name for effect in event.effects if isinstance(effect, HandOver)]
                if not heads:
                    continue
                target = heads[0] if target == acting else target
                if self.serves(acting, heads[0]) and event.call_id in begun:
                    yield begun[event.call_id]

    def _read(self, arguments: JsonObject) -> InputT_co:
        if self._input is not None:
            return self._input.parse(arguments)
        reason: object = parse_arguments(dump_arguments(arguments)).get("reason", "")
        if set(arguments) - {"reason"} or not self._is_reason(reason):
            raise refused("The arguments do not fit.", 'It takes at most {"reason": "…"}.')
        return reason

    def _is_reason(self, reason: object) -> TypeIs[InputT_co]:
        """Whether a reason is what is passed along; without a type it is any text."""
        return self._input is None and isinstance(reason, str)


def _as_agents(sources: object) -> Sequence[object]:
    """The agents that a user named as sources.

    Raises:
        ConfigurationError: they are not a list.
    """
    if sources is None:
        return ()
    if not is_sequence(sources):
        raise ConfigurationError(f"Handoff: sources must be a list of agents, got {type(sources).__name__}.")
    return sources


def _check_agent(agent: object) -> None:
    if not isinstance(getattr(agent, "means", None), Means):
        raise ConfigurationError(
            f"Handoff: expected an agent, got {type(agent).__name__}.", guidance="Pass LightAgent objects."
        )


def _check(
    owner: str, tool_name: object, description: object, is_enabled: object, history: object, briefing: object
) -> None:
    """Refuse what is of no use, which a type checker would have told.

    Raises:
        ConfigurationError: it is.
    """
    if tool_name is not None and not (isinstance(tool_name, str) and _VALID_NAME.fullmatch(tool_name)):
        raise ConfigurationError(
            f"{owner}: tool_name must be 1 to 64 of a-z, A-Z, 0-9, _ and -, got {tool_name!r:.80}.", guidance=""
        )
    if description is not None and not isinstance(description, str):
        raise ConfigurationError(f"{owner}: tool_description must be text, got {description!r:.80}.", guidance="")
    if not isinstance(is_enabled, bool) and not callable(is_enabled):
        raise ConfigurationError(f"{owner}: is_enabled is a bool or a function, not {is_enabled!r:.80}.", guidance="")
    if history is not None and not isinstance(history, HistoryTransfer):
        raise ConfigurationError(f"{owner}: history is a HistoryTransfer, not {history!r:.80}.", guidance="")
    if briefing is not None and not callable(briefing):
        raise ConfigurationError(f"{owner}: briefing is a function, not {briefing!r:.80}.", guidance="")
    if iscoroutinefunction(briefing):
        raise ConfigurationError(
            f"{owner}: briefing must not be async, since it is called as arguments are checked.",
            guidance="Let a hook or a tool do what has to wait.",
        )
