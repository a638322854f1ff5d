"""What an agent remembers: its store, its policy, and the two places of a run at which they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Never

from typing_extensions import TypeIs

from lightagent.application.agent_options.self_learning import SelfLearning
from lightagent.application.feedback.lesson_log import LessonLog
from lightagent.application.memory.candidates import MemoryCandidates
from lightagent.application.memory.decide_candidates import CandidateDesk
from lightagent.application.memory.foreign_memory import ForeignMemory, MemoryProtocol
from lightagent.application.memory.learn import LESSONS, Learning
from lightagent.application.memory.means import MemoryMeans, MemoryPlace
from lightagent.application.memory.promote import MemoryPromoter
from lightagent.application.memory.remember import MEMORY, Memorizing, RecalledKind, Recollection
from lightagent.application.memory.track_lessons import LessonTracker
from lightagent.application.memory.write import MemoryWriter
from lightagent.application.prompts import Prompts
from lightagent.compose.check_ports import check_journal_port, is_model
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory.policy import MemoryPolicy
from lightagent.domain.memory.recall_limits import MOST_RECALLED
from lightagent.domain.policy.phases import Subject
from lightagent.options import AgentOptions
from lightagent.ports.context import Conclusion, ContextSource
from lightagent.ports.journals import JournalStore
from lightagent.ports.memory import MemoryStore
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock

SECONDS: Final = 5.0
"""How long a function of the policy may take to decide."""

_STORE_METHODS: Final = ("write", "recall", "read", "forget", "aclose")


def compose_memory(
    options: AgentOptions[Never], name: str, prompts: Prompts, clock: Clock, gates: tuple[Gate, ...]
) -> tuple[Sequence[ContextSource], Sequence[Conclusion]]:
    """The context sources and conclusions of a memory and of learning; none without them.

    Args:
        name: of the agent.
        gates: review what a person decides about what was learned.

    Raises:
        ConfigurationError: the memory, its policy or self_learning is of a wrong type, or there are two namespaces.
    """
    memory, learning = options.get("memory"), _learning(options)
    if memory is None and learning is None and options.get("memory_policy") is None:
        return (), ()
    policy = _policy(options)
    if memory is None and learning is None:
        return (), ()
    store = _store(memory)
    means = MemoryMeans(store, policy, clock, MOST_RECALLED, SECONDS, name)
    writer = MemoryWriter(means)
    sources: list[ContextSource] = []
    conclusions: list[Conclusion] = []
    if memory is not None:
        said = RecalledKind(MEMORY, prompts.memories, lambda means, subject: (means.user_place(subject),))
        sources.append(Recollection(means, said))
        conclusions.append(Memorizing(means, writer))
    if learning is not None:
        learned = _compose_learning(options, means, writer, learning, prompts, gates)
        kind = RecalledKind(LESSONS, prompts.lessons, _lesson_places, learned.desk.tracker)
        sources.append(Recollection(means, kind))
        conclusions.append(learned)
    return sources, conclusions


def _compose_learning(
    options: AgentOptions[Never],
    means: MemoryMeans,
    writer: MemoryWriter,
    settings: SelfLearning,
    prompts: Prompts,
    gates: tuple[Gate, ...],
) -> Learning:
    """Set up learning. Candidates are kept in the session store, otherwise in memory as long as the agent lives."""
    from lightagent.adapters.journals.memory import MemoryJournalStore

    journals = check_journal_port(options.get("session_store"), "session_store") or MemoryJournalStore()
    return Learning(means, settings, prompts, writer, _desk(means, journals, writer, settings, gates))


def compose_desk(
    journals: JournalStore, store: MemoryStore, namespace: str, agent: str, settings: SelfLearning, clock: Clock
) -> CandidateDesk:
    """The desk that decides about an agent's candidates, made without the agent and its policies.

    Args:
        agent: its name.
        settings: when its lessons are stale.
    """
    means = MemoryMeans(store, MemoryPolicy(namespace=namespace or None), clock, MOST_RECALLED, SECONDS, agent)
    return _desk(means, journals, MemoryWriter(means), settings, ())


def _desk(
    means: MemoryMeans, journals: JournalStore, writer: MemoryWriter, settings: SelfLearning, gates: tuple[Gate, ...]
) -> CandidateDesk:
    candidates = MemoryCandidates(journals, means.clock, means.agent, means.policy.namespace or "")
    promoter = MemoryPromoter(means, candidates, writer, settings.max_age)
    tracker = LessonTracker(means, candidates, LessonLog(journals, means.clock.now), settings.rules)
    return CandidateDesk(candidates, promoter, tracker, gates)


def _lesson_places(means: MemoryMeans, subject: Subject) -> Sequence[MemoryPlace]:
    """Where lessons are read: first those of this user, then those for all users."""
    return means.lesson_place(subject), means.lesson_place(subject, for_everybody=True)


def _store(memory: MemoryStore | MemoryProtocol | None) -> MemoryStore:
    if memory is None:
        from lightagent.adapters.memory.process import InProcessMemory

        return InProcessMemory()
    return memory if is_memory_store(memory) else ForeignMemory(memory)


def _learning(options: AgentOptions[Never]) -> SelfLearning | None:
    given: object = options.get("self_learning")
    if given is None or given is False:
        return None
    if given is True:
        return SelfLearning()
    if not isinstance(given, SelfLearning):
        raise ConfigurationError(f"self_learning: expected True, False or SelfLearning, got {type(given).__name__}.")
    if given.model is not None and not is_model(given.model):
        raise ConfigurationError("self_learning: its model must have name, stream and aclose.")
    return given


def is_memory_store(value: object) -> TypeIs[MemoryStore]:
    """Whether it has the methods of the port. A stand-in of tests that has every method does not count as a store."""
    has_methods = all(callable(getattr(value, method, None)) for method in _STORE_METHODS)
    return has_methods and isinstance(getattr(value, "name", None), str)


def _policy(options: AgentOptions[Never]) -> MemoryPolicy:
    policy, namespace = options.get("memory_policy"), options.get("memory_namespace")
    given: object = policy
    if given is not None and not isinstance(given, MemoryPolicy):
        raise ConfigurationError(f"memory_policy: expected a MemoryPolicy, got {type(given).__name__}.")
    if policy is None:
        return MemoryPolicy(namespace=namespace)
    if namespace is not None and namespace != policy.namespace:
        raise ConfigurationError(
            "memory_namespace and memory_policy name different namespaces.", guidance="Leave memory_namespace out."
        )
    return policy
