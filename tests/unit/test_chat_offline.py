"""chat/offline: which tools it calls with what, what it says of them, and that it never pretends."""

import pytest

from lightagent.adapters.chat.offline import REMARK, OfflineModel, reply_to
from lightagent.domain.conversation.deltas import TextDelta, fold_deltas
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.json_types import JsonObject
from lightagent.ports.models import ChatRequest
from tests.support.costs import grows_evenly
from tests.unit.offline_tools import SPECS, Conversation

FILE_TOOLS = ("find_files", "read_file", "calculate")


def weather(city: str) -> tuple[str, JsonObject]:
    return "get_weather", {"city_name": city}


def sum_(expression: str) -> tuple[str, JsonObject]:
    return "calculate", {"expression": expression}


def add(a: int, b: int) -> tuple[str, JsonObject]:
    return "add", {"a": a, "b": b}


def find(pattern: str, directory: str = "") -> tuple[str, JsonObject]:
    return "find_files", {"pattern": pattern, "directory": directory} if directory else {"pattern": pattern}


def read(path: str) -> tuple[str, JsonObject]:
    return "read_file", {"path": path}


def order(identifier: str) -> tuple[str, JsonObject]:
    return "get_order_status", {"order_id": identifier}


def email(to: str, subject: str, body: str) -> tuple[str, JsonObject]:
    return "send_email", {"to": to, "subject": subject, "body": body}


@pytest.mark.parametrize(
    ("question", "turns"),
    [
        ("Please check the weather in Shanghai.", [[weather("Shanghai")]]),
        ("What's the weather like in New York today?", [[weather("New York")]]),
        ("how is the weather in tokyo", [[weather("tokyo")]]),
        ("Paris weather please", [[weather("Paris")]]),
        ("What time is it in Tokyo?", [[("get_time", {"city": "Tokyo"})]]),
        ("Where is my order A-123?", [[order("A-123")]]),
        ("Where is my order? The number is A-123.", [[order("A-123")]]),
        ("Add 3 and 4", [[add(3, 4)]]),
        ("What is 3 + 4?", [[sum_("3 + 4")]]),
        ("Please calculate: 7 * 8", [[sum_("7 * 8")]]),
        ("Calculate (1 + 2) ** 3, then add 5 to the result", [[sum_("(1 + 2) ** 3")], [add(5, 27)]]),
        (
            'Send an email to bob@example.com with subject "Hello" and body "See you at 5".',
            [[email("bob@example.com", "Hello", "See you at 5")]],
        ),
        (
            "Search the web for news of Mars, then send bob@example.com an email with subject 'Mars' and the results",
            [
                [("search_web", {"query": "news of Mars"})],
                [email("bob@example.com", "Mars", "3 pages about news of Mars")],
            ],
        ),
        ("Translate 'good day' into French.", [[("translate", {"text": "good day", "target_language": "French"})]]),
        (
            "Convert 100 USD to EUR",
            [[("convert_currency", {"amount": 100, "from_currency": "USD", "to_currency": "EUR"})]],
        ),
        ("Search the web for cats and dogs", [[("search_web", {"query": "cats and dogs"})]]),
        ("Turn off the light in the kitchen", [[("set_light", {"room": "kitchen", "state": "off"})]]),
        ("Delete the file notes.txt", [[("delete_file", {"path": "notes.txt"})]]),
        ("Do not delete README.md. Read README.md instead.", [[read("README.md")]]),
        ("What is in README.md?", [[read("README.md")]]),
        ("Add 5 and 6, and check the weather in Oslo.", [[add(5, 6), weather("Oslo")]]),
        ("Tell me a joke", []),
        ("Hello, who are you?", []),
    ],
)
async def test_it_calls_what_the_question_asks_for(question: str, turns: list[list[tuple[str, JsonObject]]]) -> None:
    conversation = Conversation()
    answer = await conversation.ask(question)
    assert conversation.turns == turns
    assert answer.endswith(REMARK)


@pytest.mark.parametrize(
    ("question", "turns", "said"),
    [
        (
            "Find the Python files in src/lantern, read errors.py and compute 12 * (3 + 4).",
            [[find("*.py", "src/lantern"), sum_("12 * (3 + 4)")], [read("src/lantern/errors.py")]],
            ["2 lines:", "> src/lantern/core.py", "> class LampError(Exception): ...", "`calculate(12 * (3 + 4))`: 84"],
        ),
        ("Read README.md and tell me the port", [[read("README.md")]], ["> port: 8080"]),
        ("Read pyproject.toml and tell me the version", [[read("pyproject.toml")]], ['> version = "2.5.0"']),
        ("Find pyproject.toml and read it", [[find("pyproject.toml")], [read("pyproject.toml")]], ["[project]"]),
        ("Read README.md and read docs/guide.md", [[read("README.md"), read("docs/guide.md")]], ["Lantern", "Guide"]),
        ("Which Markdown files are there?", [[find("*.md")]], ["> README.md", "> docs/guide.md"]),
        ("find files ending in .toml", [[find("*.toml")]], ["pyproject.toml"]),
        ("Find *.rs files", [[find("*.rs")]], ["No files found."]),
        ("Read nothing.md", [[read("nothing.md")]], ["`read_file(nothing.md)` failed: read_file: there is no file"]),
    ],
)
async def test_it_works_with_files(question: str, turns: list[list[tuple[str, JsonObject]]], said: list[str]) -> None:
    conversation = Conversation(*FILE_TOOLS)
    answer = await conversation.ask(question)
    assert conversation.turns == turns
    for part in said:
        assert part in answer


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Where is my order?", "`get_order_status` fits “Where is my order?”, but I found nothing for `order_id`."),
        ("weather?", "`get_weather` fits “weather?”, but I found nothing for `city_name`."),
        ("Tell me a joke", "I can't do that: no tool fits “Tell me a joke”; I was offered `find_files`, `read_file`"),
    ],
)
async def test_it_says_what_it_cannot_do(question: str, said: str) -> None:
    conversation = Conversation()
    assert said in await conversation.ask(question)
    assert not conversation.calls


async def test_no_tool_serves_for_another_deed_than_its_own() -> None:
    conversation = Conversation(*FILE_TOOLS)
    assert "I can't do that: no tool serves “Delete README.md”." in await conversation.ask("Delete README.md")
    assert not conversation.calls


async def test_the_same_call_is_made_once() -> None:
    conversation = Conversation(*FILE_TOOLS)
    await conversation.ask("Read README.md. Then read README.md.")
    assert conversation.calls == [read("README.md")]


async def test_without_tools_it_says_what_it_is_and_how_to_get_a_model() -> None:
    message = reply_to(ChatRequest((UserMessage("Why is the sky blue?"),)))
    assert message.content is not None
    for part in ("no language model", "You asked: “Why is the sky blue?”", "OPENAI_API_KEY", "lightagent.toml"):
        assert part in message.content


async def test_a_call_that_was_refused_is_not_made_again() -> None:
    conversation = Conversation(read_file=lambda _: "[LA-POLICY] Not today.")
    assert "`read_file(README.md)` failed: Not today." in await conversation.ask("Read README.md")
    assert len(conversation.calls) == 1


async def test_a_failing_tool_is_reported() -> None:
    conversation = Conversation(get_weather=lambda _: "[LA-TOOL] The service is down.")
    assert "failed: The service is down." in await conversation.ask("What is the weather in Rome?")
    assert conversation.calls == [weather("Rome")]


async def test_a_later_question_knows_earlier_results() -> None:
    conversation = Conversation(*FILE_TOOLS)
    await conversation.ask("Find the Python files in src/lantern")
    await conversation.ask("Now read errors.py")
    assert conversation.calls == [read("src/lantern/errors.py")]


async def test_the_same_conversation_gives_the_same_answer() -> None:
    question = "Find the Python files in src/lantern, read errors.py and compute 12 * (3 + 4)."
    plain, streamed = Conversation(*FILE_TOOLS), Conversation(*FILE_TOOLS)
    assert await plain.ask(question) == await streamed.ask(question, stream=True)
    assert plain.messages == streamed.messages
    ids = [call.id for message in plain.messages if message.role == "assistant" for call in message.tool_calls]
    assert len(set(ids)) == len(ids) == 3


async def test_it_speaks_word_by_word_and_counts_them() -> None:
    request = ChatRequest((UserMessage("Hello there"),), stream=True)
    deltas = [delta async for delta in OfflineModel().stream(request)]
    assert all(isinstance(delta, TextDelta) and len(delta.text.split()) == 1 for delta in deltas[:-1])
    usage = fold_deltas(deltas).end.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (2, len(deltas) - 1)


@pytest.mark.parametrize("part", ["a", "1", "a/", "a.b ", "x = 1\n", "1 and ", "A of "])
def test_long_texts_do_not_hold_it_up(part: str) -> None:
    def reply(parts: int) -> None:
        reply_to(ChatRequest((UserMessage(f"Compute {part * parts}"),), tuple(SPECS)))

    assert grows_evenly(reply, 6_500 // len(part))
