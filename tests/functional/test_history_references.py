"""A run that begins from a reference to a stored conversation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lightagent import (
    ConfigurationError,
    HistoryReference,
    Journal,
)
from lightagent.domain.conversation.messages import ToolMessage, UserMessage
from lightagent.domain.runs.events import ModelReplied, ModelRequested, RunStarted
from tests.support.stored_history import Store, build_agent

ROOT = Path(__file__).parents[2]


def elsewhere(journals: list[Journal], messages: int) -> subprocess.CompletedProcess[str]:
    """What a process says to these journals whose store holds so many messages."""
    lines = "\n".join(journal.to_json() for journal in journals)
    command = [sys.executable, "-m", "tests.support.stored_history", str(messages)]
    return subprocess.run(command, input=lines, capture_output=True, text=True, cwd=ROOT, timeout=50, check=False)


async def test_a_run_begins_from_a_reference_to_its_history() -> None:
    store, asked = Store(400), list[int]()
    reference = HistoryReference("session-1", 7, 400)
    result = await build_agent(store, asked).arun("What now?", history=reference, result_format="object")
    assert asked == [402, 404]
    assert store.read_count == 1
    started = result.journal.events[0]
    assert isinstance(started, RunStarted)
    assert started.messages == (UserMessage("What now?"),)
    assert started.history == reference
    assert len(result.journal.to_json()) < 5_000
    requested = [event for event in result.journal.events if isinstance(event, ModelRequested)]
    assert [event.message_count for event in requested] == asked
    assert [message["role"] for message in result.history()] == ["user", "assistant", "tool", "assistant"]
    cut = [Journal(result.journal.events[:length]) for length in range(1, len(result.journal.events))]
    done = elsewhere(cut, 400)
    assert done.returncode == 0, done.stderr[-3000:]
    for prefix, line in zip(cut, done.stdout.splitlines(), strict=True):
        ending = json.loads(line)
        replies = sum(isinstance(event, ModelReplied) for event in prefix.events)
        assert ending == {"content": "done", "asked": asked[replies:], "history": result.history(), "read": 1}
    for messages in (398, 402):
        refused = elsewhere(cut[:1], messages)
        assert refused.returncode != 0
        assert f"has {messages} messages as of entry 7, not 400" in refused.stderr


async def test_a_reference_needs_a_source_and_a_history_that_is_a_conversation() -> None:
    reference = HistoryReference("session-1", 7, 3)
    with pytest.raises(ConfigurationError, match="no history source"):
        await build_agent(None).arun("?", history=reference)
    broken = Store(3)
    broken.messages = (UserMessage("?"), ToolMessage("x", "y"), UserMessage("?"))
    with pytest.raises(ConfigurationError, match="no call 'x' waits"):
        await build_agent(broken).arun("?", history=reference)
