"""The live view of a run for chat interfaces: one OpenAI stream over all its turns.

Tool calls are not included: the agent runs them itself, and a client that saw them would try to run them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from lightagent.application.projections.partial_text import LiveText
from lightagent.application.projections.steps import Step
from lightagent.application.projections.usage import step_usage
from lightagent.domain.conversation.deltas import TextDelta
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import RunSuspended
from lightagent.domain.outcomes import Suspended, outcome_error
from lightagent.domain.runs.events import RunFinished, RunStarted
from lightagent.domain.usage import Usage


class Chunks:
    """Converts the steps of one run to chunks."""

    def __init__(self, started: RunStarted) -> None:
        self._id = f"chatcmpl-{started.run_id}"
        self._created = int(started.at)
        self._model = (started.acting or started.head).model
        self._text = LiveText()
        self._usage = Usage()
        self._opened = False

    def feed(self, step: Step) -> Iterator[ChatCompletionChunk]:
        """Yield the chunks that this step adds.

        Raises:
            LightAgentError: the run ended without an answer.
        """
        for piece in self._text.feed(step):
            kind = "content" if isinstance(piece, TextDelta) else "reasoning_content"
            yield self._chunk({"role": self._role(), kind: piece.text})
        if (usage := step_usage(step)) is not None:
            self._usage += usage
        if isinstance(step, RunFinished):
            yield self._last(step)

    def _last(self, event: RunFinished) -> ChatCompletionChunk:
        error = outcome_error(event.outcome)
        if error is not None:
            raise error_from_info(error)
        if isinstance(event.outcome, Suspended):
            raise RunSuspended("The run waits for a human.", guidance='Use result_format="object" and resume.')
        used = self._usage
        usage = ChunkUsage(
            prompt_tokens=used.input_tokens, completion_tokens=used.output_tokens, total_tokens=used.total_tokens
        )
        choice = ChunkChoice(delta=ChoiceDelta(role=self._role()), finish_reason="stop")
        return ChatCompletionChunk(id=self._id, choices=[choice], created=self._created, model=self._model, usage=usage)

    def _role(self) -> Literal["assistant"] | None:
        """Return the role for the first chunk, None for later ones."""
        opened, self._opened = self._opened, True
        return None if opened else "assistant"

    def _chunk(self, delta: Mapping[str, str | None]) -> ChatCompletionChunk:
        # Validating plain data once costs a third of creating the three models one by one.
        return ChatCompletionChunk.model_validate(
            {"id": self._id, "choices": [{"delta": delta}], "created": self._created, "model": self._model}
        )


FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


class _Frozen(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)


class ChoiceDelta(_Frozen):
    """A piece of the answer. `reasoning_content` is the extension that reasoning models' endpoints share."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None


class ChunkChoice(_Frozen):
    """The one choice of a chunk; `finish_reason` is set in the last."""

    delta: ChoiceDelta
    finish_reason: FinishReason | None = None
    index: int = 0
    logprobs: None = None


class ChunkUsage(_Frozen):
    """Tokens of the whole run; in the last chunk."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletionChunk(_Frozen):
    """One chunk of a streamed answer."""

    id: str
    choices: list[ChunkChoice]
    created: int
    model: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    usage: ChunkUsage | None = None
