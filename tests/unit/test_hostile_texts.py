"""No regular expression blocks the loop, whatever a model, a provider or a tool says: each is given a megabyte."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

pytest.importorskip("mcp", reason="the environment of openai 2 has not all that the modules of the package import")

from lightagent.adapters._endpoints.error_bodies import LARGEST
from lightagent.adapters.chat.offline.words import readable
from lightagent.application.tools.describe_failure import MOST_CHARACTERS
from tests.support.expressions import Expression, expressions, hostile_texts, unseen

MEGABYTE = 1_000_000
WATCHDOG = 120
"""Seconds for all texts. A linear expression takes one to ten; one that is not takes hours for a single text."""

WORKER = """
import json, re, sys
pattern, flags, method = json.loads(sys.stdin.readline())
expression = re.compile(pattern, flags)
for line in sys.stdin:
    name, text = json.loads(line)
    print(name, flush=True)
    if method in ("search", "match", "fullmatch"):
        getattr(expression, method)(text)
    else:
        for _ in expression.finditer(text):
            pass
"""

OFFLINE = "lightagent.adapters.chat.offline."

WHOLE = {
    f"{OFFLINE}transcript:_NOTHING",
    f"{OFFLINE}recall:_CUT",
    f"{OFFLINE}recall:count_asked",
    f"{OFFLINE}quote:_NO_CONTENT",
    f"{OFFLINE}words:_WORD",
}
"""What the offline model uses on a whole answer of a tool; all else it has is used on what `readable` leaves."""

MADE_WHEN_USED = {
    f"{OFFLINE}arithmetic:expressions": "words for small numbers",
    f"{OFFLINE}find_names:side": "prepositions",
    f"{OFFLINE}find_values:_without": "patterns of the same module, which `files` and others use by name",
    f"{OFFLINE}formats:shaped": "patterns of the table in the same module",
    f"{OFFLINE}formats:_matching": "a pattern of the program's own schema",
    f"{OFFLINE}take:named_values": "the name of a parameter of the program's own tool",
    f"{OFFLINE}take:_is_said": "an option of the program's own tool",
    f"{OFFLINE}take:_flags": "the name of a parameter of the program's own tool",
    "lightagent.adapters._postgres.faults:connecting_failed": "patterns of the table in the same module",
    "lightagent.domain.secret_spellings:rare_spellings": "classes of one character, for credentials alone",
}
"""The expressions that no walk finds, and what they are made of; `readable` comes before them all."""


def seen(expression: Expression) -> Callable[[str], str]:
    """What of a text reaches the expression."""
    if expression.module == "lightagent.adapters._endpoints.error_words":
        return lambda text: text[:LARGEST]
    if expression.module == "lightagent.application.tools.describe_failure":
        return lambda text: text[: MOST_CHARACTERS * 4]
    limited = expression.module.startswith(OFFLINE) and expression.place.rpartition(":")[0] not in WHOLE
    return readable if limited and expression.place not in WHOLE else str


def place(expression: Expression) -> str:
    return expression.place


@pytest.mark.timeout(2 * WATCHDOG)
@pytest.mark.parametrize("expression", expressions(), ids=place)
def test_a_hostile_megabyte_is_read_in_linear_time(expression: Expression) -> None:
    cut = seen(expression)
    lines = [json.dumps([expression.pattern, expression.flags, expression.method])]
    lines += [json.dumps([name, cut(text)]) for name, text in hostile_texts(expression, MEGABYTE)]
    try:
        done = subprocess.run(
            [sys.executable, "-c", WORKER],
            input="\n".join(lines).encode(),
            capture_output=True,
            timeout=WATCHDOG,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        texts = (exc.stdout or b"").decode().splitlines()
        pytest.fail(f"{expression.place} is stuck with {texts[-1] if texts else 'its first text'}")
    assert done.returncode == 0, done.stderr.decode()


def test_no_other_expression_is_made_when_it_is_used() -> None:
    assert unseen() == sorted(MADE_WHEN_USED)


def test_a_slow_expression_is_seen() -> None:
    """The one that was there: a fence, blanks, and the rest of the block."""
    slow = Expression("here", "SLOW", r"```(?:json)?\s*\n(.*?)```", re.DOTALL, "search")
    times = [max(seconds(slow, text) for _, text in hostile_texts(slow, size)) for size in (1_000, 10_000)]
    assert times[1] > 20 * times[0]


def seconds(expression: Expression, text: str) -> float:
    """Of CPU, in the best of a few rounds."""
    compiled = re.compile(expression.pattern, expression.flags)
    found = []
    for _ in range(3):
        began = time.process_time()
        compiled.search(text)
        found.append(time.process_time() - began)
    return min(found)


OFFLINE_RUN = """
import asyncio, json, sys
from lightagent.adapters.chat.offline import reply_to
from lightagent.domain.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.tools import ToolSpec
from lightagent.ports.models import ChatRequest

text, kind = json.load(sys.stdin)
schema = {"type": "object", "properties": {"x": {"type": "string"}, "n": {"type": "number"}}, "required": ["x"]}
mail = {"x": {"type": "string", "format": "email"}, "to": {"type": "string", "pattern": "^a+$"}}
send = {"type": "object", "properties": {"email": {"type": "string"}}, "required": ["email"]}
tools = (ToolSpec("find", "Find the email of a person.", schema), ToolSpec("send", "Send a report.", send))
asked = "Find the email of Ada, then send her a report, then say how many lines it has"
messages = [UserMessage(asked if kind == "answer" else text)]
if kind == "answer":
    messages += [
        AssistantMessage(None, (ToolCall("call_1_0_0_0", "find", "{}"), ToolCall("c", "find", "{}"))),
        ToolMessage("call_1_0_0_0", text),
        ToolMessage("c", json.dumps({"x": text})),
    ]
for output in (None, {"type": "object", "properties": mail, "required": ["x", "to"]}):
    reply_to(ChatRequest(tuple(messages), tools, output))
"""


@pytest.mark.timeout(2 * WATCHDOG)
@pytest.mark.parametrize("kind", ["question", "answer"])
@pytest.mark.parametrize("unit", ["a", " ", "\n", "a@", "0", "... 5 more", "nothing ", "'", "/", "A. ", "key="])
def test_the_offline_model_reads_a_megabyte_in_no_time(unit: str, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE_RUN],
        input=json.dumps([unit * (MEGABYTE // len(unit)) + "\nx", kind]).encode(),
        capture_output=True,
        timeout=WATCHDOG,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
