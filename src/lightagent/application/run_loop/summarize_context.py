"""Asks a model for a summary of messages to be dropped from a conversation: once, and never again for the same."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.run_loop.ask_aside import AsideReply, ask_aside
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.spending import SUMMARY_REQUESTED
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.conversation.labels import tool_names
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message, UserMessage
from lightagent.ports.context import Aside

SUBJECT = "summary"
"""The subject of reviews of the request for a summary, and of the answer."""

_MOST_SHOWN = 4_000
"""Characters of one message that the model is shown; what is longer is cut in its middle."""


async def summarize(live: ActiveRun[DepsT], budget: ContextBudget, messages: Sequence[Message]) -> AsideReply:
    """Ask the model once. A failure is returned as `AsideReply.error`, and does not end the run."""
    words = max(20, budget.most_summary // 2)
    instructions = live.acting.prompts.summarize.format(words=words)
    text = transcript(messages, budget.max_tokens - budget.most_summary)
    aside = Aside(SUBJECT, instructions, text, budget.model, budget.summary_timeout)
    return await ask_aside(live, aside, SUMMARY_REQUESTED)


def transcript(messages: Sequence[Message], most_tokens: int) -> str:
    """The messages as one text for the model that summarises them.

    One text, since no provider then asks for the declarations of the tools that were called, nor for a certain order.
    What is longer than `most_tokens` loses its middle, so that the request is not above the budget either.
    """
    names = tool_names(messages)
    text = "\n\n".join(_shown(message, names.get(place, "")) for place, message in enumerate(messages))
    return cut_to(text, most_tokens)


def cut_to(text: str, tokens: int) -> str:
    """The text, without its middle if it would take more tokens than the limit."""
    estimated = estimate_tokens(text)
    return text if estimated <= tokens else _without_middle(text, max(1, len(text) * tokens // estimated - 10))


def _shown(message: Message, tool: str) -> str:
    match message:
        case AssistantMessage():
            calls = "".join(f"\n[calls {call.name}({call.arguments})]" for call in message.tool_calls)
            return f"assistant: {_without_middle((message.text_or_refusal or '') + calls, _MOST_SHOWN)}"
        case UserMessage():
            return f"user: {_without_middle(message.text, _MOST_SHOWN)}"
        case ContextMessage():
            return _without_middle(message.delimited, _MOST_SHOWN)
        case _:
            return f"result of {tool or 'a tool'}: {_without_middle(message.content, _MOST_SHOWN)}"


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[…]\n{text[len(text) - half :]}"
