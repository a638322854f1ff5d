"""A stand-in for a model that needs no key and no network: rules that pick tools and quote what they bring.

It is no language model and says so in every answer. It cuts the question into clauses, picks for each the tool whose
description fits, fills the arguments from the question and from earlier results, calls tools over as many turns as
that takes, and closes with what they brought. The same conversation always gives the same answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from lightagent.adapters.chat._spoken import count_usage, speak
from lightagent.adapters.chat.offline.answer import compose
from lightagent.adapters.chat.offline.instance import Texts, instance_text
from lightagent.adapters.chat.offline.plan import make_plan
from lightagent.adapters.chat.offline.transcript import read_transcript
from lightagent.adapters.registry import Adapter
from lightagent.domain.deltas import Delta, ReplyEnd
from lightagent.domain.messages import AssistantMessage
from lightagent.ports.models import ChatModel, ChatRequest


class OfflineModel(ChatModel):
    """Answers by rules. Its usage counts words in place of tokens: an estimate."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return "offline"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        message = reply_to(request)
        usage = count_usage(request, message)
        end = ReplyEnd("tool_calls" if message.tool_calls else "stop", usage, self.name)
        for delta in speak(message, end, in_words=request.stream):
            yield delta
            # Whoever shows the words should see them come.
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Nothing is open."""


def reply_to(request: ChatRequest) -> AssistantMessage:
    """What the rules say to `request`."""
    transcript = read_transcript(request.messages)
    plan = make_plan(transcript, request.tools)
    if plan.calls:
        return AssistantMessage(None, tuple(plan.calls))
    if request.output_schema is not None:
        results = tuple(done.result for _, done in reversed(plan.answers) if not done.failed)
        return AssistantMessage(instance_text(request.output_schema, Texts(transcript.question, results)))
    return AssistantMessage(compose(transcript.question, plan, request.tools))


class OfflineOptions(BaseModel):
    """Options of the kind `offline`: there are none."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


def _open(options: OfflineOptions) -> OfflineModel:
    return OfflineModel()


ADAPTER = Adapter(OfflineOptions, _open)
