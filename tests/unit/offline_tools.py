"""Tools for the offline model to choose from, and a conversation with it as a run would hold it."""

import json
from collections.abc import Callable

from lightagent.adapters.chat.offline import OfflineModel
from lightagent.domain.conversation.deltas import fold_deltas
from lightagent.domain.conversation.messages import Message, ToolMessage, UserMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest

Answer = Callable[[JsonObject], str]

FILES = {
    "README.md": "# Lantern\n\nA small library.\n\nport: 8080\nlicense: MIT\n",
    "pyproject.toml": '[project]\nname = "lantern"\nversion = "2.5.0"\n',
    "src/lantern/core.py": '"""The core."""\n\nimport os\n\n\n'
    'class Lamp:\n    """Gives light."""\n\n\ndef light() -> None: ...\n',
    "src/lantern/errors.py": '"""What can go wrong."""\n\n\nclass LampError(Exception): ...\n',
    "docs/guide.md": "# Guide\n\nOne two three.\n",
}


def string(description: str = "", **more: JsonValue) -> JsonObject:
    return {"type": "string", "description": description, **more}


def spec(name: str, description: str, required: JsonObject, optional: JsonObject | None = None) -> ToolSpec:
    schema: JsonObject = {
        "type": "object",
        "properties": required | (optional or {}),
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSpec(name, description, schema)


NUMBER: JsonObject = {"type": "number"}
SPECS = [
    spec("find_files", "Find files by name.", {"pattern": string("such as *.py")}, {"directory": string("where")}),
    spec(
        "read_file",
        "Read a text file.",
        {"path": string("the file")},
        {"first_line": {"type": "integer", "default": 1}, "lines": {"type": "integer", "default": 400}},
    ),
    spec("calculate", "Calculate an arithmetic expression.", {"expression": string("numbers and operators")}),
    spec("get_weather", "Get the current weather of a city.", {"city_name": string()}),
    spec("get_order_status", "Look up the status of an order.", {"order_id": string("the order's id")}),
    spec("add", "Add two numbers.", {"a": NUMBER, "b": NUMBER}),
    spec("send_email", "Send an email.", {"to": string(), "subject": string(), "body": string()}),
    spec("translate", "Translate a text into another language.", {"text": string(), "target_language": string()}),
    spec(
        "convert_currency",
        "Convert money between currencies.",
        {"amount": NUMBER, "from_currency": string(), "to_currency": string()},
    ),
    spec("search_web", "Search the web.", {"query": string()}),
    spec("set_light", "Switch a light on or off.", {"room": string(), "state": string(enum=["on", "off"])}),
    spec("get_time", "Tell the current time in a city.", {"city": string()}),
    spec("delete_file", "Delete a file.", {"path": string()}),
]
TOOLS = {one.name: one for one in SPECS}


def find(arguments: JsonObject) -> str:
    folder, pattern = str(arguments.get("directory", ".")).strip("/"), str(arguments["pattern"]).removeprefix("**/")
    inside = [path for path in FILES if folder == "." or path.startswith(f"{folder}/")]
    return "\n".join(path for path in inside if matches(path.rpartition("/")[2], pattern)) or "No files found."


def matches(name: str, pattern: str) -> bool:
    parts = pattern.split("*")
    return name.startswith(parts[0]) and name.endswith(parts[-1]) and all(part in name for part in parts)


def read(arguments: JsonObject) -> str:
    path = str(arguments["path"])
    return FILES.get(path, f"[LA-TOOL] read_file: there is no file {path}.")


def calculate(arguments: JsonObject) -> str:
    return str(eval(str(arguments["expression"]), {"__builtins__": {}}))


def done(_: JsonObject) -> str:
    return "done"


ANSWERS: dict[str, Answer] = {
    "find_files": find,
    "read_file": read,
    "calculate": calculate,
    "get_weather": lambda given: f"{given['city_name']}: sunny, 22 °C",
    "get_order_status": lambda given: json.dumps({"order_id": given["order_id"], "status": "shipped"}),
    "add": lambda given: calculate({"expression": f"{given['a']} + {given['b']}"}),
    "send_email": lambda given: f"Sent to {given['to']}.",
    "search_web": lambda given: f"3 pages about {given['query']}",
}


class Conversation:
    """Asks the offline model and answers its calls until it is done."""

    def __init__(self, *tools: str, **answers: Answer) -> None:
        self.tools = tuple(TOOLS[name] for name in tools or TOOLS)
        self.answers = ANSWERS | answers
        self.messages: list[Message] = []
        self.turns: list[list[tuple[str, JsonObject]]] = []

    @property
    def calls(self) -> list[tuple[str, JsonObject]]:
        return [call for turn in self.turns for call in turn]

    async def ask(self, question: str, *, stream: bool = False, schema: JsonObject | None = None) -> str:
        self.messages.append(UserMessage(question))
        self.turns = []
        while True:
            request = ChatRequest(tuple(self.messages), self.tools, output_schema=schema, stream=stream)
            reply = fold_deltas([delta async for delta in OfflineModel().stream(request)])
            self.messages.append(reply.message)
            if not reply.message.tool_calls:
                return reply.message.content or ""
            assert len(self.turns) < 12, "it does not end"
            self.turns.append([(call.name, json.loads(call.arguments)) for call in reply.message.tool_calls])
            for call in reply.message.tool_calls:
                answer = self.answers.get(call.name, done)
                self.messages.append(ToolMessage(call.id, answer(json.loads(call.arguments))))
