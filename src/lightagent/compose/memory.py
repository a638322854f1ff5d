"""What an agent remembers: its store, its policy, and the two places of a run at which they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from typing_extensions import TypeIs

from lightagent.application.foreign_memory import ForeignMemory
from lightagent.application.memory_means import MemoryMeans
from lightagent.application.prompts import Prompts
from lightagent.application.remember import MEMORY, Memorizing, RecalledKind, Recollection
from lightagent.application.write_memory import MemoryWriter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory_policy import MemoryPolicy
from lightagent.options import AgentOptions
from lightagent.ports.context import Conclusion, ContextSource
from lightagent.ports.memory import MemoryStore
from lightagent.ports.system import Clock

RECALLED: Final = 5
"""Memories that a run is given at most."""

SECONDS: Final = 5.0
"""How long a store may take before a run goes on without it."""

_STORE_METHODS: Final = ("write", "recall", "read", "forget", "aclose")


def compose_memory(
    options: AgentOptions, prompts: Prompts, clock: Clock
) -> tuple[Sequence[ContextSource], Sequence[Conclusion]]:
    """What is added to a run's conversation and concluded from it; neither without a memory.

    Raises:
        ConfigurationError: the memory or its policy is none, or there are two namespaces.
    """
    memory, policy = options.get("memory"), _policy(options)
    if memory is None:
        return (), ()
    store = memory if is_memory_store(memory) else ForeignMemory(memory)
    means = MemoryMeans(store, policy, clock, RECALLED, SECONDS)
    said = RecalledKind(MEMORY, prompts.memories, lambda means, subject: (means.user_place(subject),))
    return (Recollection(means, said),), (Memorizing(means, MemoryWriter(means)),)


def is_memory_store(value: object) -> TypeIs[MemoryStore]:
    """Whether it has the methods of the port."""
    return all(callable(getattr(value, method, None)) for method in _STORE_METHODS)


def _policy(options: AgentOptions) -> MemoryPolicy:
    policy, namespace = options.get("memory_policy"), options.get("memory_namespace")
    given: object = policy
    if given is not None and not isinstance(given, MemoryPolicy):
        raise ConfigurationError(f"memory_policy: expected a MemoryPolicy, got {type(given).__name__}.", guidance="")
    if policy is None:
        return MemoryPolicy(namespace=namespace)
    if namespace is not None and namespace != policy.namespace:
        raise ConfigurationError(
            "memory_namespace and memory_policy name two namespaces.", guidance="Leave memory_namespace out."
        )
    return policy
