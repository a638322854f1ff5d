"""From the SDK's values to those of the domain."""

from __future__ import annotations

from collections.abc import Iterable

import mcp_types as types
from pydantic import TypeAdapter

from lightagent.adapters.mcp.sdk.entries import SCHEMA_KEY
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.mcp.exchange import McpPrompt, McpPromptMessage, McpResource, SampledMessage, SamplingRequest
from lightagent.domain.mcp.servers import (
    EmbeddedResource,
    McpPart,
    McpResult,
    McpTool,
    MediaPart,
    ResourceLink,
    TextPart,
)

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)


def mcp_tool(server: str, tool: types.Tool) -> McpTool:
    """A tool, with its schema as the server gave it."""
    meta: dict[str, object] = dict(tool.meta or {})
    schema = meta.get(SCHEMA_KEY, tool.input_schema)
    hints = tool.annotations.model_dump(by_alias=True, mode="json", exclude_none=True) if tool.annotations else {}
    title = tool.title or (tool.annotations.title if tool.annotations else None)
    return McpTool(
        server,
        tool.name,
        tool.description or "",
        _JSON.validate_python(schema),
        title or "",
        _OBJECT.validate_python(hints),
    )


def mcp_result(result: types.CallToolResult) -> McpResult:
    """What a call returned."""
    structured = result.structured_content
    return McpResult(
        tuple(_part(block) for block in result.content),
        None if structured is None else _JSON.validate_python(structured),
        result.is_error,
    )


def _part(block: types.ContentBlock) -> McpPart:
    match block:
        case types.TextContent():
            return TextPart(block.text)
        case types.ImageContent():
            return MediaPart("image", block.data, block.mime_type)
        case types.AudioContent():
            return MediaPart("audio", block.data, block.mime_type)
        case types.ResourceLink():
            return ResourceLink(
                str(block.uri),
                block.name,
                block.title or "",
                block.description or "",
                block.mime_type or "",
                block.size,
            )
        case types.EmbeddedResource():
            return embedded(block.resource)


def embedded(contents: types.TextResourceContents | types.BlobResourceContents) -> EmbeddedResource:
    """The contents of a resource."""
    mime_type = contents.mime_type or ""
    if isinstance(contents, types.TextResourceContents):
        return EmbeddedResource(str(contents.uri), mime_type, text=contents.text)
    return EmbeddedResource(str(contents.uri), mime_type, data=contents.blob)


def mcp_resource(server: str, resource: types.Resource | types.ResourceTemplate) -> McpResource:
    """A resource, or a template of some."""
    template = isinstance(resource, types.ResourceTemplate)
    uri = resource.uri_template if isinstance(resource, types.ResourceTemplate) else str(resource.uri)
    title, described = resource.title or "", resource.description or ""
    return McpResource(server, uri, resource.name, title, described, resource.mime_type or "", template)


def mcp_prompt(server: str, prompt: types.Prompt) -> McpPrompt:
    """A prompt that the server offers."""
    arguments = tuple((one.name, bool(one.required)) for one in prompt.arguments or ())
    return McpPrompt(server, prompt.name, prompt.title or "", prompt.description or "", arguments)


def prompt_messages(messages: Iterable[types.PromptMessage]) -> tuple[McpPromptMessage, ...]:
    """A prompt as it was filled in; content other than text is named."""
    return tuple(McpPromptMessage(one.role, _text(one.content)) for one in messages)


def sampling_request(server: str, params: types.CreateMessageRequestParams) -> SamplingRequest:
    """What a server wants a model to say."""
    return SamplingRequest(
        server,
        tuple(_sampled(message) for message in params.messages),
        params.system_prompt or "",
        params.max_tokens,
        params.temperature,
        tuple(params.stop_sequences or ()),
    )


def _sampled(message: types.SamplingMessage) -> SampledMessage:
    blocks = message.content if isinstance(message.content, list) else [message.content]
    content = [block.model_dump(by_alias=True, mode="json", exclude_none=True) for block in blocks]
    text = "\n".join(block.text for block in blocks if isinstance(block, types.TextContent))
    return SampledMessage(message.role, text, _JSON.validate_python(content))


def _text(block: types.ContentBlock) -> str:
    match _part(block):
        case TextPart(text):
            return text
        case EmbeddedResource(_, _, str(text)):
            return text
        case EmbeddedResource(uri) | ResourceLink(uri):
            return f"[resource {uri}]"
        case MediaPart(kind, _, mime_type):
            return f"[{kind}, {mime_type}]"
