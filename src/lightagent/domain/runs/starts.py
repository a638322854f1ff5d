"""What a run begins from besides its messages, and what is known at its start of the agents that may act in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HistoryReference:
    """A stored conversation that a run begins from: the `count` messages that `stream` held as of entry `sequence`."""

    stream: str
    sequence: int
    count: int


@dataclass(frozen=True, slots=True)
class AgentPolicies:
    """The policies behind the gate of an agent that may take over a run."""

    agent: str
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgentPlans:
    """How many plans an agent may make at most, each time that it acts in a run."""

    agent: str
    most: int
