"""Providers that serve models over the network, as their users meet them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a provider is, which key it takes, and what its users stumble over.

    Attributes:
        line: the name of its line in the profile table.
        title: what people call it.
        key: the usual environment variable for its API key; empty if no key is required.
        other_keys: further variables in which LiteLLM looks for its key.
        litellm: what LiteLLM calls it, where a key in these variables is the only way to prove there who asks.
        base_url: where its API begins.
        model: one of its models, for a first try.
        notes: what to know before, a sentence each.
        troubles: what goes wrong, as it is seen, and what to do.
    """

    line: str
    title: str
    key: str
    base_url: str
    model: str
    notes: tuple[str, ...] = ()
    troubles: tuple[tuple[str, str], ...] = ()
    litellm: str = ""
    other_keys: tuple[str, ...] = ()


HOSTED: Final[tuple[Provider, ...]] = (
    Provider(
        "openai",
        "OpenAI",
        "OPENAI_API_KEY",
        "https://api.openai.com/v1",
        "gpt-4.1",
        (
            "`OPENAI_API_KEY` is read without `api_key=`, and the base URL is the default.",
            "The reasoning models (`o1` to `o4`, `gpt-5`) have a line of their own, `openai-reasoning`, which sends "
            "`max_completion_tokens`. Azure is the [option `azure_endpoint`](models.md#openai).",
        ),
        (
            ("LA-400, \"'temperature' does not support …\"", "Reasoning models take the default alone: leave it out."),
            ("LA-429, `insufficient_quota`", "The account has no credit. The request is not tried again."),
        ),
        litellm="openai",
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        "OPENROUTER_API_KEY",
        "https://openrouter.ai/api/v1",
        "openai/gpt-4.1",
        (
            "Models are named `maker/model`. What a model takes depends on who serves it; "
            '`metadata={"provider": {"require_parameters": True}}` keeps to servers that take all that is sent.',
        ),
        (
            ('LA-404, "No endpoints found that support tool use"', "Choose a model whose page lists tools."),
            ('LA-429, "Insufficient credits"', "The credits are spent. The request is not tried again."),
        ),
        litellm="openrouter",
        other_keys=("OR_API_KEY",),
    ),
    Provider(
        "zhipu",
        "Zhipu ChatGLM (Z.ai)",
        "ZAI_API_KEY",
        "https://open.bigmodel.cn/api/paas/v4",
        "glm-4.7",
        (
            "The base URL does not end in /v1. Outside China it is `https://api.z.ai/api/paas/v4`, and for the coding "
            "plan `https://api.z.ai/api/coding/paas/v4`; each has keys of its own.",
        ),
        (
            ("LA-400 about `tool_choice`", 'Only "auto" is taken: leave it out.'),
            ("LA-429, code 1113", "The account has no credit. The request is not tried again."),
        ),
    ),
    Provider(
        "baichuan",
        "Baichuan",
        "BAICHUAN_API_KEY",
        "https://api.baichuan-ai.com/v1",
        "Baichuan4-Turbo",
        ("Its documentation names no way to ask for JSON, so that the prompt alone does.",),
        (("Tools are never called", "Use `Baichuan4`, `Baichuan4-Turbo`, `Baichuan4-Air` or `Baichuan3-Turbo`."),),
    ),
    Provider(
        "stepfun",
        "StepFun",
        "STEPFUN_API_KEY",
        "https://api.stepfun.com/v1",
        "step-3.5-flash",
        (
            "Outside China it is `https://api.stepfun.ai/v1`, and for the Step Plan `…/step_plan/v1`; each has keys of "
            "its own.",
        ),
        (("LA-401 with a key that works elsewhere", "It belongs to the other region or plan: change `base_url`."),),
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        "DEEPSEEK_API_KEY",
        "https://api.deepseek.com/v1",
        "deepseek-v4-pro",
        ("Its thinking models want their reasoning back beside tool calls; it is sent.",),
        (
            (
                'LA-400, "This response_format type is unavailable now"',
                'Another host or `profile` is in the way of its line: set `profile="deepseek"`.',
            ),
            ('LA-400, "Model Not Exist"', "`deepseek-chat` and `deepseek-reasoner` are names of the past."),
        ),
        litellm="deepseek",
    ),
    Provider(
        "qwen",
        "Qwen (DashScope)",
        "DASHSCOPE_API_KEY",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "qwen-plus",
        (
            "Outside China it is `https://dashscope-intl.aliyuncs.com/compatible-mode/v1`, or the URL of your "
            "workspace; each has keys of its own.",
            "Some models take `json_schema`: `lightagent doctor --probe` tells.",
        ),
        (
            (
                'LA-400, "enable_thinking must be set to false for non-streaming calls"',
                '`metadata={"enable_thinking": False}`, or stream.',
            ),
        ),
        litellm="dashscope",
    ),
    Provider(
        "moonshot",
        "Moonshot (Kimi)",
        "MOONSHOT_API_KEY",
        "https://api.moonshot.ai/v1",
        "kimi-k2.5",
        (
            "In China it is `https://api.moonshot.cn/v1`; each has keys of its own.",
            "Its thinking models want their reasoning back; it is sent.",
        ),
        (("LA-400 about `temperature`", "Its thinking models take one value alone: leave it out."),),
        litellm="moonshot",
    ),
    Provider(
        "minimax",
        "MiniMax",
        "MINIMAX_API_KEY",
        "https://api.minimax.io/v1",
        "MiniMax-M2.7",
        (
            "In China it is `https://api.minimaxi.com/v1`; each has keys of its own.",
            "Its models write their reasoning into the answer, between `<think>` and `</think>`; "
            '`metadata={"reasoning_split": True}` parts them.',
        ),
        (
            (
                'LA-400, "invalid chat setting (2013)"',
                "There is more than one system message: take those of `history=` out.",
            ),
        ),
    ),
    Provider(
        "gemini",
        "Gemini",
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "gemini-2.5-flash",
        (
            "While tools are offered, an answer of a type is asked for by the prompt: Gemini refuses the other "
            "ways beside tools.",
            "Its tool calls are signed; the signatures are sent back. The models `gemini-3…` have a line of their own, "
            "`gemini-3`, by which calls of other models are marked as unsigned.",
        ),
        (
            (
                "LA-400 about a schema",
                'Gemini knows a part of JSON Schema: `profile={"structured": ["json_object", "prompt"]}`.',
            ),
        ),
        litellm="gemini",
        other_keys=("GOOGLE_API_KEY",),
    ),
    Provider(
        "groq",
        "Groq",
        "GROQ_API_KEY",
        "https://api.groq.com/openai/v1",
        "openai/gpt-oss-120b",
        ("Some models alone take `json_schema`; a refusal is learnt, and the request is made again without.",),
        (
            (
                "LA-500, `tool_use_failed`",
                "The model wrote a call that Groq could not read. The request is tried again.",
            ),
        ),
        litellm="groq",
    ),
    Provider(
        "mistral",
        "Mistral",
        "MISTRAL_API_KEY",
        "https://api.mistral.ai/v1",
        "mistral-large-latest",
        ("Its streams end with the token counts, without being asked.",),
        (('LA-400, "Extra inputs are not permitted"', "`metadata=` has a parameter that Mistral does not know."),),
        litellm="mistral",
    ),
    Provider(
        "xai",
        "xAI",
        "XAI_API_KEY",
        "https://api.x.ai/v1",
        "grok-4",
        (),
        (
            (
                "LA-400 about `stop`, `presence_penalty` or `frequency_penalty`",
                "Its reasoning models do not take them: leave them out.",
            ),
        ),
    ),
    Provider(
        "together",
        "Together",
        "TOGETHER_API_KEY",
        "https://api.together.xyz/v1",
        "openai/gpt-oss-20b",
        ("Models are named `maker/model`; tools and `json_schema` are taken by those whose page lists them.",),
        (("Tools are never called", "Choose a model whose page lists function calling."),),
        litellm="together_ai",
        other_keys=(
            "TOGETHERAI_API_KEY",
            "TOGETHER_AI_API_KEY",
            "TOGETHER_AI_TOKEN",
        ),
    ),
    Provider(
        "anthropic",
        "Anthropic's compatible endpoint",
        "ANTHROPIC_API_KEY",
        "https://api.anthropic.com/v1",
        "claude-sonnet-4-5",
        (
            'It is meant for trying out; `provider="litellm"` with `model="anthropic/claude-sonnet-4-5"` asks in '
            "Anthropic's own form, where its reasoning is shown.",
            "It ignores `response_format`, so that the prompt alone asks for JSON.",
        ),
        (("LA-400 about `n`", "It gives one answer: leave `n` out."),),
        litellm="anthropic",
        other_keys=("ANTHROPIC_AUTH_TOKEN",),
    ),
)
