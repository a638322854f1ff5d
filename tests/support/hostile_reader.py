"""A process that gives expressions hostile texts, and ends at one that takes more CPU time than a linear one ever does.

One process reads for many expressions; `python -m tests.support.hostile_reader` is that process.
"""

from __future__ import annotations

import json
import math
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from lightagent.adapters._endpoints.error_bodies import LARGEST
from lightagent.adapters.chat._smallest_instance import LONGEST_PATTERN
from lightagent.adapters.chat.offline import readable, reply_to
from lightagent.application.tools.redaction import MOST_CHARACTERS
from lightagent.domain.conversation.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from lightagent.domain.json_types import JsonObject
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest
from tests.support.expressions import Expression, hostile_texts

CPU_SECONDS = 24
"""For all texts of an expression, if they have a megabyte; an expression that is not linear takes minutes or hours."""

OFFLINE = "lightagent.adapters.chat.offline:"

WHOLE = {f"{OFFLINE}_WORD"}
"""What the offline model uses on whole names and descriptions of tools; the rest sees what `readable` leaves."""


class HostileReader:
    """The process, which is started when it is first needed, and again after it ended at a slow expression."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def stuck(self, expression: Expression, size: int) -> str | None:
        """The text that the expression did not get through in time; None if it read them all."""
        return self._ask(
            [expression.module, expression.name, expression.pattern, expression.flags, expression.method, size]
        )

    def offline_stuck(self, unit: str, kind: str, size: int) -> str | None:
        """The same for the offline model, whose question or whose tools' answers are made of a unit."""
        return self._ask([unit, kind, size])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _ask(self, order: list[str | int]) -> str | None:
        process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        text = "the first text"
        for line in process.stdout:
            if line == "\n":
                return None
            text = json.loads(line)
        self._process = None
        process.communicate()
        return text

    def _started(self) -> subprocess.Popen[str]:
        command, pipe = [sys.executable, "-m", "tests.support.hostile_reader"], subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        return self._process


def read_all() -> None:
    """Carry out the orders of standard input; each text is named before it is read."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        order = json.loads(line)
        _limit_cpu(order[-1])
        for name, read in _offline(*order) if len(order) == 3 else _texts(*order):
            _say(json.dumps(name))
            read()
        _say("")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _limit_cpu(size: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(
        resource.RLIMIT_CPU, (math.ceil(time.process_time() + max(2, CPU_SECONDS * size / 1_000_000)), hard)
    )


def _texts(
    module: str, name: str, pattern: str, flags: int, method: str, size: int
) -> Iterator[tuple[str, Callable[[], object]]]:
    expression = Expression(module, name, pattern, flags, method)
    compiled = re.compile(pattern, flags)
    cut = _seen(expression)
    for called, text in hostile_texts(expression, size):
        yield called, partial(_use, compiled, method, cut(text))


def _use(compiled: re.Pattern[str], method: str, text: str) -> None:
    if method in ("search", "match", "fullmatch"):
        getattr(compiled, method)(text)
    else:
        for _ in compiled.finditer(text):
            pass


def _seen(expression: Expression) -> Callable[[str], str]:
    """What of a text reaches the expression."""
    if expression.module == "lightagent.adapters._endpoints.error_words":
        return lambda text: text[:LARGEST]
    if expression.module == "lightagent.application.tools.redaction":
        return lambda text: text[: MOST_CHARACTERS * 4]
    if expression.module == "lightagent.adapters.chat._smallest_instance":
        return lambda text: text[:LONGEST_PATTERN]
    limited = expression.place.startswith(OFFLINE)
    return readable if limited and expression.place not in WHOLE else str


def _offline(unit: str, kind: str, size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    text = unit * (size // len(unit)) + "\nx"
    schema: JsonObject = {
        "type": "object",
        "properties": {"x": {"type": "string"}, "n": {"type": "number"}},
        "required": ["x"],
    }
    mail: JsonObject = {"x": {"type": "string", "format": "email"}, "to": {"type": "string", "pattern": "^a+$"}}
    send: JsonObject = {"type": "object", "properties": {"email": {"type": "string"}}, "required": ["email"]}
    tools = (ToolSpec("find", "Find the email of a person.", schema), ToolSpec("send", "Send a report.", send))
    asked = "Find the email of Ada, then send her a report, then say how many lines it has"
    messages: list[Message] = [UserMessage(asked if kind == "answer" else text)]
    if kind == "answer":
        messages += [
            AssistantMessage(None, (ToolCall("call_1_0", "find", "{}"), ToolCall("c", "find", "{}"))),
            ToolMessage("call_1_0", text),
            ToolMessage("c", json.dumps({"x": text})),
        ]
    outputs: dict[str, JsonObject | None] = {
        "text": None,
        "an object": {"type": "object", "properties": mail, "required": ["x", "to"]},
    }
    for called, output in outputs.items():
        yield f"{kind} for {called}", partial(reply_to, ChatRequest(tuple(messages), tools, output_schema=output))


if __name__ == "__main__":
    read_all()
