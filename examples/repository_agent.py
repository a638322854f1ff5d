"""An agent that answers questions about the repository it stands in, with three real tools: what `make demo` runs.

    python examples/repository_agent.py ["your question"]

It uses the offline model, which needs no key and no network. Where OPENAI_API_KEY or OPENAI_BASE_URL is set it uses
that model instead; OPENAI_MODEL names it.
"""

import asyncio
import os
import sys

from repository_tools import ROOT, calculate, find_files, read_file
from rich.console import Console
from rich.markup import escape

from lightagent.adapters.chat.offline import OfflineModel
from lightagent.agent import LightAgent
from lightagent.entrypoints.cli.progress import Progress
from lightagent.entrypoints.cli.trace_tree import print_tree
from lightagent.entrypoints.cli.watched_run import watched_run
from lightagent.ports.models import ChatModel

QUESTION = "Find the Python files in src/lightagent/domain, read errors.py, and compute 12 * (3 + 4)."

INSTRUCTIONS = """\
You answer questions about a source repository. Look things up with the tools instead of guessing: find files first,
then read those that matter, and calculate with the calculator. Answer in a few sentences and name the files."""


def chosen_model() -> str | ChatModel:
    """The model of the environment if it names one, else the offline model."""
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"):
        return os.environ.get("OPENAI_MODEL") or "gpt-4.1"
    return OfflineModel()


async def main(question: str) -> int:
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    model = chosen_model()
    agent = LightAgent(
        name="repository-agent",
        model=model,
        instructions=INSTRUCTIONS,
        tools=[find_files, read_file, calculate],
    )
    if isinstance(model, str):
        console.print(f"[bold]model[/]    {escape(model)}, because OPENAI_API_KEY or OPENAI_BASE_URL is set")
    else:
        console.print("[bold]model[/]    offline: rules, no language model (OPENAI_API_KEY brings a real one)")
    console.print(f"[bold]files[/]    {ROOT}")
    console.print("[bold]question[/]", escape(question), end="\n\n")
    with Progress(console) as progress:
        result = await watched_run(agent, question, progress.show, trace=True)
    console.print("\n[bold]answer[/]")
    console.print(result.content, markup=False)
    if result.error is not None:
        console.print(
            f"[{result.error.code}] {result.error.message} {result.error.guidance}", style="red", markup=False
        )
    console.print("\n[bold]trace[/]")
    print_tree(console, result.trace, result.tool_calls)
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(" ".join(sys.argv[1:]) or QUESTION)))
