"""From what a caller asks to the first event of a run, with everything checked that can be checked before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lightagent.application.prompts import Prompts
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.history import parse_history, parse_parts
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.messages import Message, SystemMessage, UserMessage, encode_json
from lightagent.domain.plain import refuse_unless_json

_OURS = ("messages", "model", "tools", "stream", "stream_options", "response_format")

# Arguments of the openai SDK's methods. Here they would go into the body, where endpoints ignore or refuse them.
_NO_PARAMETERS: Final = {
    "extra_headers": "Pass model=OpenAIChatModel(…, headers=…) instead.",
    "extra_query": "Pass model=OpenAIChatModel(…, default_query=…) instead.",
    "extra_body": "Put what it holds into metadata itself, which goes into the body.",
    "timeout": "Pass timeout= to the run, or model=OpenAIChatModel(…, timeout=…).",
}


def conversation(
    instructions: str, history: Sequence[Mapping[str, JsonValue]], query: str | Sequence[JsonObject]
) -> tuple[Message, ...]:
    """System prompt, history, query.

    Raises:
        ConfigurationError: the query is neither text nor content parts, or the history is refused.
    """
    if not isinstance(query, (str, list, tuple)):
        raise ConfigurationError(f"query is text or a list of content parts, not {type(query).__name__}.")
    asked = UserMessage(query) if isinstance(query, str) else UserMessage(parse_parts(query, "query"))
    return (SystemMessage(instructions), *parse_history(history), asked)


def system_prompt(role: str, instructions: str, schema: JsonObject | None, prompts: Prompts) -> str:
    """Who the agent is, what it shall do, and in what form."""
    parts = [role, instructions or ("" if role else prompts.instructions)]
    if schema is not None:
        parts.append(prompts.output_schema.format(schema=encode_json(schema).decode()))
    return "\n\n".join(part for part in parts if part)


def checked_params(params: JsonObject) -> JsonObject:
    """Request parameters that may be passed on.

    Raises:
        ConfigurationError: one would replace what the run itself decides, is for the connection, or is no JSON.
    """
    if not params:
        return params
    taken = [name for name in _OURS if name in params]
    if taken:
        raise ConfigurationError(
            f"metadata.{taken[0]}: the run itself decides this.",
            guidance="Pass history=, tools=, output_type= or stream= instead.",
        )
    for name, remedy in _NO_PARAMETERS.items():
        if name in params:
            raise ConfigurationError(f"metadata.{name}: this is no parameter of a model.", guidance=remedy)
    refuse_unless_json(params, "metadata")
    return params
