"""The four requests that Open WebUI makes for one message, in its own words and with its headers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import openai
import pytest

from lightagent import InProcessMemory, LightAgent, Runs, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.ports.memory import OwnerSelection
from lightagent.ports.models import ChatRequest
from tests.support.served import served

pytestmark = pytest.mark.openai

QUESTION = "I live in Rome. What is 2 + 3?"
HISTORY = f"### Chat History:\n<chat_history>\nUSER: {QUESTION}\nASSISTANT: It is 5.\n</chat_history>"
TASKS = {
    "title": f"""\
### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Guidelines:
- The title should clearly represent the main theme or subject of the conversation.
- Use emojis that enhance understanding of the topic, but avoid quotation marks or special formatting.
### Output:
JSON format: {{ "title": "your concise title here" }}
{HISTORY}""",
    "tags": f"""\
### Task:
Generate 1-3 broad tags categorizing the main themes of the chat history, along with 1-3 more specific subtopic tags.

### Guidelines:
- Start with high-level domains (e.g. Science, Technology, Philosophy, Arts, Politics, Business, Health, Sports)
### Output:
JSON format: {{ "tags": ["tag1", "tag2", "tag3"] }}

{HISTORY}""",
    "follow-ups": f"""\
### Task:
Suggest 3-5 relevant follow-up questions or prompts that the user might naturally ask next in this conversation as a \
**user**, based on the chat history, to help continue or deepen the discussion.
### Guidelines:
- Make questions concise, clear, and directly related to the discussed topic(s).
### Output:
JSON format: {{ "follow_ups": ["Question 1?", "Question 2?", "Question 3?"] }}
{HISTORY}""",
}
ABOUT_A_FILE = f"""\
### Task:
Respond to the user query using the provided context, incorporating inline citations in the format [id] **only when \
the <source> tag includes an explicit id attribute** (e.g., <source id="1">).

### Guidelines:
- If you don't know the answer, clearly state that.

<context>
<source id="1" name="rome.txt">Rome is old.</source>
</context>

{QUESTION}"""
HEADERS = {
    "X-OpenWebUI-User-Name": "Ann",
    "X-OpenWebUI-User-Id": "ann",
    "X-OpenWebUI-User-Email": "ann@example.org",
    "X-OpenWebUI-User-Role": "user",
    "X-OpenWebUI-Chat-Id": "chat-1",
}


@dataclass(frozen=True)
class Scene:
    """An agent with a tool and a memory, and Open WebUI before it, whose key says whose runs they are."""

    client: openai.OpenAI
    model: ScriptedModel
    store: MemoryJournalStore
    memory: InProcessMemory
    added: list[int]

    def chat(self, text: str, model: str = "helper") -> str:
        """What a person asks, streamed."""
        stream = self.client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], stream=True
        )
        return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)

    def task(self, text: str, model: str = "helper") -> str:
        """What the interface asks for itself."""
        answer = self.client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], stream=False, max_completion_tokens=1000
        )
        return answer.choices[0].message.content or ""

    async def history(self) -> list[tuple[str, str]]:
        """The runs of the user: the chat of each, and what was asked."""
        runs = Runs(self.store, tenant="acme")
        found = [await runs.journal(info.run_id, "ann") async for info in runs.list("ann")]
        return [(one.started.run_group_id, str(one.started.messages[-1].content)) for one in found if one is not None]

    async def remembered(self) -> list[str]:
        """What is remembered of anybody."""
        return [record.text for record in (await self.memory.read(OwnerSelection(), 100)).records]


@pytest.fixture
def scene() -> Iterator[Scene]:
    added = list[int]()

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        added.append(a + b)
        return a + b

    def answer(request: ChatRequest) -> Reply:
        if request.messages[-1].role == "tool":
            return f"It is {request.messages[-1].content}."
        return call_tool("add", a=2, b=3) if request.tools else '{ "title": "Sums" }'

    model, store, memory = ScriptedModel(answer), MemoryJournalStore(), InProcessMemory()
    agent = LightAgent(name="helper", model=model, tools=[add], memory=memory, instructions="Secret rules.")
    key, _ = asyncio.run(AccessKeys(store, time.time).create("open-webui", tenant="acme", delegating=True))
    with (
        served(serve(agent, store=store)) as base,
        openai.OpenAI(base_url=f"{base}/v1", api_key=key, max_retries=0, default_headers=HEADERS) as client,
    ):
        yield Scene(client, model, store, memory, added)


@pytest.mark.parametrize("task_model", ["helper", "utility"])
async def test_one_message_is_one_run_of_its_user(scene: Scene, task_model: str) -> None:
    """By how they begin, or by the model that TASK_MODEL_EXTERNAL names."""
    assert await asyncio.to_thread(scene.chat, QUESTION) == "It is 5."
    before, known = len(scene.model.requests), await scene.remembered()
    assert known
    for text in TASKS.values():
        assert await asyncio.to_thread(scene.task, text, task_model) == '{ "title": "Sums" }'

    assert scene.added == [5]
    assert await scene.history() == [("chat-1", QUESTION)]
    assert await scene.remembered() == known
    plain = scene.model.requests[before:]
    assert [(len(request.tools), len(request.messages)) for request in plain] == [(0, 1)] * 3
    assert not any("Secret rules" in str(request.messages) for request in plain)


@pytest.mark.parametrize("place", ["user", "system"])
async def test_a_question_about_a_file_is_the_user_s_own(scene: Scene, place: str) -> None:
    """It begins as those of the interface do; by a setting of Open WebUI it is in a system message."""
    if place == "user":
        assert await asyncio.to_thread(scene.chat, ABOUT_A_FILE) == "It is 5."
    else:
        answer = await asyncio.to_thread(
            scene.client.chat.completions.create,
            model="helper",
            messages=[{"role": "system", "content": ABOUT_A_FILE}, {"role": "user", "content": QUESTION}],
        )
        assert answer.choices[0].message.content == "It is 5."
    assert scene.added == [5]
    assert len(await scene.history()) == 1
