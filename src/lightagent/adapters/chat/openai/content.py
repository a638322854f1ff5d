"""The text, the reasoning and the refusal of a message or a delta, in the shapes that servers give them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.adapters._endpoints.faults import malformed

_Kind: TypeAlias = Literal["text", "reasoning", "refusal"]

_REASONING: Final = (
    "reasoning_content",  # DeepSeek, Qwen, Zhipu, Moonshot, StepFun, older vLLM
    "reasoning",  # OpenRouter, Groq, Ollama, newer vLLM
    "thinking",
    "reasoning_text",  # Copilot
    "thought",
    "reasoning_details",  # OpenRouter, MiniMax: parts
    "thinking_blocks",  # LiteLLM: parts
)
"""Where reasoning stands. Servers that fill in several of them repeat it, so only the first counts."""
_BESIDE: Final = frozenset((*_REASONING, "refusal"))
"""Where else a message tells something; most tell nothing there."""

_PARTS: Final[dict[str, _Kind]] = {
    "thinking": "reasoning",  # Mistral, Anthropic
    "reasoning": "reasoning",
    "reasoning_content": "reasoning",
    "thought": "reasoning",
    "reasoning.text": "reasoning",  # OpenRouter
    "reasoning.summary": "reasoning",  # OpenRouter
    "summary_text": "reasoning",
    "refusal": "refusal",
}
"""Types of parts that are not text of the answer."""

_TEXTS: Final = ("text", "thinking", "reasoning", "reasoning_content", "summary", "refusal", "content", "value")
"""Where the text of a part may stand."""

_DEEPEST: Final = 8

_REASONING_BLOCK: Final = re.compile(r"<(think(?:ing)?)>.*?(?:</\1>|\Z)", re.DOTALL)
"""How models write reasoning into their text where the server does not part the two."""


@dataclass(slots=True)
class Content:
    """What one message or delta says."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.refusal)

    def add(self, kind: _Kind, text: str) -> None:
        """More of one kind."""
        match kind:
            case "text":
                self.text += text
            case "reasoning":
                self.reasoning += text
            case "refusal":
                self.refusal += text


def read_content(part: dict[object, object]) -> Content:
    """The texts in a message or a delta.

    Raises:
        ProviderError: the content is neither text nor parts.
    """
    found = Content()
    content = part.get("content")
    if isinstance(content, str):
        found.text = content
    elif content:
        _read_parts(content, found)
    if not any(part[name] for name in _BESIDE.intersection(part)):
        return found
    told = next((text for name in _REASONING if (text := _spoken(part.get(name)))), "")
    if told:
        found.reasoning = told
    if refusal := _spoken(part.get("refusal")):
        found.refusal += refusal
    return found


def says_more_than_reasoning(text: str) -> bool:
    """Whether a whole text is more than blanks and blocks of reasoning."""
    said = text.lstrip()
    return bool(_REASONING_BLOCK.sub("", said).strip() if said.startswith("<think") else said)


def _read_parts(content: object, found: Content) -> None:
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise malformed("content that is neither text nor parts", content)
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        found.add(_PARTS.get(kind, "text") if isinstance(kind, str) else "text", _spoken(part))


def _spoken(value: object, depth: int = 0) -> str:
    """The text of a value: a text, a list of such values, or an object that holds one."""
    if isinstance(value, str):
        return value
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        return "".join(_spoken(one, depth + 1) for one in value)
    if isinstance(value, dict):
        return next((text for name in _TEXTS if (text := _spoken(value.get(name), depth + 1))), "")
    return ""
