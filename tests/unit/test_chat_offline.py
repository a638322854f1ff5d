"""chat/offline: which tools it calls with what, what it says of them, and that it never pretends."""

import pytest

from lightagent.adapters.chat.offline import OfflineModel, reply_to
from lightagent.domain.deltas import TextDelta, fold_deltas
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import UserMessage
from lightagent.ports.models import ChatRequest
from tests.support.costs import grows_evenly
from tests.unit.offline_tools import SPECS, Conversation

REMARK = "(offline stand-in: rules, no language model)"
FILE_TOOLS = ("find_files", "read_file", "calculate")


def weather(city: str) -> tuple[str, JsonObject]:
    return "get_weather", {"city_name": city}


def sum_(expression: str) -> tuple[str, JsonObject]:
    return "calculate", {"expression": expression}


def add(a: int, b: int) -> tuple[str, JsonObject]:
    return "add", {"a": a, "b": b}


def find(pattern: str, directory: str = "") -> tuple[str, JsonObject]:
    return "find_files", {"pattern": pattern, "directory": directory} if directory else {"pattern": pattern}


def read(path: str, **more: int) -> tuple[str, JsonObject]:
    return "read_file", {"path": path, **more}


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
        ("Is it going to rain in São Paulo tomorrow?", [[weather("São Paulo")]]),
        ("What is the weather in Paris and London?", [[weather("Paris"), weather("London")]]),
        (
            "Where is the weather nice? Check Madrid, Lisbon and Athens.",
            [[weather("Madrid"), weather("Lisbon"), weather("Athens")]],
        ),
        (
            "What is the weather in Rome and the time in Berlin?",
            [[weather("Rome"), ("get_time", {"city": "Berlin"})]],
        ),
        ("What time is it in Tokyo?", [[("get_time", {"city": "Tokyo"})]]),
        ("Where is my order A-123?", [[order("A-123")]]),
        ("Where is my order? The number is A-123.", [[order("A-123")]]),
        ("What's the status of orders A-123 and B-456?", [[order("A-123"), order("B-456")]]),
        ("Add 3 and 4", [[add(3, 4)]]),
        ("What is 3 + 4?", [[sum_("3 + 4")]]),
        ("What's 1,234 plus 4,321?", [[sum_("1234 + 4321")]]),
        ("What is 15% of 80?", [[sum_("15 / 100 * 80")]]),
        ("What is the square root of 16?", [[sum_("16 ** 0.5")]]),
        ("What is 2 to the power of 10?", [[sum_("2 ** 10")]]),
        ("Please calculate: 7 * 8", [[sum_("7 * 8")]]),
        ("Compute 2+2 and 3*3", [[sum_("2+2"), sum_("3*3")]]),
        ("Double 21", [[sum_("21 * 2")]]),
        ("Average of 3, 4 and 8", [[sum_("(3 + 4 + 8) / 3")]]),
        ("Calculate (1 + 2) ** 3, then add 5 to the result", [[sum_("(1 + 2) ** 3")], [add(5, 27)]]),
        ("Multiply 6 by 7, then add 8", [[sum_("6 * 7")], [add(8, 42)]]),
        (
            'Send an email to bob@example.com with subject "Hello" and body "See you at 5".',
            [[email("bob@example.com", "Hello", "See you at 5")]],
        ),
        (
            "Email alice@example.com about the release saying that it is done.",
            [[email("alice@example.com", "the release", "it is done")]],
        ),
        (
            "Search for the news about Mars, then email bob@example.com the results with subject 'Mars'.",
            [
                [("search_web", {"query": "the news about Mars"})],
                [email("bob@example.com", "Mars", "3 pages about the news about Mars")],
            ],
        ),
        ("Translate 'good day' into French.", [[("translate", {"text": "good day", "target_language": "French"})]]),
        ("Translate good day to German", [[("translate", {"text": "good day", "target_language": "German"})]]),
        (
            "Convert 100 USD to EUR",
            [[("convert_currency", {"amount": 100, "from_currency": "USD", "to_currency": "EUR"})]],
        ),
        ("Search the web for cats and dogs", [[("search_web", {"query": "cats and dogs"})]]),
        ("Turn off the light in the kitchen", [[("set_light", {"room": "kitchen", "state": "off"})]]),
        ("Delete the file notes.txt", [[("delete_file", {"path": "notes.txt"})]]),
        ("Do not delete README.md. Read README.md instead.", [[read("README.md")]]),
        ("What is in README.md?", [[read("README.md")]]),
        (
            "Add 5 and 6, check the weather in Oslo and email bob@example.com about it saying 'warm'.",
            [[add(5, 6), weather("Oslo"), email("bob@example.com", "it", "warm")]],
        ),
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
            ["found 2: core.py, errors.py", "> class LampError(Exception): ...", "12 * (3 + 4) = 84"],
        ),
        ("How many lines has README.md, times 3?", [[read("README.md")], [sum_("6 * 3")]], ["6 lines.", "6 * 3 = 18"]),
        (
            "How many files are in src/lantern? Multiply that by 12.",
            [[find("*", "src/lantern")], [sum_("2 * 12")]],
            ["2 files: core.py, errors.py", "2 * 12 = 24"],
        ),
        (
            "Read README.md, then multiply the port by 2",
            [[read("README.md")], [sum_("8080 * 2")]],
            ["> port: 8080", "8080 * 2 = 16160"],
        ),
        ("Read pyproject.toml and tell me the version", [[read("pyproject.toml")]], ['> version = "2.5.0"']),
        ("What license does it use? Look in README.md.", [[read("README.md")]], ["> license: MIT"]),
        ("What does core.py in src/lantern define?", [[read("src/lantern/core.py")]], ["class Lamp:", "def light"]),
        ("Read core.py", [[read("core.py")], [find("core.py")], [read("src/lantern/core.py")]], ["Gives light"]),
        ("Find pyproject.toml and read it", [[find("pyproject.toml")], [read("pyproject.toml")]], ["[project]"]),
        (
            "Find all Python files under src/lantern and read each of them",
            [[find("*.py", "src/lantern")], [read("src/lantern/core.py"), read("src/lantern/errors.py")]],
            ["The core.", "What can go wrong."],
        ),
        ("Summarise README.md and docs/guide.md", [[read("README.md"), read("docs/guide.md")]], ["Lantern", "Guide"]),
        ("Read the first 20 lines of README.md", [[read("README.md", lines=20)]], ["> # Lantern"]),
        ("Which Markdown files are there?", [[find("*.md")]], ["found 2: README.md, docs/guide.md"]),
        ("find files ending in .toml", [[find("*.toml")]], ["pyproject.toml"]),
        ("In src/lantern, find the Python files.", [[find("*.py", "src/lantern")]], ["core.py"]),
        ("Find *.rs files", [[find("*.rs")], [find("**/*.rs")]], ["found nothing"]),
        ("Explain how errors happen", [[find("*err*")], [read("src/lantern/errors.py")]], ["LampError"]),
        ("What is this repository about?", [[find("*README*", ".")], [read("README.md")]], ["# Lantern"]),
        (
            "Read nothing.md",
            [[read("nothing.md")], [find("nothing.md")], [find("**/nothing.md")]],
            ["failed: read_file"],
        ),
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
        ("Tell me a joke", "No tool fits “Tell me a joke”; I was offered `find_files`, `read_file`"),
    ],
)
async def test_it_says_what_it_cannot_do(question: str, said: str) -> None:
    conversation = Conversation()
    assert said in await conversation.ask(question)
    assert not conversation.calls


async def test_without_tools_it_says_what_it_is_and_how_to_get_a_model() -> None:
    message = reply_to(ChatRequest((UserMessage("Why is the sky blue?"),)))
    assert message.content is not None
    for part in ("no language model", "You asked: “Why is the sky blue?”", "OPENAI_API_KEY", "lightagent.toml"):
        assert part in message.content


async def test_who_forbids_a_call_is_not_asked_twice() -> None:
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
