"""What the stand-in says in the end: what the tools brought, what is missing, and what it is."""

from __future__ import annotations

from lightagent.adapters.chat.offline.plan import Plan
from lightagent.adapters.chat.offline.quote import describe
from lightagent.domain.tools import ToolSpec

REMARK = "(offline stand-in: rules, no language model)"
"""Closes every answer, so that it is not taken for a model's."""

_HOW = "For a real model set OPENAI_API_KEY (and OPENAI_BASE_URL for another provider), or name one in lightagent.toml."


def compose(question: str, plan: Plan, tools: tuple[ToolSpec, ...]) -> str:
    """The final answer."""
    if not tools and not plan.answers:
        return alone(question)
    parts = [describe(clause, done) for clause, done in plan.answers]
    if len(parts) > 1:
        parts = [f"- {part}" for part in parts]
    parts += plan.gaps
    if not parts:
        parts = [_no_tool(question, tools)]
    return "\n".join([*parts, REMARK])


def alone(question: str) -> str:
    """The answer where there is nothing to call."""
    asked = f" You asked: “{_short(question)}”" if question.strip() else ""
    who = "I am lightagent's offline stand-in: rules that pick tools, no language model, so I cannot answer myself."
    return f"{who}{asked}\n{_HOW}"


def _no_tool(question: str, tools: tuple[ToolSpec, ...]) -> str:
    offered = ", ".join(f"`{tool.name}`" for tool in tools)
    return f"No tool fits “{_short(question)}”; I was offered {offered}. {_HOW}"


def _short(question: str) -> str:
    text = " ".join(question.split())
    return text if len(text) <= 200 else f"{text[:199]}…"
