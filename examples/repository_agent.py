"""An agent that answers questions about the repository it stands in, with three real tools: what `make demo` runs.

    python examples/repository_agent.py ["your question"]

It uses the offline model, which needs no key and no network. Where OPENAI_API_KEY or OPENAI_BASE_URL is set it uses
that model instead; OPENAI_MODEL names it.
"""

import asyncio
import json
import os
import sys

from repository_tools import ROOT, calculate, find_files, read_file

from lightagent import ChatModel, LightAgent, OfflineModel, RunResult, StreamEvent

QUESTION = "Find the Python files in src/lightagent/domain, read errors.py, and compute 12 * (3 + 4)."

INSTRUCTIONS = """\
You answer questions about a source repository. Look things up with the tools instead of guessing: find files first,
then read those that matter, and calculate with the calculator. Answer in a few sentences and name the files."""


def chosen_model() -> str | ChatModel:
    """The model of the environment if it names one, else the offline model."""
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return os.environ.get("OPENAI_MODEL") or "gpt-4.1"
    return OfflineModel()


def show(event: StreamEvent) -> None:
    """Print each call of a tool as it begins, and what came of it."""
    if event.type == "tool_call":
        arguments = ", ".join(f"{name}={json.dumps(value)}" for name, value in event.data["arguments"].items())
        print(f"→ {event.data['name']}({arguments})")
    elif event.type == "tool_result":
        print(f"← {event.data['name']} {' '.join(str(event.data['output']).split())[:80]}")
    elif event.type == "error":
        print(f"[{event.data['code']}] {event.data['message']} {event.data['guidance']}", file=sys.stderr)


def summary(result: RunResult) -> str:
    """How the run went, in a line."""
    calls = ", ".join(f"{call.name} {call.duration * 1000:.0f} ms" for call in result.tool_calls)
    return f"{result.outcome.kind} · {result.usage.total_tokens:,} tokens · {calls or 'no tool calls'}"


async def main(question: str) -> int:
    model = chosen_model()
    agent = LightAgent(
        name="repository-agent",
        model=model,
        instructions=INSTRUCTIONS,
        tools=[find_files, read_file, calculate],
    )
    if isinstance(model, str):
        print(f"model    {model}, because OPENAI_API_KEY or OPENAI_BASE_URL is set")
    else:
        print("model    offline: rules, no language model (OPENAI_API_KEY brings a real one)")
    print(f"files    {ROOT}\nquestion {question}\n")
    async with agent.astream_events(question) as events:
        async for event in events:
            show(event)
    print(f"\nanswer\n{events.result.content}\n\n{summary(events.result)}")
    return 0 if events.result.success else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(" ".join(sys.argv[1:]) or QUESTION)))
