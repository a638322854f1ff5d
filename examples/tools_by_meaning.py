"""An agent that finds its tools by what they mean: in words that no tool has, and without the embedder as well.

    python examples/tools_by_meaning.py
    python examples/tools_by_meaning.py --folder models/all-MiniLM-L6-v2

With a folder it embeds with the model in it (extra `onnx`). Without one it uses vectors that are written down, as a
model would give them, so that it needs no model and no network and is the same each time. So does the chat model.
"""

import argparse
import asyncio

from lightagent import Embedder, LightAgent, Tool, ToolSelection, open_embedder, tool
from lightagent.application.tool_selection.rank_by_meaning import tool_text
from lightagent.domain.tools.selection import ToolsSelected
from lightagent.testing import ScriptedEmbedder, ScriptedModel

ASKED = "I would like my cash returned to me."
THINGS = ("invoice", "customer", "order", "shipment", "vacation", "contract", "ticket", "certificate", "backup")


def shop_tools() -> list[Tool[object]]:
    """A tool for each thing and action, and the one that is asked for."""

    @tool
    def create_refund(order: str) -> str:
        """Gives money back that was paid."""
        return f"{order}: refunded"

    return [create_refund, *(_tool(action, thing) for thing in THINGS for action in ("list", "delete", "export"))]


def _tool(action: str, thing: str) -> Tool[object]:
    @tool(name=f"{action}_{thing}", description=f"{action.capitalize()} every {thing}.")
    def act(number: int) -> str:
        """Do it."""
        return f"{thing} {number}: done"

    return act


def written_down(tools: list[Tool[object]]) -> Embedder:
    """What a model would know of these tools and of the question, in two numbers."""
    vectors = {tool_text(one.spec): [0.0, 1.0] for one in tools} | {ASKED: [1.0, 0.2]}
    return ScriptedEmbedder(vectors | {tool_text(tools[0].spec): [1.0, 0.0]})


async def ask(tools: list[Tool[object]], embedder: Embedder | None) -> None:
    """Ask once, and print what the model was shown."""
    selection = ToolSelection(threshold=10, tokens=200)
    agent = LightAgent(model=ScriptedModel(["Done."]), tools=tools, tool_selection=selection, embedder=embedder)
    result = await agent.arun_result(ASKED)
    for event in result.journal.events:
        if isinstance(event, ToolsSelected):
            print(f"{' and '.join(event.rankers)}: {', '.join(one.name for one in event.candidates[:3]) or 'nothing'}")
            for error in event.errors:
                print(f"  {error.message}")
    assert result.success, result.error


def down(texts: object) -> None:
    """What an embedder raises whose server is down."""
    raise ConnectionError("The embedder's server is down.")


async def main() -> None:
    """By words, by meaning, and with an embedder that is down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="a folder with an embedding model in the form of onnx")
    parser.add_argument("--pooling", choices=("mean", "cls"), help="how it pools, where the folder does not say")
    chosen = parser.parse_args()
    tools = shop_tools()
    await ask(tools, None)
    if chosen.folder is None:
        embedder = written_down(tools)
    else:
        embedder = open_embedder("onnx", path=chosen.folder, pooling=chosen.pooling)
    await ask(tools, embedder)
    await ask(tools, ScriptedEmbedder(fail=down))
    await embedder.aclose()


if __name__ == "__main__":
    asyncio.run(main())
