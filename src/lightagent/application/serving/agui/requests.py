"""Read AG-UI requests (`RunAgentInput`) as chat requests, with people's answers to interrupts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ag_ui.core import (
    AssistantMessage,
    DeveloperMessage,
    ImagePart,
    Message,
    ResumeEntry,
    RunAgentInput,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)
from ag_ui.core.types import ContentPart, DataSource, UrlSource
from pydantic import ValidationError

from lightagent.application.serving.approvals import PersonAnswer, read_answer
from lightagent.application.serving.chat.requests import ChatInput, SystemMessages, read_chat_request
from lightagent.application.serving.content_parts import check_parts
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_bytes import whole_characters
from lightagent.domain.json_types import JsonObject, JsonValue

_MOST_TOLD: Final = 300
"""The maximum length of a validation message in an error, in characters."""


@dataclass(frozen=True, slots=True)
class AguiInput:
    """The content of an AG-UI request.

    Attributes:
        thread_id, run_id, parent_run_id: the ids that the client sent; events repeat them, but no run is looked up with
            them.
        chat: the conversation, the client's tools and their results; for a resumed run, only the tools and results.
        answers: people's answers to the interrupts of the run to resume.
    """

    thread_id: str
    run_id: str
    parent_run_id: str | None
    chat: ChatInput
    answers: tuple[PersonAnswer, ...] = ()


def read_agui_request(
    body: JsonObject, model: str, system_messages: SystemMessages = "added", *, image_urls: bool = False
) -> AguiInput:
    """Parse the body of a request.

    Args:
        model: the model that the URL names.
        image_urls: allow messages that name images by URL.

    Raises:
        RequestRefused: a field is invalid or unsupported; the error names it.
    """
    try:
        asked = RunAgentInput.model_validate(body)
    except ValidationError as exc:
        raise _refused(exc) from None
    if asked.resume:
        answers, chat = tuple(read_answers(asked.resume)), _resumed_chat(asked, model)
    else:
        answers, chat = (), _conversation(asked, model, system_messages, image_urls=image_urls)
    chat = replace(chat, dropped=tuple(_dropped(asked)))
    parent = None if asked.parent_run_id is None else whole_characters(asked.parent_run_id)
    return AguiInput(whole_characters(asked.thread_id), whole_characters(asked.run_id), parent, chat, answers)


def _conversation(asked: RunAgentInput, model: str, system_messages: SystemMessages, *, image_urls: bool) -> ChatInput:
    chat = read_chat_request(
        {
            "model": model,
            "messages": [*_messages(_without_own_results(asked), image_urls=image_urls)],
            "tools": [{"type": "function", "function": function} for function in _functions(asked)],
            "stream": True,
        },
        system_messages,
        image_urls=image_urls,
    )
    chat = replace(chat, abandoned=tuple(_open_calls(asked.messages)), function_at="")
    if system_messages != "added":
        return chat
    return replace(chat, instructions="\n\n".join(filter(None, (chat.instructions, *_context(asked)))))


def _resumed_chat(asked: RunAgentInput, model: str) -> ChatInput:
    """Return the chat of a request that answers interrupts: the rest of the conversation is in the run's journal."""
    told = _client_results(asked, _end_of_results(asked.messages))
    results = tuple((message.tool_call_id, _result(message, "messages")) for message in told)
    return ChatInput(model, None, [], stream=True, tools=tuple(_functions(asked)), results=results, function_at="")


def _refused(exc: ValidationError) -> RequestRefused:
    first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
    places = (f"[{one}]" if isinstance(one, int) else f".{one}" for one in first["loc"])
    at = "".join(places).removeprefix(".")[:_MOST_TOLD]
    return RequestRefused(400, f"{at or 'body'}: {first['msg'][:_MOST_TOLD]}", "Send a RunAgentInput.", param=at)


def _without_own_results(asked: RunAgentInput) -> list[Message]:
    """Return the messages; at their end, keep only the results of the client's tools.

    A client also repeats the results of the agent's own tools, which the run's journal has already.
    """
    place = _end_of_results(asked.messages)
    return [*asked.messages[:place], *(_client_results(asked, place) or asked.messages[place:])]


def _end_of_results(messages: Sequence[Message]) -> int:
    """Return the index of the first of the tool results at the end of the messages."""
    place = len(messages)
    while place and isinstance(messages[place - 1], ToolMessage):
        place -= 1
    return place


def _client_results(asked: RunAgentInput, place: int) -> list[ToolMessage]:
    """Return the results from this index on that belong to the client's tools."""
    tools = {tool.name for tool in asked.tools or ()}
    calls = {
        call.id
        for message in asked.messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls or ()
        if call.function.name in tools
    }
    return [one for one in asked.messages[place:] if isinstance(one, ToolMessage) and one.tool_call_id in calls]


def _messages(messages: Sequence[Message], *, image_urls: bool) -> Iterator[JsonObject]:
    """Yield the messages as chat completions messages, without reasoning and activity messages."""
    told = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    for place, message in enumerate(messages):
        at = f"messages[{place}]"
        match message:
            case UserMessage(content=content):
                yield {"role": "user", "content": _user_content(content, at, image_urls=image_urls)}
            case AssistantMessage():
                yield from _assistant(message, told)
            case ToolMessage():
                yield {"role": "tool", "tool_call_id": message.tool_call_id, "content": _result(message, at)}
            case SystemMessage(role=role, content=content) | DeveloperMessage(role=role, content=content):
                yield {"role": role, "content": content}
            case _:
                pass


def _open_calls(messages: Sequence[Message]) -> Iterator[str]:
    """Yield the ids of calls that have no result."""
    told = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    for message in messages:
        calls = message.tool_calls if isinstance(message, AssistantMessage) else None
        yield from (call.id for call in calls or () if call.id not in told)


def _assistant(message: AssistantMessage, told: set[str]) -> Iterator[JsonObject]:
    """Yield what the agent said with those of its calls that have a result.

    Yield nothing if neither text nor calls are left: several providers refuse an empty message.
    """
    said: JsonObject = {"role": "assistant", "content": message.content or ""}
    calls: list[JsonValue] = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in message.tool_calls or ()
        if call.id in told
    ]
    if calls or message.content:
        yield {**said, "tool_calls": calls} if calls else said


def _user_content(content: str | list[ContentPart], at: str, *, image_urls: bool) -> JsonValue:
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
            raise RequestRefused(400, f"{at}: parts of this kind are not supported.", "Send text and images.", param=at)


def _result(message: ToolMessage, at: str) -> str:
    """Return a tool's result as text, with the error if it failed."""
    parts = [TextPart(text=message.content)] if isinstance(message.content, str) else message.content
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if len(texts) != len(parts):
        raise RequestRefused(400, f"{at}.content: must be text.", "", param=f"{at}.content")
    return "\n".join(filter(None, ("".join(texts), message.error)))


def _functions(asked: RunAgentInput) -> Iterator[JsonObject]:
    for tool in asked.tools or ():
        yield {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def _context(asked: RunAgentInput) -> Iterator[str]:
    for one in asked.context or ():
        yield f"{one.description}: {one.value}"


def _dropped(asked: RunAgentInput) -> Iterator[str]:
    """Yield the fields that the client sent and that have no effect here."""
    if asked.state:
        yield "state"
    if asked.forwarded_props:
        yield "forwardedProps"


_CANCELLED: Final = "The user cancelled it."


def read_answers(entries: list[ResumeEntry]) -> Iterator[PersonAnswer]:
    """Yield the answers in a request. Only an explicit true approves a call.

    Raises:
        RequestRefused: an answer does not match its form.
    """
    for place, entry in enumerate(entries):
        if entry.status == "cancelled":
            yield PersonAnswer(entry.interrupt_id, approved=False, reason=_CANCELLED)
        else:
            yield read_answer(entry.interrupt_id, entry.payload, f"resume[{place}].payload")
