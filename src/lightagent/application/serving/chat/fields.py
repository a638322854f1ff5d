"""How each field of a chat completions request is treated: one table, which docs/serving.md shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Treatment: TypeAlias = Literal["taken", "added", "refused", "dropped"]
"""taken: works as OpenAI documents it. added: added to what the agent has itself. refused: a 400, since it would change
the answer and cannot be honoured. dropped: changes no answer; the log names it once.
"""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """The treatment of one field.

    Attributes:
        is_parameter: the field is passed to the model unchanged, with each request of the run.
    """

    name: str
    treatment: Treatment
    what: str
    is_parameter: bool = False


def _parameter(name: str, what: str = "Goes to the model, with every request of the run.") -> FieldRule:
    return FieldRule(name, "taken", what, is_parameter=True)


CHAT_FIELDS: Final[tuple[FieldRule, ...]] = (
    FieldRule("model", "taken", "Names the agent, swarm or flow, as `GET /v1/models` lists them."),
    FieldRule("messages", "taken", "The last user message is the query; those before are the history."),
    FieldRule("stream", "taken", "Whether the answer comes as server-sent events."),
    FieldRule("stream_options", "taken", "`include_usage`: the last chunk tells the tokens of the whole run."),
    FieldRule("metadata", "taken", "Becomes tags of the run, `name:value` each."),
    _parameter("temperature"),
    _parameter("top_p"),
    _parameter("max_tokens", "Bounds each reply of the model."),
    _parameter("max_completion_tokens", "Bounds each reply of the model."),
    _parameter("stop"),
    _parameter("seed"),
    _parameter("presence_penalty"),
    _parameter("frequency_penalty"),
    _parameter("logit_bias"),
    _parameter("reasoning_effort"),
    _parameter("verbosity"),
    _parameter("response_format", "Goes to the model; refused for an agent that has an output type of its own."),
    _parameter("parallel_tool_calls"),
    FieldRule("tools", "added", "Functions of the client: the answer has their calls, and their results come back."),
    FieldRule("tool_choice", "taken", "`auto`, or `none` for none of the client's tools; anything else is refused."),
    FieldRule("user", "taken", "Whose run it is, for keys that ask for others; dropped for all others."),
    FieldRule("n", "refused", "Unless it is 1."),
    FieldRule("logprobs", "refused", "Unless it is false."),
    FieldRule("top_logprobs", "refused", "An answer of several turns has no probabilities."),
    FieldRule("audio", "refused", "Agents answer with text only."),
    FieldRule("modalities", "refused", 'Unless it is `["text"]`.'),
    FieldRule("functions", "refused", "Its successor is `tools`."),
    FieldRule("function_call", "refused", "Its successor is `tool_choice`."),
    FieldRule("web_search_options", "refused", "Give the agent a tool that searches."),
    FieldRule("prediction", "dropped", "It only makes answers come sooner."),
    FieldRule("service_tier", "dropped", "It is the provider's."),
    FieldRule("store", "dropped", "Where runs are kept is the server's decision."),
    FieldRule("prompt_cache_key", "dropped", "It is the provider's."),
    FieldRule("prompt_cache_retention", "dropped", "It is the provider's."),
    FieldRule("safety_identifier", "dropped", "It is the provider's."),
)
"""All known fields; any other field is dropped."""

RULES: Final = {rule.name: rule for rule in CHAT_FIELDS}

PARAMETERS: Final = tuple(rule.name for rule in CHAT_FIELDS if rule.is_parameter)

HARMLESS: Final[dict[str, tuple[object, ...]]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "modalities": (["text"],),
    "functions": ([],),
    "function_call": ("none",),
}
"""The values of refused fields that are accepted because they request nothing."""
