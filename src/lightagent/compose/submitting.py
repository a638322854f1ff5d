"""The engine that carries out an agent's submitted runs: one that was given, or this process over a journal store."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.agents import lasting_name
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:  # Agents that submit nothing load nothing of it.
    from lightagent.ports.flow_engine import FlowEngine

_NO_LOCK: Final = nullcontext()


class Submitting:
    """Where an agent's submitted runs are carried out.

    Args:
        given: the agent's option `engine`.
    """

    def __init__(self, given: FlowEngine | JournalStore | None) -> None:
        self._given = given
        # Only an agent with a store makes an engine: others may be made where locks may not, such as in a workflow.
        self._lock: AbstractContextManager[object] = _NO_LOCK if given is None else threading.Lock()
        self._engine: FlowEngine | None = None

    @property
    def is_given(self) -> bool:
        """Whether the agent has an engine or a store for them."""
        return self._given is not None

    @property
    def store(self) -> JournalStore | None:
        """The store of runs that this process carries out; None if an engine was given."""
        return self._given if isinstance(self._given, JournalStore) else None

    @property
    def engine(self) -> FlowEngine:
        """The engine.

        Raises:
            ConfigurationError: the agent has none.
        """
        given = self._given
        if given is None:
            raise ConfigurationError(
                "The agent has no engine to submit runs to.",
                guidance="Pass engine= to LightAgent: a TemporalEngine, or a journal store where this process keeps "
                "the runs. Or set [default.flow] engine, and use app.agent() of open_app().",
            )
        if not isinstance(given, JournalStore):
            return given
        with self._lock:
            if self._engine is None:
                self._engine = _local(given)
            return self._engine


NO_ENGINE: Final = Submitting(None)
"""Of all agents that submit nothing."""


def _local(store: JournalStore) -> FlowEngine:
    from lightagent.adapters.system import RandomIds, SystemClock
    from lightagent.application.flow.local_engine import LocalEngine

    return LocalEngine(store, SystemClock(), RandomIds())


def submitting_name(name: str) -> str:
    """The name by which workers find the runs of an agent.

    Raises:
        ConfigurationError: the agent was given none.
    """
    if not lasting_name(name):
        raise ConfigurationError(
            "The agent has no name, by which its submitted runs and its workers are found.",
            guidance='Give it one that no other agent or flow of the engine has: LightAgent(name="clerk").',
        )
    return name
