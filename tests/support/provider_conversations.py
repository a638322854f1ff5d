"""Conversations made from a seed: what a provider's model says, sound and faulty, and how the run is watched.

Each is known by its number, which stands in the query, so that the server can tell which model speaks next.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tests.servers.json_values import JsonObject
from tests.servers.strict.answers import Said, SaidCall
from tests.servers.strict.provider import Provider
from tests.servers.strict.request import Request

ANSWER = '{"n": 4}'
"""A final answer that is right for text and for an output type alike."""

CALL_FAULTS: Mapping[str, Callable[[SaidCall], SaidCall]] = {
    "broken arguments": lambda call: replace(call, arguments='{"n": 1'),
    "empty arguments": lambda call: replace(call, arguments=""),
    "null arguments": lambda call: replace(call, arguments=None),
    "arguments that say null": lambda call: replace(call, arguments="null"),
    "an array as arguments": lambda call: replace(call, arguments="[1]"),
    "a text as arguments": lambda call: replace(call, arguments='"n"'),
    "arguments encoded twice": lambda call: replace(call, arguments=json.dumps('{"n": 1}')),
    "not a number": lambda call: replace(call, arguments='{"n": NaN}'),
    "a raw line break": lambda call: replace(call, arguments='{"n": "a\nb"}'),
    "half a surrogate pair": lambda call: replace(call, arguments='{"n": "\\ud83d"}'),
    "two objects": lambda call: replace(call, arguments='{"n": 1}{"n": 1}'),
    "an unknown argument": lambda call: replace(call, arguments='{"n": 1, "unknown": 2}'),
    "a leaked namespace": lambda call: replace(call, name=f"functions.{call.name}"),
    "a leaked token": lambda call: replace(call, name=f"{call.name}<|channel|>commentary"),
    "a leaked number": lambda call: replace(call, name=f"functions.{call.name}:0"),
    "blanks around the name": lambda call: replace(call, name=f" {call.name}\n"),
    "an unknown name": lambda call: replace(call, name="missing"),
    "an empty name": lambda call: replace(call, name=""),
    "a long name": lambda call: replace(call, name="x" * 70),
    "a name of other letters": lambda call: replace(call, name="größe messen!"),
    "an empty id": lambda call: replace(call, id=""),
    "a null id": lambda call: replace(call, id=None),
    "a long id": lambda call: replace(call, id="id" * 40),
    "an id of other characters": lambda call: replace(call, id="a/b:ü 1"),
}

ANSWER_FAULTS: Mapping[str, Said] = {
    "an empty answer": Said(""),
    "a null answer": Said(None),
    "a blank answer": Said(" \n"),
    "a refusal": Said(None, refusal="I cannot help with that."),
    "an answer cut at the limit": Said('{"n": ', finish="length"),
    "a withheld answer": Said("", finish="content_filter"),
    "an unfit answer": Said('{"n": "many"}'),
    "an answer in a fence": Said(f"Here it is:\n```json\n{ANSWER}\n```"),
    "an answer after thoughts": Said(f"<think>hm</think>{ANSWER}"),
}

FOREIGN: list[JsonObject] = [
    {"role": "user", "content": "What is twice 3?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_AbCdEfGhIjKlMnOpQrStUvWx",
                "type": "function",
                "function": {"name": "double", "arguments": '{"n": 3}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_AbCdEfGhIjKlMnOpQrStUvWx", "content": "6"},
    {"role": "assistant", "content": "It is 6."},
]
"""A history that came from OpenAI, whoever is asked now."""


@dataclass(frozen=True)
class Conversation:
    """What will be said, and how the run is watched.

    Attributes:
        typed: an output type is asked for; instructed: the agent has instructions of its own.
        history: what the first run begins with; follows: a second run begins with the history of the first.
    """

    number: int
    provider: Provider
    said: tuple[Said, ...]
    streamed: bool
    typed: bool
    instructed: bool
    follows: bool
    foreign: bool
    tools: bool

    @property
    def query(self) -> str:
        return f"conversation {self.number}: work on it"

    @property
    def history(self) -> list[JsonObject]:
        return FOREIGN if self.foreign else []

    @property
    def faults(self) -> set[str]:
        """The names of all that goes wrong in it, and of its circumstances."""
        circumstances = {
            "typed": self.typed,
            "streamed": self.streamed,
            "foreign history": self.foreign,
            "follows": self.follows,
            "calls": any(said.calls for said in self.said),
        }
        found = {fault for said in self.said for fault in said.faults}
        return found | {name for name, holds in circumstances.items() if holds}


def conversation(number: int, provider: Provider) -> Conversation:
    """The conversation of this number; the number alone decides, at whichever provider."""
    chance = random.Random(number)
    tools = chance.random() < 0.9
    said: list[Said] = []
    for _ in range(chance.randint(0, 3) if tools else 0):
        said += _interrupted(chance, _calls(chance, provider, number))
    typed = chance.random() < 0.3
    if chance.random() < 0.5:
        fault = chance.choice(list(ANSWER_FAULTS))
        said += _interrupted(chance, replace(ANSWER_FAULTS[fault], faults=(fault,)))
    said += _interrupted(chance, Said(ANSWER))
    said = [replace(one, reasoning="Let me think.") if _thinks(chance, provider, one) else one for one in said]
    return Conversation(
        number,
        provider,
        tuple(said),
        streamed=chance.random() < 0.5,
        typed=typed,
        instructed=chance.random() < 0.7,
        follows=chance.random() < 0.3,
        foreign=chance.random() < 0.15,
        tools=tools,
    )


def _thinks(chance: random.Random, provider: Provider, said: Said) -> bool:
    """A model that thinks does so before most answers, but not before every one."""
    return bool(provider.reasoning_field) and said.status == 200 and chance.random() < 0.8


def _interrupted(chance: random.Random, said: Said) -> list[Said]:
    """An answer, before which the same may have come in part, or an error."""
    broken: list[Said] = []
    if chance.random() < 0.1:
        broken.append(Said(status=chance.choice([429, 500, 503]), faults=("an error",)))
    if chance.random() < 0.1:
        broken.append(replace(said, cut=chance.randint(0, 2), faults=(*said.faults, "a cut")))
    return [*broken, said]


def _calls(chance: random.Random, provider: Provider, number: int) -> Said:
    calls: list[SaidCall] = []
    faults: list[str] = []
    for _ in range(chance.randint(1, 3)):
        name = chance.choice(["double", "double", "now", "fail", "hint", "ask", "move", "expert"])
        arguments: JsonObject = {"n": chance.randint(0, 9)}
        if name in ("now", "move"):
            arguments = {}
        elif name == "expert":
            arguments = {"query": f"conversation {number}: the expert's part"}
        call = SaidCall(provider.call_id(chance), name, json.dumps(arguments))
        if chance.random() < 0.25:
            fault = chance.choice(list(CALL_FAULTS))
            call = CALL_FAULTS[fault](call)
            faults.append(fault)
        calls.append(call)
    if len(calls) > 1 and chance.random() < 0.05:
        calls[1] = replace(calls[1], id=calls[0].id)
        faults.append("a repeated id")
    text = chance.choice([None, None, "", "\n\n", "I will look."])
    if text is not None and not text.strip():
        faults.append("blank text beside calls")
    return Said(text, calls=tuple(calls), pieces=chance.randint(1, 4), faults=tuple(faults))


@dataclass
class Stage:
    """Directs the models of all conversations: each says its lines, and then its answer for ever."""

    playing: dict[int, list[Said]] = field(default_factory=dict)

    def begin(self, conversation: Conversation) -> None:
        self.playing[conversation.number] = list(conversation.said)

    def __call__(self, provider: Provider, request: Request) -> Said:
        lines = self.playing[_number(request)]
        return lines.pop(0) if lines else Said(ANSWER)


def _number(request: Request) -> int:
    found = [re.search(r"conversation (\d+)", json.dumps(message.fields)) for message in reversed(request.messages)]
    return next(int(match.group(1)) for match in found if match)
