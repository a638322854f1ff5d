"""What all runs of an agent have in common, worked out once: the names of its spans, and what they hold."""

from __future__ import annotations

from typing import Final, NamedTuple

from lightagent.adapters.telemetry.otel.attribute_names import AGENT, CHAT, INVOKE_AGENT, OTHER, Names
from lightagent.adapters.telemetry.otel.attributes import measured_attributes, server_attributes
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_attributes
from lightagent.domain.budgets.spending import model_names
from lightagent.domain.runs.agents import AgentHead, lasting_name

_MOST: Final = 64
"""Agents that are remembered. A run with parameters of its own is one more, which does not come again."""


class ChatBase(NamedTuple):
    """What all requests of an agent have.

    Attributes:
        model: the name of the model as the agent has it.
        title: the name of their spans.
        attributes: of their spans.
        measured: of their measurements.
    """

    model: str
    title: str
    attributes: Attributes
    measured: Attributes

    def of(self, owner: Attributes) -> ChatBase:
        """The same in a run whose spans all have `owner`."""
        return self._replace(attributes={**owner, **self.attributes}) if owner else self


class HeadFacts(NamedTuple):
    """What all runs of an agent have; the attributes are plain.

    Attributes:
        title: the name of their invoke_agent spans.
        attributes: of those.
        chat: what all its requests have.
    """

    title: str
    attributes: Attributes
    chat: ChatBase


class KnownHeads:
    """Remembers the facts of agents, each of which is the same object in all its runs."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[int, tuple[AgentHead, HeadFacts]] = {}

    def facts(self, head: AgentHead) -> HeadFacts:
        """What all runs of an agent have."""
        known = self._known.get(id(head))  # The id stays unique while the agent is kept beside it.
        if known is not None:
            return known[1]
        made = HeadFacts(*_invoked(self._names, head), chat_base(self._names, head))
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[id(head)] = head, made
        return made


def chat_base(names: Names, head: AgentHead) -> ChatBase:
    """What all requests of an agent have; their parameters come with each."""
    found = _common(names, CHAT, head)
    if agent := lasting_name(head.name):
        found[AGENT] = agent  # The conventions know the name of an agent only where it is invoked.
    if len(model_names(head.model)) == 1:  # Else it stands for several, and who is asked is told as it is known.
        found.update(server_attributes(names, head.endpoint.address, head.endpoint.port))
    plain = plain_attributes(found)
    return ChatBase(head.model, f"{CHAT} {head.model}", plain, measured_attributes(names, plain))


def _invoked(names: Names, head: AgentHead) -> tuple[str, Attributes]:
    found = _common(names, INVOKE_AGENT, head)
    agent = lasting_name(head.name)
    if not agent:
        return INVOKE_AGENT, plain_attributes(found)
    return f"{INVOKE_AGENT} {agent}", plain_attributes({**found, names.agent_name: agent})


def _common(names: Names, operation: str, head: AgentHead) -> Attributes:
    found: Attributes = {
        names.operation: operation,
        names.provider: head.endpoint.provider or OTHER,
        names.request_model: head.model,
    }
    if head.output_schema is not None:
        found[names.output_type] = "json"
    return found
