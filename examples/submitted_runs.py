"""Runs that are given to an engine: one process submits, another approves by id, and whoever asks has the result.

    python examples/submitted_runs.py                       # in this process, kept as files
    python examples/submitted_runs.py localhost:7233        # on Temporal, with a worker in another terminal:
    lightagent worker examples/submitted_runs.py:clerk --engine temporal

It uses a scripted model, which needs no key and no network.
"""

import sys
import tempfile

from lightagent import JournalStore, JsonLightFlowStore, LightAgent, tool
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.models import ChatRequest
from lightagent.testing import Reply, ScriptedModel, call_tool


@tool(requires_approval=True)
def refund(order: int, amount: float) -> str:
    """Pay money back.

    Args:
        order: the number of the order
        amount: how much, in euros
    """
    return f"{amount:.2f} euros of order {order} are paid back"


def answer(request: ChatRequest) -> Reply:
    """Ask for a refund, and then tell what became of it."""
    last = request.messages[-1]
    return str(last.content) if isinstance(last, ToolMessage) else call_tool("refund", order=12, amount=30.0)


def clerk(engine: FlowEngine | JournalStore | None = None) -> LightAgent:
    return LightAgent(name="clerk", model=ScriptedModel(answer), tools=[refund], engine=engine)


def main(engine: FlowEngine | JournalStore) -> None:
    submitted = clerk(engine).submit("Pay order 12 back.", user_id="ann")
    print("submitted; the caller could end here")

    run = clerk(engine).run_handle(submitted.run_id, user_id="ann")  # As another process makes it.
    print("the run is", run.result().outcome.kind)
    for call in run.waiting_calls():
        print("it waits for a decision about", call["tool"], call["arguments"])
    run.approve(actor="bob")
    for event in run.stream_events():
        print("  ", event.type)
    print("the run is", run.status(), "-", run.result().unwrap())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        from lightagent.adapters.engines.temporal.connection import Place
        from lightagent.adapters.engines.temporal.engine import TemporalEngine

        main(TemporalEngine(Place(sys.argv[1], "default")))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(JsonLightFlowStore(folder))
