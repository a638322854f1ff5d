"""A model that plans as it is told, and acts as another program says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from typing_extensions import Unpack

from lightagent import (
    AgentOptions,
    JsonObject,
    LightAgent,
    RunResult,
    TraceEvent,
    TreeOfThought,
)
from lightagent.adapters.chat.scripted import Program, Reply
from lightagent.domain.conversation.messages import ContextMessage, SystemMessage, UserMessage
from lightagent.domain.planning.plans import Planned
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel

Kind: TypeAlias = Literal["propose", "score", "reflect", "act"]

_BEGINNINGS: dict[str, Kind] = {
    "You plan for an assistant": "propose",
    "You compare plans": "score",
    "You look over a plan": "reflect",
}


def kind_of(request: ChatRequest) -> Kind:
    """What a request asks for."""
    first = request.messages[0]
    text = first.content if isinstance(first, SystemMessage) else ""
    return next((kind for beginning, kind in _BEGINNINGS.items() if text.startswith(beginning)), "act")


def asked(request: ChatRequest) -> str:
    """What a planner is shown."""
    last = request.messages[-1]
    return last.text if isinstance(last, UserMessage) else ""


def plan(*steps: str | tuple[str, ...], goal: str = "An answer.", complete: bool = True) -> JsonObject:
    """A plan as a model gives it: of each step its text, and the tools that it needs."""
    told = [(step,) if isinstance(step, str) else step for step in steps]
    return {
        "goal": goal,
        "steps": [{"text": text, "tools": [*tools]} for text, *tools in told],
        "complete": complete,
    }


def proposals(*plans: JsonObject) -> str:
    """The answer of a model that proposes these plans."""
    return json.dumps({"proposals": [*plans]})


def look_back(plan: JsonObject) -> str:
    """The answer of a model that looked over a plan, which is now this one."""
    return json.dumps({name: plan[name] for name in ("goal", "steps")})


def same_plan(request: ChatRequest) -> str:
    """Looks over a plan and leaves it as it is."""
    *_, told = asked(request).partition("\nThe plan:\n")
    steps = [line.split(". ", 1)[1] for line in told.splitlines() if line[:1].isdigit()]
    parted = [step.removesuffix("]").partition(" [tools: ") for step in steps]
    return look_back(plan(*((text, *filter(None, tools.split(", "))) for text, _, tools in parted), goal=""))


@dataclass
class Planner:
    """Answers each kind of question by its own replies, in their order; the last one of a kind is given again.

    Attributes:
        requests: what was asked, with its kind.
    """

    act: Sequence[Reply | Program] = ("Done.",)
    propose: Sequence[Reply | Program] = ()
    score: Sequence[Reply | Program] = ()
    reflect: Sequence[Reply | Program] = (same_plan,)
    requests: list[tuple[Kind, ChatRequest]] = field(default_factory=list)

    def __call__(self, request: ChatRequest) -> Reply:
        kind = kind_of(request)
        replies: Sequence[Reply | Program] = getattr(self, kind)
        reply = replies[min(len(self.of(kind)), len(replies) - 1)]
        self.requests.append((kind, request))
        return reply(request) if callable(reply) else reply

    def of(self, kind: Kind) -> list[ChatRequest]:
        """The requests of a kind."""
        return [request for its, request in self.requests if its == kind]

    @property
    def kinds(self) -> list[Kind]:
        """What was asked for, in order."""
        return [kind for kind, _ in self.requests]


QUERY = "What is in the box?"


LOOK = plan(("Look into the box.", "look"), "Say what is there.")


TREE = TreeOfThought(width=2, branches=3)


def look(place: str = "box") -> str:
    """Look somewhere."""
    if place == "nowhere":
        raise ValueError("There is no such place.")
    return f"a cat in the {place}"


def shake(times: int) -> str:
    """Shake the box."""
    return f"shaken {times} times"


def planning(
    planner: Planner, how: TreeOfThought | bool = True, **options: Unpack[AgentOptions]
) -> LightAgent[None, str]:
    given: AgentOptions = {**options, "model": ScriptedModel(planner), "tools": [look, shake], "tree_of_thought": how}
    return LightAgent(**given)


def result_of(planner: Planner, how: TreeOfThought | bool = True, **options: Unpack[AgentOptions]) -> RunResult[str]:
    return planning(planner, how, **options).run(QUERY, result_format="object", trace=True)


def planned(result: RunResult[str]) -> list[Planned]:
    return [event for event in result.journal.events if isinstance(event, Planned)]


def traced(result: RunResult[str]) -> list[TraceEvent]:
    return [event for event in result.trace or () if event["type"] == "plan"]


def offered(request: ChatRequest) -> list[str]:
    return [spec.name for spec in request.tools]


def told(request: ChatRequest) -> list[ContextMessage]:
    return [one for one in request.messages if isinstance(one, ContextMessage) and one.source == "plan"]
