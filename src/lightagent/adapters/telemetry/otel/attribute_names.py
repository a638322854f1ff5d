"""The names by which OpenTelemetry's GenAI conventions know things: the one table that all is written by.

The conventions are not stable yet. An application chooses between their versions with the environment variable
``OTEL_SEMCONV_STABILITY_OPT_IN``, a list with commas, of which these entries matter here:

* none of them: version 1.41.1.
* ``gen_ai_latest_experimental``: the latest version that this table has, which today is the same one.

What the conventions have no name for is called ``lightagent.…``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Final

OPT_IN: Final = "OTEL_SEMCONV_STABILITY_OPT_IN"


@dataclass(frozen=True)
class Names:
    """The names of one version of the conventions."""

    schema_url: str = "https://opentelemetry.io/schemas/1.41.1"

    operation: str = "gen_ai.operation.name"
    provider: str = "gen_ai.provider.name"
    conversation: str = "gen_ai.conversation.id"
    agent_name: str = "gen_ai.agent.name"
    workflow: str = "gen_ai.workflow.name"
    output_type: str = "gen_ai.output.type"

    request_model: str = "gen_ai.request.model"
    request_stream: str = "gen_ai.request.stream"
    choice_count: str = "gen_ai.request.choice.count"
    frequency_penalty: str = "gen_ai.request.frequency_penalty"
    presence_penalty: str = "gen_ai.request.presence_penalty"
    max_tokens: str = "gen_ai.request.max_tokens"
    seed: str = "gen_ai.request.seed"
    stop_sequences: str = "gen_ai.request.stop_sequences"
    temperature: str = "gen_ai.request.temperature"
    top_k: str = "gen_ai.request.top_k"
    top_p: str = "gen_ai.request.top_p"

    finish_reasons: str = "gen_ai.response.finish_reasons"
    response_id: str = "gen_ai.response.id"
    response_model: str = "gen_ai.response.model"
    time_to_first_chunk: str = "gen_ai.response.time_to_first_chunk"

    input_tokens: str = "gen_ai.usage.input_tokens"
    output_tokens: str = "gen_ai.usage.output_tokens"
    cache_read_tokens: str = "gen_ai.usage.cache_read.input_tokens"
    cache_write_tokens: str = "gen_ai.usage.cache_creation.input_tokens"
    reasoning_tokens: str = "gen_ai.usage.reasoning.output_tokens"
    token_type: str = "gen_ai.token.type"

    tool_name: str = "gen_ai.tool.name"
    tool_call: str = "gen_ai.tool.call.id"
    tool_description: str = "gen_ai.tool.description"
    tool_type: str = "gen_ai.tool.type"

    dimension_count: str = "gen_ai.embeddings.dimension.count"
    data_source: str = "gen_ai.data_source.id"

    mcp_method: str = "mcp.method.name"
    mcp_session: str = "mcp.session.id"
    mcp_version: str = "mcp.protocol.version"
    rpc_status: str = "rpc.response.status_code"
    transport: str = "network.transport"
    network_protocol: str = "network.protocol.name"
    network_version: str = "network.protocol.version"

    error_type: str = "error.type"
    server_address: str = "server.address"
    server_port: str = "server.port"
    session: str = "session.id"
    user: str = "user.id"

    operation_duration: str = "gen_ai.client.operation.duration"
    token_usage: str = "gen_ai.client.token.usage"
    mcp_duration: str = "mcp.client.operation.duration"
    first_chunk_duration: str = "gen_ai.client.operation.time_to_first_chunk"

    input_messages: str = "gen_ai.input.messages"
    output_messages: str = "gen_ai.output.messages"
    instructions: str = "gen_ai.system_instructions"
    tool_definitions: str = "gen_ai.tool.definitions"
    tool_arguments: str = "gen_ai.tool.call.arguments"
    tool_result: str = "gen_ai.tool.call.result"
    query_text: str = "gen_ai.retrieval.query.text"
    documents: str = "gen_ai.retrieval.documents"
    exception_type: str = "exception.type"
    exception_message: str = "exception.message"

    details_event: str = "gen_ai.client.inference.operation.details"
    exception_event: str = "gen_ai.client.operation.exception"

    @cached_property
    def structured(self) -> frozenset[str]:
        """Attributes that are JSON on spans and must be structured on events."""
        return frozenset({self.input_messages, self.output_messages, self.instructions, self.tool_definitions})

    @cached_property
    def of_details(self) -> frozenset[str]:
        """What the event `details_event` may hold of the attributes of its span, which holds more."""
        return frozenset(
            {
                *(self.error_type, self.conversation, self.operation, self.output_type),
                *(self.request_model, self.request_stream, self.choice_count, self.frequency_penalty),
                *(self.presence_penalty, self.max_tokens, self.seed, self.stop_sequences, self.temperature, self.top_p),
                *(self.finish_reasons, self.response_id, self.response_model, self.time_to_first_chunk),
                *(self.input_tokens, self.output_tokens, self.reasoning_tokens),
                *(self.cache_read_tokens, self.cache_write_tokens),
                *(self.server_address, self.server_port),
            }
        )


V1_41_1: Final = Names()

_BY_ENTRY: Final = {"gen_ai_latest_experimental": V1_41_1}

CHAT: Final = "chat"
INVOKE_AGENT: Final = "invoke_agent"
INVOKE_WORKFLOW: Final = "invoke_workflow"
EXECUTE_TOOL: Final = "execute_tool"
EMBEDDINGS: Final = "embeddings"
RETRIEVAL: Final = "retrieval"

OTHER: Final = "_OTHER"
"""The provider of a model that tells none, such as one that runs in the process."""

RUN: Final = "lightagent.run.id"
GROUP: Final = "lightagent.run.group_id"
TRACE: Final = "lightagent.trace_id"
PARENT_TRACE: Final = "lightagent.parent_trace_id"
TENANT: Final = "lightagent.tenant"
TAGS: Final = "lightagent.tags"
OUTCOME: Final = "lightagent.outcome"
AGENT: Final = "lightagent.agent.name"
ERROR_MESSAGE: Final = "lightagent.error.message"
TURN: Final = "lightagent.turn"
ATTEMPT: Final = "lightagent.attempt"
ASIDE: Final = "lightagent.aside"
MODEL: Final = "lightagent.model"
COST: Final = "lightagent.cost"
TOOL_STATUS: Final = "lightagent.tool.status"
TOOL_PROVIDER: Final = "lightagent.tool.provider"
COUNT: Final = "lightagent.count"
STEP: Final = "lightagent.step"
STEP_STATUS: Final = "lightagent.step.status"
WORKFLOW_DURATION: Final = "lightagent.workflow.duration"
STEP_DURATION: Final = "lightagent.workflow.step.duration"


def names() -> Names:
    """The names that the environment asks for."""
    entries = os.environ.get(OPT_IN, "").split(",")
    return next((_BY_ENTRY[entry.strip()] for entry in entries if entry.strip() in _BY_ENTRY), V1_41_1)
