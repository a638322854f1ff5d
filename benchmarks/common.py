"""What every peer is given: the prompts, and one tool that notes when it is called."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionToolParam

PROMPT = "What is 1 + 2?"
SYSTEM = "You are a helpful assistant."
MODEL = "fake"
STORED_ANSWER = "The answer is 3, as it was before. Is there anything else that you would like to know today?"
Turn: TypeAlias = Callable[[str], Awaitable[str]]
"""Asks a question in a stored conversation; gives the answer."""
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
