"""How each field of a responses request is treated: one table, which docs/serving.md shows."""

from __future__ import annotations

from typing import Final

from lightagent.application.serving.chat.fields import FieldRule

RESPONSE_FIELDS: Final[tuple[FieldRule, ...]] = (
    FieldRule("model", "taken", "Names the agent, swarm or flow, as `GET /v1/models` lists them."),
    FieldRule("input", "taken", "Text, or items: the last user message is the query; those before are the history."),
    FieldRule("instructions", "added", "After the agent's own instructions, as system messages are."),
    FieldRule("previous_response_id", "taken", "The conversation goes on from an answer of this owner's that is kept."),
    FieldRule("conversation", "taken", "The stored session of this owner's of which the run is a turn."),
    FieldRule("stream", "taken", "Whether the answer comes as server-sent events."),
    FieldRule("background", "taken", "The run outlives the connection; the server needs a store."),
    FieldRule("metadata", "taken", "Becomes tags of the run, `name:value` each."),
    FieldRule("temperature", "taken", "Goes to the model, with every request of the run."),
    FieldRule("top_p", "taken", "Goes to the model, with every request of the run."),
    FieldRule("max_output_tokens", "taken", "Bounds each reply of the model."),
    FieldRule("reasoning", "taken", "`effort` goes to the model; the rest is dropped."),
    FieldRule("text", "taken", "`format` and `verbosity` go to the model; refused where an output type is set."),
    FieldRule("parallel_tool_calls", "taken", "Goes to the model, with every request of the run."),
    FieldRule("tools", "added", "Functions of the client: the answer has their calls, and their results come back."),
    FieldRule("tool_choice", "taken", "`auto`, or `none` for none of the client's tools; anything else is refused."),
    FieldRule("user", "taken", "Whose run it is, for keys that ask for others; dropped for all others."),
    FieldRule("prompt", "refused", "The agent has its own instructions."),
    FieldRule("top_logprobs", "refused", "An answer of several turns has no probabilities."),
    FieldRule("max_tool_calls", "refused", "The limits of the agent hold."),
    FieldRule("include", "dropped", "It asks for more about tools that are the provider's."),
    FieldRule("stream_options", "dropped", "Nothing is obfuscated; the last event always tells the tokens."),
    FieldRule("truncation", "dropped", "How a conversation is kept short is the agent's decision."),
    FieldRule("store", "dropped", "Where runs are kept is the server's decision."),
    FieldRule("service_tier", "dropped", "It is the provider's."),
    FieldRule("prompt_cache_key", "dropped", "It is the provider's."),
    FieldRule("prompt_cache_retention", "dropped", "It is the provider's."),
    FieldRule("safety_identifier", "dropped", "It is the provider's."),
)
"""All known fields; any other field is dropped."""

RESPONSE_RULES: Final = {rule.name: rule for rule in RESPONSE_FIELDS}

ASK_FOR_NOTHING: Final[dict[str, object]] = {"top_logprobs": 0}
"""The values of refused fields that are accepted because they request nothing."""
