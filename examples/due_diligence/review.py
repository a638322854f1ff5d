"""The flow: three analysts read at the same time, a writer drafts, a person approves, and the board gets the report.

Rules stand in for language models, so it needs no key: pass a model of your own to `LightAgent` instead of `Rules`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from lightagent import ChatRequest, Delta, JsonLightFlowStore, LightAgent, LightFlow, StepContext
from lightagent.adapters.chat.scripted import Reply
from lightagent.domain.conversation.messages import ToolMessage, UserMessage
from lightagent.testing import ScriptedModel, call_tool

DOCUMENTS = Path(__file__).parent / "documents"
TOPICS = ("finances", "contracts", "people")


class Rules(ScriptedModel):
    """A model that goes by a rule, and thinks about what tools gave it as long as a real one may."""

    def __init__(self, rule: Callable[[ChatRequest], Reply], seconds: float) -> None:
        super().__init__(rule)
        self._seconds = seconds

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """The answer, after a while."""
        await asyncio.sleep(self._seconds if any(isinstance(one, ToolMessage) for one in request.messages) else 0.0)
        async for delta in super().stream(request):
            yield delta


def declare(folder: Path, pace: float = 0.0) -> LightFlow:
    """The flow, whose runs and reports are kept in a folder.

    Args:
        pace: seconds that the second analyst's model thinks about its document; the third one's twice as long.
    """
    flow = LightFlow(store=JsonLightFlowStore(folder / "runs"), name="due_diligence")
    for number, topic in enumerate(TOPICS):
        analyst = analyst_of(topic, folder, pace * number)
        flow.step(topic, agent=analyst, query=f"What do the {topic} say about buying it?", max_retry=3, timeout=600)
    return flow.step("draft", agent=writer(), depends_on=TOPICS, query=ask_writer).step(
        "publish", agent=publisher(folder), depends_on=["draft"], query=ask_publisher, requires_approval=True
    )


def analyst_of(topic: str, folder: Path, seconds: float) -> LightAgent:
    """An analyst who reads the document of a topic, and says what matters of it."""

    def read_document() -> str:
        """Read the document."""
        with (folder / "read.log").open("a", encoding="utf-8") as log:
            log.write(f"{topic}\n")
        return (DOCUMENTS / f"{topic}.md").read_text(encoding="utf-8")

    def rule(request: ChatRequest) -> Reply:
        read = [one.content for one in request.messages if isinstance(one, ToolMessage)]
        if not read:
            return call_tool("read_document")
        return " ".join(line for line in read[-1].splitlines() if line.startswith(("Strength:", "Risk:")))

    return LightAgent(
        name=f"{topic}_analyst",
        model=Rules(rule, seconds),
        instructions=f"You look at the {topic} of a company that is to be bought.",
        tools=[read_document],
    )


def writer() -> LightAgent:
    """Makes a report of the findings."""

    def rule(request: ChatRequest) -> Reply:
        asked = [one.text for one in request.messages if isinstance(one, UserMessage)][-1]
        question, *findings = asked.splitlines()
        risks = sum("Risk:" in finding for finding in findings)
        return "\n".join((f"# {question}", "", *findings, "", f"{risks} risks: buy only if they are in the price."))

    return LightAgent(name="writer", model=Rules(rule, 0.0), instructions="You write reports for the board.")


def ask_writer(query: str, context: StepContext) -> str:
    """The question, and what each analyst has found."""
    return "\n".join((query, *(f"* {topic}: {context.outputs[topic]}" for topic in TOPICS)))


def ask_publisher(context: StepContext) -> str:
    """The draft, as the person is shown it who approves it, and may edit it."""
    return context.outputs["draft"]


def publisher(folder: Path) -> Callable[[str, StepContext], str]:
    """Sends a report to the board: once, however often it is tried."""

    def publish(report: str, context: StepContext) -> str:
        board = folder / "board.jsonl"
        sent = board.read_text(encoding="utf-8").splitlines() if board.exists() else []
        key = context.idempotency_key
        if all(json.loads(line)["key"] != key for line in sent):
            with board.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "report": report}) + "\n")
        return "The board has the report."

    return publish
