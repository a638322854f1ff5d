"""What each event of a run has spent: the same while the run goes on and when its journal is read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from lightagent.domain.budgets.token_costs import message_cost
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.conversation.messages import Message
from lightagent.domain.json_types import JsonObject
from lightagent.domain.limits import MOST_COUNT
from lightagent.domain.runs.events import (
    ApprovalDecided,
    Concluded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    ModelRetried,
    Nested,
    Noted,
    RunStarted,
    ToolStarted,
)
from lightagent.domain.runs.folding import apply, start
from lightagent.domain.runs.state import Run
from lightagent.domain.usage import Usage, normalize_usage

SUMMARY_REQUESTED: Final = "summary_requested"
"""The kind of the note that a model is about to be asked for a summary, in runs that have budgets."""

REFLECTION_REQUESTED: Final = "reflection_requested"
"""The kind of the note that a model is about to be asked what it learned from a run, in runs that have budgets."""

THOUGHT_REQUESTED: Final = "thought_requested"
"""The kind of the note that a model is about to be asked for a part of a plan, in runs that have budgets."""

THOUGHT: Final = "thought"
"""The kind of the note that says what such a request has cost, by its model, in runs that have budgets."""

RESUMED: Final = "resumed"
"""The kind of the note that a run goes on, so that the time until then does not count, where seconds are limited."""

NO_USAGE: Final = Usage()

Sizes: TypeAlias = Callable[[Message], int]
"""Gives the tokens that a message takes, estimated."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used, or is about to be.

    Attributes:
        usage: the tokens of a request and its answer.
        models: the names of the model, the most precise one first.
        depth: levels of agents below the one that asks; 1 for a call of an agent.
    """

    model_calls: int = 0
    tool_calls: int = 0
    usage: Usage = NO_USAGE
    models: tuple[str, ...] = ()
    depth: int = 0


NOTHING_USED: Final = Used()


def used_in(run: Run, event: Event, sizes: Sizes) -> Used:
    """What an event of the run itself, `run` being its state before, tells; nothing for an event of a nested run.

    Tokens that the provider did not report are estimated where it is known that there were some.
    """

    def given() -> int:
        return request_size(run, sizes)

    match event:
        case ModelRequested() | ModelRetried():
            return Used(model_calls=1)
        case Noted():
            return _noted(event)
        case ToolStarted():
            return Used(tool_calls=1)
        case ModelReplied(usage=usage, model=model, message=message):
            replied = _reported(usage, given) or _estimated(given(), sizes(message))
            return Used(usage=replied, models=model_names(run.head.model, model))
        case ModelFailed(usage=usage, partial=partial):
            failed = _reported(usage, given)
            if failed is None and partial:  # An answer had begun, so the request was read.
                failed = _estimated(given(), estimate_tokens(partial))
            return Used(usage=failed or NO_USAGE, models=model_names(run.head.model))
        case ContextReplaced():
            return Used(usage=_summed(run, event, sizes) or NO_USAGE, models=model_names(run.head.model))
        case Concluded(usage=usage):
            return Used(usage=_reported(usage, lambda: 0) or NO_USAGE, models=model_names(run.head.model))
        case _:
            return NOTHING_USED


def _noted(event: Noted) -> Used:
    """What a note tells; a journal may come from anywhere, and hold any."""
    if event.kind == THOUGHT:
        usage = {name: count for name, count in event.data.items() if isinstance(count, int)}
        model = event.data.get("model")
        return Used(usage=normalize_usage(usage), models=model_names(model if isinstance(model, str) else ""))
    return Used(model_calls=1) if event.kind in _REQUESTED else NOTHING_USED


_REQUESTED: Final = frozenset({SUMMARY_REQUESTED, REFLECTION_REQUESTED, THOUGHT_REQUESTED})


def _summed(run: Run, event: ContextReplaced, sizes: Sizes) -> Usage | None:
    """The tokens of a summary."""
    before = run.messages[: max(event.count - run.missing, 0)]
    summed = _reported(event.usage, lambda: sum(map(sizes, before)))
    if summed is None and event.source == "summarize":
        return _estimated(sum(map(sizes, before)), sum(map(sizes, event.messages)))
    return summed


def request_size(run: Run, sizes: Sizes) -> int:
    """The tokens of the request that is under way, or would be now, estimated, without the declarations of tools."""
    request = run.request
    messages = run.messages if request is None or request.messages is None else request.messages
    instructions = 0 if run.head.silent else sizes(run.head.instructions)
    return instructions + sum(map(sizes, messages))


def most_output(params: JsonObject) -> int:
    """The tokens that an answer may take by the parameters of its request; 0 where they set no bound."""
    given = (params.get(name) for name in _OUTPUT_BOUNDS)
    return next((count for count in given if isinstance(count, int) and not isinstance(count, bool) and count > 0), 0)


_OUTPUT_BOUNDS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")


def message_size(message: Message) -> int:
    """The tokens that a message takes, estimated."""
    cost = message_cost(message)
    return cost.tokens + sum(map(estimate_tokens, cost.texts))


def all_used(events: Iterable[Event], *, nested: bool, history: tuple[Message, ...] | None = None) -> Iterator[Used]:
    """What the events of a run tell, those of the agents that it called included where `nested` is true."""
    run: Run | None = None
    for event in events:
        if run is None:
            if not isinstance(event, RunStarted):
                return
            run = start(event, history)
            continue
        found = _innermost(run, event)
        if found is not None and (nested or not isinstance(event, Nested)):
            yield used_in(*found, message_size)
        run = apply(run, event)


def _innermost(run: Run, event: Event) -> tuple[Run, Event] | None:
    """The event that happened, and the run that it happened in as of before; None for the first of a nested run."""
    while isinstance(event, Nested):
        call = run.calls.get(event.call_id)
        if call is None or call.child is None:
            return None
        run, event = call.child, event.event
    return run, event


def seconds_taken(events: Iterable[Event]) -> float:
    """The seconds that a run took by its journal, without those during which it was suspended or interrupted."""
    seconds, last = 0.0, None
    for event in events:
        inner = event
        while isinstance(inner, Nested):
            inner = inner.event
        if last is not None and not _continues_run(inner):
            seconds += max(event.at - last, 0.0)
        last = event.at
    return seconds


def _continues_run(event: Event) -> bool:
    return isinstance(event, ApprovalDecided) or (isinstance(event, Noted) and event.kind == RESUMED)


def model_names(own: str, reported: str | None = None) -> tuple[str, ...]:
    """The names under which a model may have a price, the most precise one first.

    Args:
        own: as the agent has it; that of a `FallbackModel` stands for the names of its models as well.
        reported: by the provider, with an answer.
    """
    several = own.removeprefix(_FALLBACK).removesuffix(")").split(", ") if own.startswith(_FALLBACK) else []
    return tuple(dict.fromkeys((*([reported] if reported else []), own, *several)))


_FALLBACK: Final = "fallback("
"""How the name of a `FallbackModel` begins; the names of its models follow."""


def _reported(usage: Usage | None, given: Callable[[], int]) -> Usage | None:
    """The tokens that a provider reported, if it did; some send zeros.

    A negative count is taken for zero. Tokens that are in the total alone, such as the reasoning of some models, count
    as those of the answer, and have its price.

    Args:
        given: gives the tokens of the request, estimated; for a provider that does not report them.
    """
    if usage is None or total_of(usage) <= 0:
        return None
    total = _bounded(usage.total_tokens)
    read = _bounded(usage.input_tokens)
    if read == 0:
        read = min(given(), total or MOST_COUNT)
    made = max(_bounded(usage.output_tokens), total - read)
    parts = usage.cached_input_tokens, usage.reasoning_tokens, usage.cache_write_tokens
    return Usage(read, made, read + made, *map(_bounded, parts))


def _bounded(count: int) -> int:
    return min(max(count, 0), MOST_COUNT)


def _estimated(given: int, made: int) -> Usage:
    return Usage(given, made, given + made)


def total_of(usage: Usage) -> int:
    """The tokens of a usage, whose total is not below its parts: some servers leave it out."""
    return max(usage.total_tokens, usage.input_tokens + usage.output_tokens)
