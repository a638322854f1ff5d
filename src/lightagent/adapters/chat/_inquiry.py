"""Finds out what an endpoint accepts: chooses the next small request, and evaluates the answers.

Nothing is sent here: `inquire` yields each request and receives its answer. The requests are those that a run would
send, so the findings apply to runs.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar

from lightagent.adapters.chat._probes import Answer, Finding, Found, Probe, Refused, Taken, Unclear
from lightagent.adapters.chat._profiles import EndpointProfile, TokenLimit, Way
from lightagent.domain.conversation.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatRequest

USUAL_REQUESTS: Final = 11
MOST_REQUESTS: Final = 16
"""The usual and the largest number of requests."""

_FEW, _ENOUGH = 16, 200
_MOST_LEARNT: Final = 4
_LIMITS: Final[tuple[TokenLimit, ...]] = ("max_tokens", "max_completion_tokens")
_COUNT: Final = UserMessage("Count from 1 to 200 in digits, separated by blanks.")
_HELLO: Final = UserMessage("Say hello.")
_COLOUR: Final = UserMessage("Name a colour.")
_COLOUR_AS_JSON: Final = UserMessage('Name a colour, as JSON like {"colour": "green"}.')
_WEATHER: Final = UserMessage("What is the weather in Paris? Call the tool; answer in JSON once you know.")
_COLOUR_SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {"colour": {"type": "string"}},
    "required": ["colour"],
    "additionalProperties": False,
}
_TOOL: Final = ToolSpec(
    "get_weather",
    "The weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
_CALL: Final = ToolCall("functions.get_weather:0", "get_weather", '{"city": "Paris"}')
_TALK: Final = (
    _HELLO,
    _WEATHER,
    AssistantMessage(None, (_CALL,)),
    ToolMessage(_CALL.id, "Rain."),
    _HELLO,
)

_T = TypeVar("_T")
Inquiry: TypeAlias = Generator[Probe, Answer, _T]


def inquire(known: EndpointProfile) -> Inquiry[Found | None]:
    """Yield the requests one by one, and return the findings, or None if the endpoint answers none.

    Args:
        known: the profile so far; its fields stay if the answers are unclear.
    """
    return _Inquiry(known).all()


class _Inquiry:
    """Builds `profile` from the findings; what was known before fills the rest."""

    def __init__(self, known: EndpointProfile) -> None:
        self._known = known
        self._findings: list[Finding] = []
        self._limits: JsonObject = {}
        self.profile = replace(known, structured=("prompt",), token_limit="as_given")

    def all(self) -> Inquiry[Found | None]:
        if not (yield from self._token_limit()):
            return None
        # Requests with a stream or with tools come after the findings about these.
        yield from self._stream_options()
        yield from self._system_role()
        yield from self._ways()
        if (yield from self._tools()):
            yield from self._parallel_calls()
            yield from self._conversation()
        return Found(self.profile, tuple(self._findings))

    def _ask(self, what: str, request: ChatRequest, profile: EndpointProfile | None = None) -> Inquiry[Answer]:
        limited = replace(request, params={**self._limits, **request.params})
        return (yield Probe(what, self.profile if profile is None else profile, limited))

    def _takes(self, what: str, request: ChatRequest, profile: EndpointProfile) -> Inquiry[bool | None]:
        return self._record(what, (yield from self._ask(what, request, profile)))

    def _record(self, what: str, answer: Answer, objection: str = "") -> bool | None:
        """Record whether the request was accepted; `objection` is what in the answer speaks against it."""
        match answer:
            case Taken():
                self._findings.append(Finding(what, "no" if objection else "yes", objection))
                return not objection
            case Refused(words):
                self._findings.append(Finding(what, "no", words))
                return False
            case Unclear(words):
                self._findings.append(Finding(what, "unclear", words))
                return None

    def _token_limit(self) -> Inquiry[bool]:
        """Find the name of the token limit, and whether the endpoint answers at all."""
        taken: dict[TokenLimit, bool | None] = {}
        for name in _LIMITS:
            answer = yield Probe(name, self.profile, ChatRequest((_COUNT,), params={name: _FEW}))
            if not taken and not _is_about_limits(answer):
                return False
            taken[name] = self._record(name, answer, _ignored_limit(answer))
        usable = [name for name in _LIMITS if taken[name]]
        if not usable and not isinstance((yield Probe("an answer", self.profile, ChatRequest((_HELLO,)))), Taken):
            return False
        if usable:
            self._limits = {usable[0]: _ENOUGH}
        decided = [name for name in _LIMITS if taken[name] is not None]
        if decided == list(_LIMITS):
            self.profile = replace(self.profile, token_limit=usable[0] if len(usable) == 1 else "as_given")
        else:
            self.profile = replace(self.profile, token_limit=self._known.token_limit)
        return True

    def _stream_options(self) -> Inquiry[None]:
        request = ChatRequest((_HELLO,), stream=True)
        accepted = yield from self._takes("stream_options", request, replace(self.profile, stream_options=True))
        if accepted is not None:
            self.profile = replace(self.profile, stream_options=accepted)

    def _system_role(self) -> Inquiry[None]:
        request = ChatRequest((SystemMessage("Answer with one word."), _HELLO))
        accepted = yield from self._takes("the role system", request, replace(self.profile, system_role=True))
        if accepted is not None:
            self.profile = replace(self.profile, system_role=accepted)

    def _ways(self) -> Inquiry[None]:
        ways: list[Way] = []
        asked: tuple[tuple[Way, UserMessage], ...] = (("json_schema", _COLOUR), ("json_object", _COLOUR_AS_JSON))
        for way, message in asked:
            request = ChatRequest((message,), output_schema=_COLOUR_SCHEMA)
            answer = yield from self._ask(way, request, replace(self.profile, structured=(way, "prompt")))
            accepted = self._record(way, answer, _not_json(answer))
            if accepted or (accepted is None and way in self._known.structured):
                ways.append(way)
        self.profile = replace(self.profile, structured=(*ways, "prompt"))
        if ways:
            what, request = f"{ways[0]} for a stream", ChatRequest((_COLOUR_AS_JSON,), output_schema=_COLOUR_SCHEMA)
            accepted = yield from self._takes(
                what, replace(request, stream=True), replace(self.profile, in_streams=True)
            )
            if accepted is not None:
                self.profile = replace(self.profile, in_streams=accepted)

    def _tools(self) -> Inquiry[bool]:
        request = ChatRequest((_WEATHER,), (_TOOL,))
        answer = yield from self._ask("tools", request)
        accepted = self._record("tools", answer)
        called = _calls(answer)
        if accepted and not called:
            self._findings[-1] = replace(self._findings[-1], words="offered, but the model did not call one")
        if called and self.profile.structured[0] != "prompt":
            request = replace(request, output_schema=_COLOUR_SCHEMA)
            what = f"{self.profile.structured[0]} beside tools"
            answer = yield from self._ask(what, request, replace(self.profile, beside_tools=True))
            objection = "" if _calls(answer) else "it answers instead of calling the tool"
            beside = self._record(what, answer, objection)
            if beside is not None:
                self.profile = replace(self.profile, beside_tools=beside)
        return accepted is True

    def _parallel_calls(self) -> Inquiry[None]:
        request = ChatRequest((_WEATHER,), (_TOOL,), {"parallel_tool_calls": False})
        accepted = yield from self._takes("parallel_tool_calls", request, replace(self.profile, parallel_calls=True))
        if accepted is not None:
            self.profile = replace(self.profile, parallel_calls=accepted)

    def _conversation(self) -> Inquiry[None]:
        """Try two user messages in a row, one after a tool, and a foreign call id; adapt to each refusal."""
        what, request = "a history with a call", ChatRequest(_TALK, (_TOOL,))
        answer = yield from self._ask(what, request)
        for _ in range(_MOST_LEARNT):
            if not isinstance(answer, Refused) or answer.learnt is None:
                break
            self.profile = answer.learnt
            answer = yield from self._ask(what, request)
        self._record(what, answer)


def _is_about_limits(answer: Answer) -> bool:
    """Whether it is worthwhile to continue after the first request."""
    match answer:
        case Taken():
            return True
        case Refused(words):
            return any(name in words for name in _LIMITS)
        case Unclear():
            return False


def _ignored_limit(answer: Answer) -> str:
    """Return how an answer shows that its limit was ignored, or an empty text."""
    if not isinstance(answer, Taken):
        return ""
    text, usage = answer.reply.message.content or "", answer.reply.end.usage
    tokens = usage.output_tokens if usage is not None else len(text) // 4
    return f"it is ignored: {tokens} tokens where {_FEW} were allowed" if tokens > 3 * _FEW else ""


def _not_json(answer: Answer) -> str:
    """Return how an answer shows that JSON was not enforced, or an empty text, as for one that was cut."""
    if not isinstance(answer, Taken) or answer.reply.end.finish_reason == "length":
        return ""
    text = (answer.reply.message.content or "").strip()
    try:
        found: JsonValue = json.loads(text) if text else {}
    except ValueError:
        found = None
    return "" if isinstance(found, dict) else "it is ignored: the answer is not JSON"


def _calls(answer: Answer) -> bool:
    return isinstance(answer, Taken) and bool(answer.reply.message.tool_calls)
