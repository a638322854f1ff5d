"""The result of a run, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic

from typing_extensions import TypeIs, TypeVar

from lightagent.application.journals.journal import Journal
from lightagent.application.projections.calls import ToolCallRecord, tool_calls
from lightagent.application.projections.partial_text import partial_text, withholds_content
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.projections.usage import total_usage
from lightagent.domain.conversation.history import LABELS_KEY, history_entry
from lightagent.domain.conversation.labels import untrusted_labels
from lightagent.domain.conversation.messages import AssistantMessage, ToolMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import LightAgentError, OutputError, RunSuspended
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Cancelled, Completed, Outcome, outcome_error
from lightagent.domain.runs.events import ModelReplied
from lightagent.domain.runs.state import PendingCall, Run, waiting_calls
from lightagent.domain.sessions.session import conversation
from lightagent.domain.usage import Usage

OutputT = TypeVar("OutputT", default=str)
"""The type of an agent's answer."""

OutputT_co = TypeVar("OutputT_co", covariant=True, default=str)
"""The covariant form: a result with a dog is also a result with an animal."""


@dataclass(frozen=True, slots=True)
class RunResult(Generic[OutputT_co]):
    """The result of a run.

    Attributes:
        content: the final text; for a failed run, the part of an answer that arrived; for a blocked run, empty.
        output: the answer as the agent's output type; None unless the run completed.
        outcome: how the run ended: completed, suspended, blocked, budget_exhausted, cancelled or failed.
        error: the error, or None.
        reasoning_content: the reasoning of the last reply, if the model returns it.
        finish_reason: the provider's reason why the model stopped.
        tool_calls: every call with its result.
        usage: the tokens of all model calls.
        run_id, trace_id: the ids of this run and its trace.
        trace: the trace events, if the run kept them.
        journal: everything that happened; `resume` continues from it.
    """

    content: str
    output: OutputT_co | None
    outcome: Outcome
    error: LightAgentErrorInfo | None
    reasoning_content: str | None
    finish_reason: str | None
    tool_calls: tuple[ToolCallRecord, ...]
    usage: Usage
    run_id: str
    trace_id: str
    trace: list[TraceEvent] = field(repr=False)
    journal: Journal = field(repr=False)

    def __str__(self) -> str:
        """Return the text, as in the 0.9 line; `repr` shows everything."""
        return self.content

    @property
    def success(self) -> bool:
        """Whether the run completed."""
        return isinstance(self.outcome, Completed)

    def unwrap(self) -> OutputT_co:
        """Return the output of a completed run.

        Raises:
            LightAgentError: the run did not complete; the error's class and code say why.
        """
        if self.error is not None:
            raise error_from_info(self.error)
        if isinstance(self.outcome, Cancelled):
            raise run_cancelled(self.outcome)
        if not self.success:
            raise run_suspended(self.journal.run, "Go on with resume(result.journal, decision).")
        if self._is_output(self.output):
            return self.output
        raise OutputError("The run has no output.")

    def _is_output(self, output: OutputT_co | None) -> TypeIs[OutputT_co]:
        """Whether the run has an output, which may be None for types that include None."""
        return self.success

    def history(self) -> list[JsonObject]:
        """Return the conversation in OpenAI form, for `history=` of the next run."""
        return history(self.journal.run)

    def to_dict(self) -> JsonObject:
        """Return the result as plain data, without the journal (use `journal.to_json()`)."""
        error = self.error
        return {
            "content": self.content,
            "output": _plain(self.output),
            "outcome": self.outcome.kind,
            "success": self.success,
            "error": None if error is None else _error(error),
            "reasoning_content": self.reasoning_content,
            "finish_reason": self.finish_reason,
            "tool_calls": [call.to_dict() for call in self.tool_calls],
            "usage": self.usage.to_dict(),
            "run_id": self.run_id,
            "trace_id": self.trace_id,
            "trace": [event.to_dict() for event in self.trace],
        }


def run_result(journal: Journal, parse: Callable[[str], OutputT_co], trace: list[TraceEvent]) -> RunResult[OutputT_co]:
    """Return the result recorded in a journal.

    Args:
        parse: converts the accepted final text, which was validated before, to the output type.
        trace: the run's trace; empty unless requested.
    """
    run = journal.run
    outcome = run.outcome or Cancelled("The run was given up before it ended.")
    last = next((event for event in reversed(journal.events) if isinstance(event, ModelReplied)), None)
    completed = isinstance(outcome, Completed)
    content = outcome.content if isinstance(outcome, Completed) else partial_text(journal.events)
    return RunResult(
        content=content,
        output=parse(content) if completed else None,
        outcome=outcome,
        error=outcome_error(outcome),
        reasoning_content=last.message.reasoning if last and not withholds_content(journal.events[-1]) else None,
        finish_reason=last.finish_reason if last else None,
        tool_calls=tool_calls(journal.events),
        usage=total_usage(journal.events),
        run_id=run.started.run_id,
        trace_id=run.started.trace_id,
        trace=trace,
        journal=journal,
    )


def _plain(output: object) -> JsonValue:
    if output is None or isinstance(output, str):
        return output
    from pydantic_core import to_jsonable_python

    plain: JsonValue = to_jsonable_python(output)
    return plain


def _error(error: LightAgentErrorInfo) -> JsonObject:
    return {"code": error.code, "message": error.message, "guidance": error.guidance, "details": error.details}


def history(run: Run) -> list[JsonObject]:
    """Return the messages in OpenAI form, without the agent's instructions and what context sources added.

    Calls without results (of a suspended or ended run) are left out together with the message that made them, so that
    providers accept the history. A last reply that was withheld is left out, too. Stored history that the run started
    from is not repeated. If untrusted text entered the conversation without being shown as a tool result in these
    messages, for example from a memory, the last message is labelled with its origin.
    """
    messages = conversation(run)
    entries = [history_entry(message) for message in messages]
    shown = untrusted_labels([message for message in messages if isinstance(message, (AssistantMessage, ToolMessage))])
    hidden = [label for label in run.untrusted if label not in shown]
    if entries and hidden:
        entries[-1][LABELS_KEY] = [*hidden]
    return entries


def run_suspended(run: Run, guidance: str) -> RunSuspended:
    """Return the error with the calls that wait.

    ``details`` are ``{"run_id", "calls": [{"id", "name", "arguments"}]}``; each id is the one that decisions use.
    """
    found = [(name, _call(run, path)) for name, path in waiting_calls(run).items()]
    calls: list[JsonValue] = [_pending_dict(name, call) for name, call in found if call is not None]
    names = ", ".join(f"{call.call.name} ({name})" for name, call in found if call is not None)
    text = f"The run waits for a human to decide about {names}." if names else "The run waits for a human."
    return RunSuspended(text, guidance=guidance, details={"run_id": run.started.run_id, "calls": calls})


def run_cancelled(outcome: Cancelled) -> LightAgentError:
    """Return the error with the reason of the cancellation."""
    told = f"The run was cancelled: {outcome.reason}" if outcome.reason else "The run was cancelled."
    return LightAgentError(told, guidance="", details={"reason": outcome.reason})


def _pending_dict(name: str, call: PendingCall) -> JsonObject:
    return {"id": name, "name": call.call.name, "arguments": copy_json(call.arguments)}


def _call(run: Run, path: tuple[str, ...]) -> PendingCall | None:
    """Return the call at the end of a path through nested runs."""
    call = run.calls.get(path[0])
    if call is None or len(path) == 1:
        return call
    return None if call.child is None else _call(call.child, path[1:])
