"""What of a request costs tokens: which texts are to be counted, and what is added for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    SystemMessage,
    ToolMessage,
    UserMessage,
)
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.tools.spec import ToolSpec

MESSAGE_TOKENS: Final = 4
"""What a message takes besides its texts: its role and its delimiters."""

CALL_TOKENS: Final = 12
"""What a call takes besides its name and arguments: its id and its delimiters."""

TOOL_TOKENS: Final = 8
"""What the declaration of a tool takes besides its JSON."""

IMAGE_TOKENS: Final = 1_600
"""What an image takes. Providers charge by its size, which a URL does not tell; few charge more for one image."""

AUDIO_BYTES: Final = 250
FILE_BYTES: Final = 20
"""Bytes of sound and of a file, such as a PDF, that make a token."""


@dataclass(frozen=True, slots=True)
class TokenCost:
    """Texts whose tokens are to be counted, and tokens that come on top."""

    texts: tuple[str, ...] = ()
    tokens: int = 0


def message_cost(message: Message) -> TokenCost:
    """What a message of a conversation costs, as it is sent."""
    match message:
        case SystemMessage(content=content):
            return TokenCost((content,), MESSAGE_TOKENS)
        case ContextMessage():
            return TokenCost((message.delimited,), MESSAGE_TOKENS)
        case ToolMessage(content=content):
            return TokenCost((content,), MESSAGE_TOKENS + CALL_TOKENS)
        case UserMessage(content=content):
            return TokenCost((content,), MESSAGE_TOKENS) if isinstance(content, str) else _parts_cost(content)
        case AssistantMessage():
            return _answer_cost(message)


def tools_cost(specs: tuple[ToolSpec, ...], output_schema: JsonObject | None = None) -> TokenCost:
    """What the declarations of tools, and the schema of the answer, cost at every request."""
    declared = tuple(encode_json(spec.to_openai()).decode("utf-8", "replace") for spec in specs)
    schema = () if output_schema is None else (encode_json(output_schema).decode("utf-8", "replace"),)
    return TokenCost((*declared, *schema), TOOL_TOKENS * len(specs))


def _answer_cost(message: AssistantMessage) -> TokenCost:
    """With what goes back to the provider that said it, since the same model is as a rule asked again."""
    texts = [text for text in (message.content, message.refusal) if text]
    for call in message.tool_calls:
        texts += [call.name, call.arguments]
    fields = message.provider_fields
    if fields is not None:
        texts.append(encode_json(fields.with_reasoning(message.reasoning)).decode("utf-8", "replace"))
        texts += [encode_json(call.provider_fields).decode() for call in message.tool_calls if call.provider_fields]
    return TokenCost(tuple(texts), MESSAGE_TOKENS + CALL_TOKENS * len(message.tool_calls))


def _parts_cost(parts: tuple[JsonObject, ...]) -> TokenCost:
    texts: list[str] = []
    tokens = MESSAGE_TOKENS
    for part in parts:
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "image_url"}:
                tokens += IMAGE_TOKENS
            case {"type": "input_audio", "input_audio": {"data": str(data)}}:
                tokens += _decoded(data) // AUDIO_BYTES + 1
            case {"type": "file", "file": {"file_data": str(data)}}:
                tokens += _decoded(data) // FILE_BYTES + 1
            case _:
                texts.append(encode_json(part).decode("utf-8", "replace"))
    return TokenCost(tuple(texts), tokens)


def _decoded(base64: str) -> int:
    """The bytes that a text of base64 stands for."""
    return len(base64) * 3 // 4
