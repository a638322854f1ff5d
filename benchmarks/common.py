"""What every peer is given: the prompts, and one tool that notes when it is called."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionToolParam

PROMPT = "What is 1 + 2?"
SYSTEM = "You are a helpful assistant."
MODEL = "fake"
TOOL_OUTPUT = "3 " * 150
tool_clock: list[float] = []  # the CPU clock at each call of the tool: how long a turn took, whatever the library


def add(a: int, b: int) -> str:
    """Add two integers and return the sum."""
    tool_clock.append(time.process_time())
    return TOOL_OUTPUT


ADD_SCHEMA: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two integers and return the sum.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
