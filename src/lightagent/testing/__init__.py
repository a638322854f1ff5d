"""What users test with: told models, fakes, contract suites."""

from __future__ import annotations

from lightagent.adapters.chat._message_deltas import split_into_deltas
from lightagent.adapters.chat.fallback import FallbackModel
from lightagent.adapters.chat.offline import OfflineModel
from lightagent.adapters.chat.scripted import Program, Reply, ScriptedModel, call_tool
from lightagent.adapters.embedding.scripted import ScriptedEmbedder
from lightagent.testing.system import ManualClock, SequentialIds

__all__ = [
    "FallbackModel",
    "ManualClock",
    "OfflineModel",
    "Program",
    "Reply",
    "ScriptedEmbedder",
    "ScriptedModel",
    "SequentialIds",
    "call_tool",
    "split_into_deltas",
]
