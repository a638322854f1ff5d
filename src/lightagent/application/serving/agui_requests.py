"""What an AG-UI request asks for: the same as a chat, in the words of ``RunAgentInput``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ag_ui.core import (
    AssistantMessage,
    DeveloperMessage,
    ImagePart,
    Message,
    RunAgentInput,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)
from ag_ui.core.types import ContentPart, DataSource, UrlSource
from pydantic import ValidationError

from lightagent.application.serving.chat_requests import ChatAsked, SystemMessages, read_chat_request
from lightagent.application.serving.content_parts import check_parts
from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.json_types import JsonObject, JsonValue

_MOST_TOLD: Final = 300
"""Characters of what is wrong that are told."""


@dataclass(frozen=True, slots=True)
class AguiAsked:
    """What is asked for.

    Attributes:
        thread_id, run_id, parent_run_id: as the client names them; events repeat them, and nothing is found by them.
        chat: the conversation, the client's tools and their results.
    """

    thread_id: str
    run_id: str
    parent_run_id: str | None
    chat: ChatAsked


def read_agui_request(
    body: JsonObject, model: str, system_messages: SystemMessages = "added", *, image_urls: bool = False
) -> AguiAsked:
    """What the body asks for.

    Args:
        model: as the address names it.
        image_urls: messages may name images by URL.

    Raises:
        RequestRefused: a field is wrong, or asks for what cannot be done; it names the field.
    """
    try:
        asked = RunAgentInput.model_validate(body)
    except ValidationError as exc:
        raise _refused(exc) from None
    tools = {tool.name for tool in asked.tools or ()}
    chat = read_chat_request(
        {
            "model": model,
            "messages": [*_messages(_without_own_results(asked.messages, tools), image_urls=image_urls)],
            "tools": [*_tools(asked)],
            "stream": True,
        },
        system_messages,
        image_urls=image_urls,
    )
    if system_messages == "added":
        chat = replace(chat, instructions="\n\n".join(filter(None, (chat.instructions, *_context(asked)))))
    return AguiAsked(asked.thread_id, asked.run_id, asked.parent_run_id, replace(chat, dropped=tuple(_dropped(asked))))


def _refused(exc: ValidationError) -> RequestRefused:
    first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    at = ".".join(map(str, first["loc"]))[:_MOST_TOLD]
    return RequestRefused(400, f"{at or 'body'}: {first['msg'][:_MOST_TOLD]}", "Send a RunAgentInput.", param=at)


def _without_own_results(messages: Sequence[Message], tools: set[str]) -> list[Message]:
    """The messages, at whose end only the results stand that the client itself has to tell.

    A client repeats what the agent's own tools gave beside them, which the run has on its own record.
    """
    names = {
        call.id: call.function.name
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls or ()
    }
    place = len(messages)
    while place and isinstance(messages[place - 1], ToolMessage):
        place -= 1
    told = [one for one in messages[place:] if isinstance(one, ToolMessage) and names.get(one.tool_call_id) in tools]
    return [*messages[:place], *(told or messages[place:])]


def _messages(messages: Sequence[Message], *, image_urls: bool) -> Iterator[JsonObject]:
    """The messages in the words of chat completions; what an agent thought or showed on the way is left out."""
    for place, message in enumerate(messages):
        at = f"messages[{place}]"
        match message:
            case UserMessage(content=content):
                yield {"role": "user", "content": _said(content, at, image_urls=image_urls)}
            case AssistantMessage():
                yield _assistant(message)
            case ToolMessage():
                content = "\n".join(filter(None, (_result(message, at), message.error)))
                yield {"role": "tool", "tool_call_id": message.tool_call_id, "content": content}
            case SystemMessage(role=role, content=content) | DeveloperMessage(role=role, content=content):
                yield {"role": role, "content": content}
            case _:
                pass


def _assistant(message: AssistantMessage) -> JsonObject:
    said: JsonObject = {"role": "assistant", "content": message.content}
    if message.tool_calls:
        said["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in message.tool_calls
        ]
    return said


def _said(content: str | list[ContentPart], at: str, *, image_urls: bool) -> JsonValue:
    if isinstance(content, str):
        return content
    made = [_part(part, f"{at}.content[{place}]") for place, part in enumerate(content)]
    return [*check_parts(made, at, image_urls=image_urls)]


def _part(part: ContentPart, at: str) -> JsonObject:
    match part:
        case TextPart(text=text):
            return {"type": "text", "text": text}
        case ImagePart(source=DataSource(value=value, mime_type=kind)):
            return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{value}"}}
        case ImagePart(source=UrlSource(value=value)):
            return {"type": "image_url", "image_url": {"url": value}}
        case _:
            raise RequestRefused(400, f"{at}: this part is not taken.", "Send text and images.", param=at)


def _result(message: ToolMessage, at: str) -> str:
    if isinstance(message.content, str):
        return message.content
    texts = [part.text for part in message.content if isinstance(part, TextPart)]
    if len(texts) != len(message.content):
        raise RequestRefused(400, f"{at}.content: text is wanted.", "", param=f"{at}.content")
    return "".join(texts)


def _tools(asked: RunAgentInput) -> Iterator[JsonObject]:
    for tool in asked.tools or ():
        yield {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
        }


def _context(asked: RunAgentInput) -> Iterator[str]:
    for one in asked.context or ():
        yield f"{one.description}: {one.value}"


def _dropped(asked: RunAgentInput) -> Iterator[str]:
    """What has no meaning here, where the client sends any of it."""
    if asked.state:
        yield "state"
    if asked.forwarded_props:
        yield "forwardedProps"
