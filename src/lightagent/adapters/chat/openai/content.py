"""Finds text, reasoning and refusal in a message or a delta, in each of the forms that servers use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.adapters._endpoints.faults import malformed

_Kind: TypeAlias = Literal["text", "reasoning", "refusal"]

_REASONING_FIELDS: Final = (
    "reasoning_content",  # DeepSeek, Qwen, Zhipu, Moonshot, StepFun, older vLLM
    "reasoning",  # OpenRouter, Groq, Ollama, newer vLLM
    "thinking",
    "reasoning_text",  # Copilot
    "thought",
    "reasoning_details",  # OpenRouter, MiniMax: parts
    "thinking_blocks",  # LiteLLM: parts
)
"""Fields that hold reasoning. Servers that fill several of them repeat it, so only the first one is read."""
_OTHER_FIELDS: Final = frozenset((*_REASONING_FIELDS, "refusal"))
"""Fields besides `content` that hold a text; most messages have none of them."""

_PART_KINDS: Final[dict[str, _Kind]] = {
    "thinking": "reasoning",  # Mistral, Anthropic
    "reasoning": "reasoning",
    "reasoning_content": "reasoning",
    "thought": "reasoning",
    "reasoning.text": "reasoning",  # OpenRouter
    "reasoning.summary": "reasoning",  # OpenRouter
    "summary_text": "reasoning",
    "refusal": "refusal",
}
"""The types of parts that are not text of the answer."""

_TEXT_FIELDS: Final = ("text", "thinking", "reasoning", "reasoning_content", "summary", "refusal", "content", "value")
"""Fields of a part that may hold its text."""

_MAX_DEPTH: Final = 8

_REASONING_BLOCK: Final = re.compile(r"<(think(?:ing)?)>.*?(?:</\1>|\Z)", re.DOTALL)
"""Reasoning inside the text, as models write it where the server does not separate the two."""


@dataclass(slots=True)
class Content:
    """The text, reasoning and refusal of one message or delta."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.refusal)

    def add(self, kind: _Kind, text: str) -> None:
        """Append a text of one kind."""
        match kind:
            case "text":
                self.text += text
            case "reasoning":
                self.reasoning += text
            case "refusal":
                self.refusal += text


def read_content(part: dict[object, object]) -> Content:
    """Return the texts in a message or a delta.

    Raises:
        ProviderError: the content is neither text nor parts.
    """
    found = Content()
    content = part.get("content")
    if isinstance(content, str):
        found.text = content
    elif content:
        _read_parts(content, found)
    if not any(part[name] for name in _OTHER_FIELDS.intersection(part)):
        return found
    reasoning = next((text for name in _REASONING_FIELDS if (text := _text_of(part.get(name)))), "")
    if reasoning:
        found.reasoning = reasoning
    if refusal := _text_of(part.get("refusal")):
        found.refusal += refusal
    return found


def says_more_than_reasoning(text: str) -> bool:
    """Whether a whole text holds more than whitespace and blocks of reasoning."""
    text = text.lstrip()
    return bool(_REASONING_BLOCK.sub("", text).strip() if text.startswith("<think") else text)


def _read_parts(content: object, found: Content) -> None:
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise malformed("content that is neither text nor parts", content)
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        found.add(_PART_KINDS.get(kind, "text") if isinstance(kind, str) else "text", _text_of(part))


def _text_of(value: object, depth: int = 0) -> str:
    """Return the text of a value, which is a text, a list of such values, or an object that holds one."""
    if isinstance(value, str):
        return value
    if depth > _MAX_DEPTH:
        return ""
    if isinstance(value, list):
        return "".join(_text_of(one, depth + 1) for one in value)
    if isinstance(value, dict):
        return next((text for name in _TEXT_FIELDS if (text := _text_of(value.get(name), depth + 1))), "")
    return ""
