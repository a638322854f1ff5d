"""The spans of what a run causes far below it: retrieval from a store of memories, and embeddings of texts.

Which of several models is asked is told in the same way, and has no span of its own: it is said on that of the attempt.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind

from lightagent.adapters.telemetry.otel.attempt_spans import AttemptSpan
from lightagent.adapters.telemetry.otel.attribute_names import COUNT, EMBEDDINGS, OTHER, RETRIEVAL
from lightagent.adapters.telemetry.otel.call_spans import CallSpan
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.mcp_requests import McpRequest
from lightagent.adapters.telemetry.otel.other_tracers import suppress_other_tracers
from lightagent.adapters.telemetry.otel.plain_values import Attributes, plain_attributes
from lightagent.adapters.telemetry.otel.spans import Entered, end, inside
from lightagent.adapters.telemetry.otel.waiting_spans import later, this_task
from lightagent.aiokits.observed_work import MCP_REQUEST, Ended, Fact, Texts
from lightagent.domain.error_mapping import classify_exception, raised_place

MODEL: Final = "model"
"""The kind of work that asking one of several models is."""

_LOGGER: Final = logging.getLogger("lightagent")


class WorkSpans:
    """Makes a span of each piece of work that is told, below the one that is current then.

    Args:
        kit: makes the spans.
        base: the attributes that all spans of the run have.
        calls: of tools that go on.

    Attributes:
        attempt: the newest attempt of the run at a request to a model.
    """

    __slots__ = ("_base", "_calls", "_kit", "attempt")

    def __init__(self, kit: Kit, base: Attributes, calls: Mapping[str, CallSpan]) -> None:
        self._kit = kit
        self._base = base
        self._calls = calls
        self.attempt: AttemptSpan | None = None

    def __call__(self, kind: str, facts: Mapping[str, Fact], texts: Texts) -> Ended:
        """A piece of work begins. What goes wrong here is logged, and is not the work's."""
        try:
            if kind == MODEL:
                attempt = self.attempt
                return _ignore_end if attempt is None or attempt.is_over or not facts else attempt.begin_model(facts)
            if kind == MCP_REQUEST:
                return _safely(McpRequest(self._kit, [*self._calls.values()], facts, texts).ended)
            return _WorkSpan(self._kit, self._base, kind, facts, texts).ended
        except Exception as exc:  # Span processors and samplers are foreign code.
            _LOGGER.error("A span could not be begun: %s.", raised_place(exc))
            return _ignore_end


def _safely(ended: Ended) -> Ended:
    """What tells the end of a piece of work; what goes wrong then is logged, and is not the work's."""

    def end(error: BaseException | None) -> None:
        try:
            ended(error)
        except Exception as exc:  # Meters and spans are foreign code.
            _LOGGER.error("What a piece of work took could not be told: %s.", raised_place(exc))

    return end


def _ignore_end(error: BaseException | None) -> None:
    """For the end of work of which nothing is told."""


class _WorkSpan:
    """One piece of work, whose span is current while it goes on."""

    __slots__ = ("_began", "_entered", "_kit", "_measured", "_span", "_task", "_texts")

    def __init__(self, kit: Kit, base: Attributes, kind: str, facts: Mapping[str, Fact], texts: Texts) -> None:
        self._kit, self._began, self._task, self._texts = kit, time.time(), this_task(), texts
        own = plain_attributes(_retrieval(kit, facts) if kind == RETRIEVAL else _embeddings(kit, facts))
        self._measured = {name: own[name] for name in own if name in _measured(kit)}
        place = facts.get("name")
        around = otel_context.get_current()
        self._span = kit.spans.start(f"{kind} {place}", around, SpanKind.CLIENT, {**base, **own}, self._began)
        if texts.query is not None and kit.content.on_spans and self._span.is_recording():
            self._span.set_attributes(kit.content.query(texts.query()))
        self._entered = Entered(suppress_other_tracers(inside(self._span, around), kind))

    def ended(self, error: BaseException | None) -> None:
        self._entered.leave()
        now = time.time()
        if this_task() is not self._task:  # The garbage collector ends it, whose errors are not the work's.
            later(partial(self._end, now, None))
        else:
            self._end(now, error)

    def _end(self, now: float, error: BaseException | None) -> None:
        left = error is None or isinstance(error, (asyncio.CancelledError, GeneratorExit))
        error_type = "" if left or not isinstance(error, Exception) else classify_exception(error).code
        try:
            end(self._span, now, error_type, names=self._kit.names, texts=self._ending(error, error_type))
            self._kit.metrics.operation(now - self._began, self._measured, error_type)
        except Exception as exc:  # As above.
            _LOGGER.error("A span could not be ended: %s.", raised_place(exc))

    def _ending(self, error: BaseException | None, error_type: str) -> Mapping[str, str]:
        """What was found, or why nothing was, where spans hold texts."""
        if not (self._kit.content.on_spans and self._span.is_recording()):
            return {}
        if error_type and isinstance(error, Exception):
            return self._kit.error_message(classify_exception(error).message)
        found = self._texts.found
        return {} if found is None else self._kit.content.memories(found())


def _measured(kit: Kit) -> tuple[str, ...]:
    names = kit.names
    return names.operation, names.provider, names.request_model, names.server_address, names.server_port


def _retrieval(kit: Kit, facts: Mapping[str, Fact]) -> Attributes:
    names = kit.names
    found: Attributes = {names.operation: RETRIEVAL, names.provider: OTHER}
    if (store := facts.get("name")) is not None:
        found[names.data_source] = str(store)
    if isinstance(limit := facts.get("limit"), int):
        found[names.top_k] = float(limit)
    return found


def _embeddings(kit: Kit, facts: Mapping[str, Fact]) -> Attributes:
    names = kit.names
    found: Attributes = {names.operation: EMBEDDINGS, names.provider: str(facts.get("provider") or OTHER)}
    if (model := facts.get("name")) is not None:
        found[names.request_model] = str(model)
    if address := facts.get("address"):
        found[names.server_address] = str(address)
        if isinstance(port := facts.get("port"), int):
            found[names.server_port] = port
    if isinstance(dimension := facts.get("dimension"), int):
        found[names.dimension_count] = dimension
    if isinstance(count := facts.get("count"), int):
        found[COUNT] = count
    return found
