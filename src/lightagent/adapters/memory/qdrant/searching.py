"""Deeds that have to do with vectors: a search of which one half may fail, and what Qdrant refuses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.points import Question
from lightagent.domain.errors import StoreError
from lightagent.ports.memory import FailedPart, SearchPart

T = TypeVar("T")

_LOGGER: Final = logging.getLogger("lightagent")


async def checked(engine: Engine, space: Space, deed: Awaitable[T]) -> T:
    """What a deed returns that has to do with vectors.

    Qdrant refuses vectors of another space, and says only that it does not know them. So where the deed fails, it is
    seen whether the collection was migrated to another embedder.
    """
    try:
        return await deed
    except StoreError as exc:
        if not exc.retryable:
            await engine.check(space)
        raise


async def nearest(
    engine: Engine, space: Space, question: Question
) -> tuple[Sequence[Mapping[str, object]], tuple[FailedPart, ...]]:
    """What both halves of a search find, or the one that can be carried out, and which one cannot.

    Raises:
        StoreError: neither can.
        ConfigurationError: another embedder made the vectors that are there.
    """
    try:
        return await checked(engine, space, engine.nearest(question)), ()
    except StoreError as exc:
        if exc.retryable or question.terms is None or question.meaning is None:
            raise
        halves: tuple[tuple[Question, SearchPart], ...] = (
            (replace(question, meaning=None), "meaning"),
            (replace(question, terms=None), "words"),
        )
        for half, other in halves:
            try:
                found = await engine.nearest(half)
            except StoreError:
                continue
            _LOGGER.warning("Memories are found without their %s: %s", other, exc)
            return found, (FailedPart(other, type(exc).__name__),)
        raise
