"""Run one tool call: errors of the tool become errors that the run survives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lightagent.aiokits.abandon import Abandoned, TimeIsUp, within
from lightagent.application.foreign_code import FAILURES, InnerCancellation, failure
from lightagent.application.tools.arguments import refused
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.foreign_tool import checked, declared
from lightagent.application.tools.function_tool import FunctionTool
from lightagent.application.tools.output import render_output
from lightagent.application.tools.redaction import describe_failure, innermost
from lightagent.application.tools.wrapped_tool import unwrapped
from lightagent.domain.conversation.labels import TOOL_LABEL, TRUSTED, is_untrusted
from lightagent.domain.error_mapping import error_info
from lightagent.domain.errors import BudgetError, PolicyError, ToolError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.effects import (
    MOST_LABELS,
    Effect,
    NarrowTools,
    OfferTools,
    SendMessage,
    ToolAnswer,
    TransferHistory,
)
from lightagent.domain.runs.signals import ControlSignal, RetryTool
from lightagent.domain.swarm.agent_messages import AgentMessage
from lightagent.domain.swarm.handoff_limits import HistoryTransfer
from lightagent.domain.tools.ranking import RankedTool, as_ranking
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec
from lightagent.ports.tools import NestingTool, RunContext, Tool

_LONGEST_LABEL: Final = 200
"""The maximum length of a label, in characters."""


class ToolAbandoned(ToolError):
    """The call was abandoned but could not be stopped: whether it takes effect is unknown."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The result of a call.

    Attributes:
        output: the text for the model.
        effects: the call's effects on the run.
        hand_over: the name of the agent that takes over; empty for none.
        labels: the origins of the output, if it is not from the tool alone.
        candidates: what a search for tools considered.
    """

    output: str
    effects: tuple[Effect, ...] = ()
    hand_over: str = ""
    labels: tuple[str, ...] = ()
    candidates: tuple[RankedTool, ...] = ()


async def invoke(tool: Tool[DepsT], arguments: Mapping[str, object], context: RunContext[DepsT]) -> CallAnswer:
    """Call the tool with `arguments` that its `check` returned, and return its answer.

    Raises:
        ToolError: the tool failed, asked for a retry, or exceeded its timeout and was cancelled. The message is for the
            model; the original exception is chained.
        PolicyError, BudgetError: raised by the tool, for example by an agent that it ran.
        ToolAbandoned: it exceeded its timeout and continues: a synchronous function, whose thread cannot be stopped, or
            an async one that does not end when it is cancelled.
        ControlSignal: any but `RetryTool`, such as `ApprovalRequired`, for the run to handle.
        asyncio.CancelledError: the run was cancelled.
    """
    spec = declared(tool, type(tool).__name__)
    try:
        called = tool.call(arguments, context)
        keeps_time = spec.timeout is None or isinstance(tool, NestingTool)
        output = await (called if keeps_time else within(spec.timeout, called))
        return _answer(output, spec)
    except (*FAILURES, SystemExit) as raised:
        exc = raised if isinstance(raised, SystemExit) else failure(raised)
        if isinstance(exc, TimeIsUp):
            raise _too_slow(tool, spec, abandoned=isinstance(exc, Abandoned)) from exc
        raise _failure(spec, innermost(exc)) from exc


def _answer(output: object, spec: ToolSpec) -> CallAnswer:
    if not isinstance(output, ToolAnswer):
        return CallAnswer(render_output(output, spec.output_limit), labels=output_labels(spec))
    offer: object = output.offer
    hand_over: object = output.hand_over
    if not isinstance(offer, (list, tuple)) or not all(isinstance(name, str) for name in offer):
        raise ToolError(f"{spec.name} answered with an offer that is not a list of tool names.", guidance="")
    if not isinstance(hand_over, str):
        raise ToolError(f"{spec.name} answered with a hand_over that is not the name of an agent.", guidance="")
    effects: tuple[Effect, ...] = (OfferTools(tuple(offer)),) if offer else ()
    if output.narrow is not None:
        effects = (*effects, _narrowing(output.narrow, spec))
    if isinstance(output.sent, AgentMessage) and spec.provider == OWN_PROVIDER:
        effects = (*effects, SendMessage(output.sent))
    if hand_over:
        effects = (*effects, *_transfer(output.history, spec))
    labels = output_labels(spec, _labels(output.labels, spec))
    candidates = _candidates(output.candidates, spec)
    return CallAnswer(render_output(output.output, spec.output_limit), effects, hand_over, labels, candidates)


def _candidates(candidates: object, spec: ToolSpec) -> tuple[RankedTool, ...]:
    ranked = as_ranking(candidates) if isinstance(candidates, (list, tuple)) else None
    if ranked is None:
        raise ToolError(f"{spec.name} answered with candidates that are not a list of RankedTool values.", guidance="")
    return ranked


def _narrowing(narrow: object, spec: ToolSpec) -> NarrowTools:
    names: object = narrow.names if isinstance(narrow, NarrowTools) else None
    if not isinstance(narrow, NarrowTools) or not isinstance(names, (list, tuple)) or not isinstance(narrow.by, str):
        raise ToolError(f"{spec.name} answered with a narrow that is no NarrowTools of names.", guidance="")
    if not all(isinstance(name, str) for name in names):
        raise ToolError(f"{spec.name} answered with a narrow whose names are not a list of tool names.", guidance="")
    return NarrowTools(tuple(names), narrow.by)


def _transfer(history: object, spec: ToolSpec) -> tuple[TransferHistory, ...]:
    if not isinstance(history, HistoryTransfer):
        raise ToolError(f"{spec.name} answered with a history that is no HistoryTransfer.", guidance="")
    return () if history.changes_nothing else (TransferHistory(history),)


def _labels(labels: object, spec: ToolSpec) -> tuple[str, ...]:
    if not isinstance(labels, (list, tuple)) or len(labels) > MOST_LABELS or not all(map(_is_label, labels)):
        raise ToolError(
            f"{spec.name} answered with labels that are not a list of at most {MOST_LABELS} sources such as "
            "'web:example.org'.",
            guidance="",
        )
    return tuple(labels)


def _is_label(label: object) -> bool:
    """Whether it is a short text that does not claim to be trusted."""
    return isinstance(label, str) and 0 < len(label) <= _LONGEST_LABEL and is_untrusted(label)


def output_labels(spec: ToolSpec, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the labels of a tool's output; empty if it comes from the tool alone."""
    own = f"{TOOL_LABEL}{spec.name}"
    if spec.provider and spec.provider != OWN_PROVIDER:
        more = (*more, spec.provider)
    if more:
        return tuple(dict.fromkeys((own, *more)))
    return (f"{TRUSTED}{own}",) if spec.trusted_output else ()


def _too_slow(tool: Tool[DepsT], spec: ToolSpec, *, abandoned: bool) -> ToolError:
    took = f"{spec.name} took longer than {spec.timeout:g} s and was"
    function = unwrapped(tool)
    if abandoned or (isinstance(function, FunctionTool) and not function.is_async):
        # A model told that the call was cancelled would repeat it, and pay twice.
        return ToolAbandoned(
            f"{took} given up; it may still take effect, so do not call it again without checking.", guidance=""
        )
    return refused(f"{took} cancelled.")


def _failure(spec: ToolSpec, exc: BaseException) -> Exception:
    if isinstance(exc, RetryTool):
        return refused(f"{spec.name} asks for another try: {exc.hint}")
    if isinstance(exc, ControlSignal):
        return exc
    if isinstance(exc, ToolError | PolicyError | BudgetError) and error_info(exc) is not None:
        return exc
    if isinstance(exc, InnerCancellation):
        return refused(f"{spec.name} failed: something it waited for was cancelled.")
    return refused(f"{spec.name} failed: {describe_failure(exc)}")


async def call_alone(tool: Tool[DepsT], name: str, arguments: JsonObject, context: RunContext[DepsT]) -> str:
    """Call a tool and return its output as text.

    Raises:
        ToolError: the arguments are invalid, the tool failed, or the call requires an approval that it does not have.
        LightAgentError: any other error that the tool raised.
        asyncio.CancelledError: the call was cancelled.
    """
    if declared(tool, name).requires_approval and not context.approved:
        raise refused(f"{name} runs only with a human's approval, which cannot be requested here.")
    try:
        return (await invoke(tool, checked(tool, name, arguments), context)).output
    except ControlSignal as signal:
        raise refused(f"{name} stopped to ask a human, which is not possible here: {signal}") from signal
