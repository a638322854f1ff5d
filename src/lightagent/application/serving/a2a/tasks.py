"""A run as an A2A task: its state after each step, and what the step adds to the stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal, TypeAlias

from lightagent.application.projections.partial_text import LiveText
from lightagent.application.projections.steps import Step
from lightagent.application.projections.usage import total_usage
from lightagent.application.serving.approvals import answer_form, waiting_words
from lightagent.application.serving.chat.chunks import COUNTED
from lightagent.application.serving.error_statuses import public_error
from lightagent.application.serving.run_view import ChatView
from lightagent.application.serving.waiting import WaitingStep, WaitingSteps, moment
from lightagent.domain.conversation.deltas import TextDelta
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_bytes import whole_characters, whole_json
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Cancelled, Completed, Outcome, Suspended, outcome_error
from lightagent.domain.runs.events import Admitted, Event, ModelReplied, RunFinished, RunStarted
from lightagent.domain.usage import Usage

TaskState: TypeAlias = Literal[
    "TASK_STATE_SUBMITTED",
    "TASK_STATE_WORKING",
    "TASK_STATE_INPUT_REQUIRED",
    "TASK_STATE_COMPLETED",
    "TASK_STATE_FAILED",
    "TASK_STATE_CANCELED",
]

ANSWER: Final = "answer"
"""The id of a task's only artifact: the text of the whole run."""

_BETWEEN: Final = "\n\n"
"""The separator between the texts of two model turns."""


class A2aTask:
    """Follows one run and writes it as an A2A task. Uses no clock, socket or store.

    Args:
        task_id: the id of the run.
        context_id: links the tasks of one conversation.
        view: whether people may decide by a chat message, and where else they can decide.
        answer_seconds: how long a call waits for a decision, if it is not a nested agent's; None: without limit.
    """

    def __init__(
        self, task_id: str, context_id: str, view: ChatView | None = None, answer_seconds: float | None = None
    ) -> None:
        self.id = task_id
        self.context_id = context_id
        self.state: TaskState = "TASK_STATE_SUBMITTED"
        self._view = ChatView() if view is None else view
        self._answer_seconds = answer_seconds
        self._text = LiveText()
        self._waiting = WaitingSteps()
        self._usage = Usage()
        self._said: list[str] = []
        self._parted = False
        self._history: list[JsonObject] = []
        self._message: JsonObject | None = None
        self._words = ""
        self._at = 0.0

    @property
    def ended(self) -> bool:
        """Whether the task is in a final state."""
        return self.state in ("TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED")

    @property
    def text(self) -> str:
        """The text of the answer so far."""
        return "".join(self._said)

    @property
    def words(self) -> str:
        """What the agent says about a run that ended without an answer, or about the calls that wait."""
        return self._words

    def replay(self, events: Iterable[Event]) -> None:
        """Feed the recorded events of a run, before `feed` continues with its live steps."""
        self._text = LiveText(live=False)
        for event in events:
            self.feed(event)
        self._text = LiveText()

    def interrupted(self) -> None:
        """Record that the process of the run is gone although the run has not ended."""
        self._message = self._says("The task was interrupted; it is resumed when a client subscribes to it.")

    def feed(self, step: Step) -> list[JsonObject]:
        """Take one step and return what it adds to the stream, each item a `StreamResponse`."""
        told = [self._status("TASK_STATE_WORKING", step)] if self._begins(step) else []
        told += [self._add(piece.text) for piece in self._text.feed(step) if isinstance(piece, TextDelta)]
        return told if isinstance(step, TextDelta) else [*told, *self._happened(step)]

    def snapshot(self, history_length: int | None = None) -> JsonObject:
        """Return the whole `Task` in its current state.

        Args:
            history_length: the maximum number of messages in its history; None: all.
        """
        task: JsonObject = {"id": self.id, "contextId": self.context_id, "status": self._status_now()}
        if self._said:
            task["artifacts"] = [self._artifact("".join(self._said))]
        begin = 0 if history_length is None else max(0, len(self._history) - history_length)
        history: list[JsonValue] = [copy_json(message) for message in self._history[begin:]]
        if history:
            task["history"] = history
        if self._usage != Usage():
            task["metadata"] = _tokens(self._usage)
        return task

    def _begins(self, step: Step) -> bool:
        return not self.ended and self.state != "TASK_STATE_WORKING" and not isinstance(step, RunFinished)

    def _happened(self, step: Step) -> Iterator[JsonObject]:
        self._waiting.feed(step)
        if isinstance(step, COUNTED):
            self._usage += total_usage((step,))
        match step:
            case RunStarted(messages=messages) if messages and not step.awaits_admission:
                self._add_query(messages[-1])
            case Admitted(message=message):
                self._add_query(message)
            case ModelReplied():
                self._parted = bool(self._said)
            case RunFinished():
                yield from self._end(step)
            case _:
                pass

    def _end(self, finished: RunFinished) -> Iterator[JsonObject]:
        outcome = finished.outcome
        if isinstance(outcome, Completed) and not self._said and outcome.content:
            yield self._add(whole_characters(outcome.content))
        yield self._status(_state_of(outcome), finished, self._closing(outcome))

    def _closing(self, outcome: Outcome) -> JsonObject | None:
        """Return the agent's message about a run that ended without an answer."""
        error = outcome_error(outcome)
        if error is not None:
            return self._failure(error)
        if isinstance(outcome, Cancelled):
            return self._says(outcome.reason) if outcome.reason else None
        if not isinstance(outcome, Suspended):
            return None
        waiting = [*self._waiting.reviews]
        words = waiting_words(waiting, self._view) or "The task waits for the results of tools of the client."
        message = self._says(words, *map(self._asks, waiting))
        self._history.append(message)
        return message

    def _failure(self, error: LightAgentErrorInfo) -> JsonObject:
        told = public_error(error)
        return {
            **self._says(" ".join(filter(None, (told.message, told.guidance)))),
            "metadata": {"code": told.code},
        }

    def _says(self, words: str, *more: JsonValue) -> JsonObject:
        self._words = whole_characters(words)
        return self._message_of([{"text": self._words}, *more])

    def _asks(self, waiting: WaitingStep) -> JsonValue:
        """Return a data part that says which call waits and how a person answers it."""
        data: JsonObject = {
            "requestId": waiting.request_id,
            "tool": waiting.name,
            "arguments": copy_json(waiting.arguments),
            "reason": waiting.reason,
        }
        if self._waiting.run_id:  # A flow, which has no run id, is answered in another form.
            data["responseSchema"] = answer_form()
        if len(waiting.path) == 1 and (until := moment(waiting.at, self._answer_seconds)):
            data["expiresAt"] = until
        return {"data": whole_json(data), "mediaType": "application/json"}

    def _add_query(self, message: object) -> None:
        if isinstance(message, UserMessage) and message.text:
            parts: list[JsonValue] = [{"text": whole_characters(message.text)}]
            self._history.append({**self._message_of(parts), "role": "ROLE_USER"})

    def _message_of(self, parts: list[JsonValue]) -> JsonObject:
        return {
            "messageId": f"{self.id}-{len(self._history) + 1}",
            "contextId": self.context_id,
            "taskId": self.id,
            "role": "ROLE_AGENT",
            "parts": parts,
        }

    def _add(self, text: str) -> JsonObject:
        """Return the update that appends this text to the answer."""
        text = _BETWEEN + text if self._parted else text
        appends, self._parted = bool(self._said), False
        self._said.append(text)
        update: JsonObject = {"taskId": self.id, "contextId": self.context_id, "artifact": self._artifact(text)}
        if appends:
            update["append"] = True
        return {"artifactUpdate": update}

    def _artifact(self, text: str) -> JsonObject:
        return {"artifactId": ANSWER, "name": ANSWER, "parts": [{"text": text}]}

    def _status(self, state: TaskState, step: Step, message: JsonObject | None = None) -> JsonObject:
        at: object = getattr(step, "at", 0.0)
        self._at = at if isinstance(at, float) and at else self._at
        self.state, self._message = state, message
        update: JsonObject = {"taskId": self.id, "contextId": self.context_id, "status": self._status_now()}
        if self.ended and self._usage != Usage():
            update["metadata"] = _tokens(self._usage)
        return {"statusUpdate": update}

    def _status_now(self) -> JsonObject:
        status: JsonObject = {"state": self.state}
        if self._message is not None:
            status["message"] = copy_json(self._message)
        if told := moment(self._at, 0.0 if self._at else None):
            status["timestamp"] = told
        return status


def _state_of(outcome: Outcome) -> TaskState:
    match outcome:
        case Completed():
            return "TASK_STATE_COMPLETED"
        case Suspended():
            return "TASK_STATE_INPUT_REQUIRED"
        case Cancelled():
            return "TASK_STATE_CANCELED"
        case _:
            return "TASK_STATE_FAILED"


def _tokens(usage: Usage) -> JsonObject:
    return {
        "usage": {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.total_tokens,
        }
    }
