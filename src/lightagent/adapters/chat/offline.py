"""A stand-in for a model that needs no key and no network: rules that choose tools and quote their results.

It is not a language model, and every answer says so. It cuts the question into clauses, chooses for each clause the
tool that shares most words with it, takes the arguments from what the clause says (quotations, paths, numbers, names),
calls every tool once and quotes what came back. The same conversation always gets the same answer.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from lightagent.adapters.chat._message_deltas import count_usage, message_deltas
from lightagent.adapters.chat._smallest_instance import (
    as_list,
    as_object,
    as_text,
    plain_schema,
    required_properties,
    smallest_instance,
    type_of,
)
from lightagent.adapters.registry import Adapter
from lightagent.domain.conversation.deltas import Delta, ReplyEnd
from lightagent.domain.conversation.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.models import ChatModel, ChatRequest

REMARK = "(offline stand-in: rules, no language model)"
"""Closes every answer, so that it is not taken for a model's."""
_HOW = "For a real model set OPENAI_API_KEY (and OPENAI_BASE_URL for another provider), or name one in lightagent.toml."


class OfflineModel(ChatModel):
    """Answers by rules. Its usage counts words instead of tokens, as an estimate."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return "offline"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        message = reply_to(request)
        usage = count_usage(request, message)
        end = ReplyEnd("tool_calls" if message.tool_calls else "stop", usage, self.name)
        for delta in message_deltas(message, end, in_words=request.stream):
            yield delta
            await asyncio.sleep(0)  # Lets a consumer show each word as it comes.

    async def aclose(self) -> None:
        """There is nothing to close."""


class OfflineOptions(BaseModel):
    """The kind `offline` has no options."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


ADAPTER = Adapter(OfflineOptions, lambda options: OfflineModel())


# --- the conversation ---


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that has a result; `step` is the clause that it was made for, -1 where another model made it."""

    tool: str
    arguments: JsonObject
    result: str
    step: int


@dataclass(frozen=True, slots=True)
class _Conversation:
    """The last question, the calls made for it, and the results of all calls so far, the latest first."""

    question: str
    turn: int
    calls: tuple[_Call, ...]
    results: tuple[str, ...]


def reply_to(request: ChatRequest) -> AssistantMessage:
    """What the rules answer: calls of tools, an instance of the output schema, or a text."""
    conversation = _read(request.messages)
    calls, gaps = _next_calls(conversation, request.tools)
    if calls:
        return AssistantMessage(None, tuple(calls))
    if request.output_schema is not None:
        made = smallest_instance(request.output_schema, lambda name, schema: _known(name, schema, conversation))
        return AssistantMessage(json.dumps(made, ensure_ascii=False))
    return AssistantMessage(_answer(conversation, gaps, request.tools))


def _read(messages: tuple[Message, ...]) -> _Conversation:
    question, turn = "", 0
    asked: dict[str, ToolCall] = {}
    calls: list[_Call] = []
    results: list[str] = []
    for message in messages:
        match message:
            case UserMessage():
                question, turn, calls = readable(message.text), turn + 1, []
            case AssistantMessage():
                asked.update((call.id, call) for call in message.tool_calls)
            case ToolMessage() if message.tool_call_id in asked:
                call = asked[message.tool_call_id]
                # The id tells which clause a call was made for, so that another process recognises it too.
                own = re.fullmatch(rf"call_{turn}_(\d+)", call.id)
                arguments = as_object(_parsed(call.arguments))
                calls.append(_Call(call.name, arguments, message.content, int(own[1]) if own else -1))
                results += [] if message.content.startswith(_FAILED) else [readable(message.content)]
            case _:
                pass
    return _Conversation(question, turn, tuple(calls), tuple(reversed(results)))


def _next_calls(conversation: _Conversation, tools: tuple[ToolSpec, ...]) -> tuple[list[ToolCall], list[str]]:
    """The calls that can be made now, and a sentence for each clause that no call can serve."""
    calls: list[ToolCall] = []
    gaps: list[str] = []
    answered = {call.step for call in conversation.calls}
    made = [(call.tool, call.arguments) for call in conversation.calls]
    for number, clause in enumerate(_clauses(conversation.question, tools)[:12]):
        tool = _chosen(clause, tools)
        if number in answered or (tool is None and _first_word(clause) not in _DEEDS):
            continue
        if tool is None:
            gaps += [f"I can't do that: no tool serves “{_cut(clause, 200)}”."] if tools else []
        if tool is None or (calls and _needs_results(clause)):
            continue
        arguments, missing = _arguments(tool, clause, conversation)
        if missing:
            gaps.append(f"`{tool.name}` fits “{_cut(clause, 200)}”, but I found nothing for {' and '.join(missing)}.")
        elif (tool.name, arguments) not in made:
            made.append((tool.name, arguments))
            call_id = f"call_{conversation.turn}_{number}"
            calls.append(ToolCall(call_id, tool.name, json.dumps(arguments, ensure_ascii=False)))
    return calls, gaps


def _answer(conversation: _Conversation, gaps: list[str], tools: tuple[ToolSpec, ...]) -> str:
    calls = sorted(conversation.calls, key=lambda call: call.step)
    parts = [_quoted_result(call, conversation.question) for call in calls] + gaps
    if parts:
        return "\n".join([*(f"- {part}" for part in parts), REMARK] if parts[1:] else [*parts, REMARK])
    asked = _cut(" ".join(conversation.question.split()), 200)
    if tools:
        offered = ", ".join(f"`{tool.name}`" for tool in tools)
        return f"I can't do that: no tool fits “{asked}”; I was offered {offered}. {_HOW}\n{REMARK}"
    said = f" You asked: “{asked}”" if asked else ""
    who = "I am lightagent's offline stand-in: rules that choose tools, no language model, so I cannot answer myself."
    return f"{who}{said}\n{_HOW}"


# --- what a tool brought ---


def _quoted_result(call: _Call, question: str) -> str:
    """The value, the first entries of a list, or the lines that share most words with the question."""
    arguments = (value if isinstance(value, str) else json.dumps(value) for value in call.arguments.values())
    head = f"`{call.tool}({', '.join(_cut(text, 60) for text in arguments)})`"
    result = call.result.strip()
    if result.startswith(_FAILED):
        return f"{head} failed: {result.partition(']')[2].strip() or result}"
    if result in ("", "[]", "{}", "null"):
        return f"{head} found nothing."
    if entries := as_list(_parsed(result)):
        shown = [_cut(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False), 80) for one in entries[:8]]
        more = f" … and {len(entries) - 8} more" if len(entries) > 8 else ""
        return f"{head} found {len(entries)}: {', '.join(shown)}{more}"
    lines = result.splitlines()
    more = f", {len(lines)} lines:{_excerpt(lines, {*_stems(_masked(question))} - _VERBS - {*_stems(call.tool)})}"
    return f"{head}{more}" if len(lines) > 1 else f"{head}: {_cut(result, 300)}"


def _excerpt(lines: list[str], asked: set[str]) -> str:
    shared = [len(asked & {*_stems(line[:500])}) for line in lines[:5000]]
    best = sorted(range(len(shared)), key=lambda number: (-shared[number], number))
    chosen = [number for number in best if lines[number].strip()][:4]
    return "".join(f"\n  > {_cut(lines[number].rstrip(), 160)}" for number in sorted(chosen))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _parsed(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


# --- clauses, and the tool for each ---


def _clauses(question: str, tools: tuple[ToolSpec, ...]) -> list[str]:
    """The sentences of a question, cut where another order begins: at `then`, or before the verb of one."""
    verbs = _VERBS | {stem for tool in tools for stem in _stems(tool.name)[:1]}
    masked, begun = _masked(question), 0
    found: list[str] = []
    for joint in _JOINT.finditer(masked):
        rest = masked[joint.end() : joint.end() + 200]
        if joint["end"] or "then" in joint[0].lower() or _first_word(rest) in verbs:
            found.append(question[begun : joint.start()])
            begun = joint.end()
    clauses = [clause.strip(" ,;") for clause in (*found, question[begun:])]
    return [clause for clause in clauses if clause and not _NEGATION.match(clause)]


def _first_word(clause: str) -> str:
    said = _words(_POLITE.sub("", clause.strip()[:200], count=1))
    return _stem(said[0]) if said else ""


def _chosen(clause: str, tools: tuple[ToolSpec, ...]) -> ToolSpec | None:
    """The tool that shares most words with a clause, rare words counting more, or whose arguments the clause holds."""
    weights = [_weights(tool.name, tool.description, " ".join(required_properties(tool.parameters))) for tool in tools]
    held = Counter(stem for weighed in weights for stem in weighed)
    said, first = {*_stems(_masked(clause))}, _first_word(clause)
    scores = [0.0]
    for tool, weighed in zip(tools, weights, strict=True):
        words = sum(weighed[stem] / held[stem] ** 0.5 for stem in said & weighed.keys())
        fitting, lacking = _looks_of(tool, clause)
        # A tool that changes the world is called for its own deed only, and no tool serves another deed.
        deeds = {*_stems(tool.name)} & _DEEDS
        barred = (deeds and not deeds & said) or (first in _DEEDS and first not in weighed)
        scores.append(0.0 if barred or (words < 0.5 and not fitting) else words + fitting - 0.3 * lacking)
    best = max(range(len(scores)), key=scores.__getitem__)
    return tools[best - 1] if scores[best] > 0 else None


@cache
def _weights(name: str, description: str, parameters: str) -> dict[str, float]:
    weighed = dict.fromkeys(_stems(parameters), 0.3) | dict.fromkeys(_stems(description), 0.6)
    return weighed | dict.fromkeys(_stems(name), 1.0)


def _looks_of(tool: ToolSpec, clause: str) -> tuple[int, int]:
    """How many required arguments are known by their looks and stand in the clause, and how many do not."""
    required = required_properties(tool.parameters).items()
    finders = filter(None, (_looks(name, plain_schema(schema, tool.parameters)) for name, schema in required))
    found = [bool(find(clause)) for find in finders]
    return sum(found), len(found) - sum(found)


# --- arguments ---


def _arguments(tool: ToolSpec, clause: str, conversation: _Conversation) -> tuple[JsonObject, list[str]]:
    """The arguments that a clause gives, and the names of required ones that neither it nor a result holds."""
    arguments: JsonObject = {}
    missing: list[str] = []
    required = required_properties(tool.parameters)
    for name, schema in (required | as_object(tool.parameters.get("properties"))).items():
        wanted = plain_schema(schema, tool.parameters)
        # An argument that can be left out is given only where the clause holds what looks like nothing else.
        looks = _looks(name, wanted)
        found = _required(name, wanted, clause, conversation) if name in required else [*looks(clause)] if looks else []
        fresh = [value for value in found if "enum" in wanted or value not in arguments.values()]
        if fresh:
            arguments[name] = fresh[0]
        elif name in required:
            missing.append(f"`{name}`")
    return arguments, missing


def _required(name: str, schema: JsonObject, clause: str, conversation: _Conversation) -> list[JsonValue]:
    if _looks(name, schema) is _files:
        return [*_known_paths(clause, conversation)]
    found = [*_values(name, schema, clause), *_referred(schema, clause, conversation)]
    return found or _values(name, schema, conversation.question)


def _values(name: str, schema: JsonObject, text: str) -> list[JsonValue]:
    """What `text` offers for an argument, or for a property of an answer, the likeliest first."""
    kind = type_of(schema)
    if "enum" in schema:
        options = as_list(schema["enum"])
        return [one for one in options if re.search(rf"\b{re.escape(str(one))}\b", text, re.IGNORECASE)]
    if kind in ("integer", "number"):
        return _numbers(kind, text)
    if kind == "array":
        several = _values(name, plain_schema(schema.get("items"), schema), text)
        return [several] if several else []
    find = _looks(name, schema) or (_names if {*_words(name)} & _NAMED else _phrases)
    return [*find(text)] if kind == "string" else []


def _numbers(kind: str, text: str) -> list[JsonValue]:
    found = [json.loads(number.replace(",", "")[:30]) for number in _NUMBER.findall(_masked(text))]
    return [number for number in found if kind == "number" or isinstance(number, int)]


def _referred(schema: JsonObject, clause: str, conversation: _Conversation) -> list[JsonValue]:
    """What `it`, `them` or `the result` stands for: the latest result, or the numbers in it."""
    if not conversation.results or not {*_words(clause)} & _REFERENCES:
        return []
    latest, kind = conversation.results[0], type_of(schema)
    return _numbers(kind, latest) if kind in ("integer", "number") else [latest] if kind == "string" else []


def _needs_results(clause: str) -> bool:
    return bool({*_words(clause)} & _REFERENCES) or any("/" not in path for path in _files(clause))


def _known_paths(clause: str, conversation: _Conversation) -> list[str]:
    """The files of a clause: as a result lists them, in the folder that the question names, or as they stand there."""
    listed = [path for result in conversation.results for path in _files(result)]
    folders = [folder.rstrip("/") for folder in _folders(conversation.question)]
    named = _files(clause)
    if not named:
        return listed if {*_words(clause)} & _REFERENCES else []
    found: list[str] = []
    for name in named:
        found += [path for path in listed if path == name or path.endswith(f"/{name}")]
        found += [f"{folder}/{name}" for folder in folders if "/" not in name]
        found.append(name)
    return found


def _known(name: str, schema: JsonObject, conversation: _Conversation) -> Iterable[JsonValue]:
    """What results and the question say for a property of an answer."""
    if name or "enum" in schema:
        results = [as_object(_parsed(text)) for text in conversation.results]
        yield from (result[name] for result in results if name in result)
        for text in (conversation.question, *conversation.results):
            yield from _values(name, schema, text)


# --- values as they stand in a text ---


def _files(text: str) -> list[str]:
    return _FILE.findall(_masked(text, _URL, _EMAIL))


def _folders(text: str) -> list[str]:
    return _FOLDER.findall(_masked(text, _URL, _EMAIL, _GLOB, _FILE))


def _patterns(text: str) -> list[str]:
    """Globs; `*.py` for Python files and files that end in `.py`; names of files that are to be found."""
    kinds = [_EXTENSIONS.get((word or dotted).lower()) for word, dotted in _KIND.findall(text)]
    return (
        _GLOB.findall(text)
        or [f"*.{kind}" for kind in kinds if kind]
        or (_files(text) if "find" in _words(text) else [])
    )


def _expressions(text: str) -> list[str]:
    """Arithmetic: `12 * (3 + 4)`."""
    runs = [run.strip(" .") for run in _ARITHMETIC.findall(_masked(text, *_WHOLE))]
    return [run for run in runs if re.search(r"\d\s*\)*\s*[+\-*/%]", run) and _is_arithmetic(run)]


def _is_arithmetic(run: str) -> bool:
    try:
        return isinstance(ast.parse(run, mode="eval").body, ast.BinOp)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False


def _names(text: str) -> list[str]:
    """Capitalised names, unless the first word of the text is a verb; without any, words that follow a preposition."""
    masked = _masked(text)
    named = (match for match in _CAPITALISED.finditer(masked) if match.start() or _first_word(match[0]) not in _VERBS)
    found = [match[0] for match in named if match[0].lower() not in _STOP]
    return found or [word for word in _PLACE.findall(masked) if word not in _STOP]


def _phrases(text: str) -> list[str]:
    """Quotations, else what follows `about` or `for`, else all but the first word."""
    plain = text.strip().rstrip(".?!")
    about = _ABOUT.search(plain)
    rest = about[1] if about else plain.partition(" ")[2]
    return [next(filter(None, match.groups())) for match in _QUOTED.finditer(text)] or [*filter(None, [rest])]


def _masked(text: str, *patterns: re.Pattern[str]) -> str:
    """`text` with ¤ for what is not a word: quotations, addresses, paths, identifiers."""
    for pattern in patterns or (_QUOTED, *_WHOLE):
        text = pattern.sub(lambda match: "¤" * len(match[0]), text)
    return text


def _looks(name: str, schema: JsonObject) -> Callable[[str], list[str]] | None:
    """Finds the values of an argument whose name, or else description, tells what they look like."""
    if type_of(schema) != "string" or "enum" in schema:
        return None
    if name == "to":
        return _EMAIL.findall
    named, about = {*_words(name)}, {*_words(as_text(schema.get("description")))}
    return next((find for said in (named, about) for words, find in _LOOKS if words & said), None)


# --- words ---


def readable(text: str) -> str:
    """The first 4,000 characters of `text`, with very long tokens and blanks shortened.

    The rules are meant for what people write; the patterns that look for values are slow on anything else.
    """
    return _LONG_BLANK.sub(r"\1", _LONG_TOKEN.sub(r"\1", text[:4000]))


def _words(text: str) -> list[str]:
    """The words of `text` in lower case; `getWeather` and `get_weather` are two."""
    return [word.lower() for word in _WORD.findall(text)]


@cache
def _stem(word: str) -> str:
    """A word without its ending: the same for `calculate`, `calculator` and `calculation`."""
    suffix = next((one for one in _SUFFIXES if word.endswith(one) and len(word) - len(one) >= 3), "")
    word = word.removesuffix(suffix)
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _stems(text: str) -> list[str]:
    return [_stem(word) for word in _words(text) if word not in _STOP]


def _set(text: str, form: Callable[[str], str] = str) -> frozenset[str]:
    return frozenset(map(form, text.split()))


_FAILED = "[LA-"
_JOINT = re.compile(
    r"(?P<end>(?<=[.!?;])\s+|\n+)|,?\s+(?:and\s+)?then\s+|\s*,\s*(?:and\s+|but\s+)?|\s+and\s+|\s+but\s+", re.IGNORECASE
)
_POLITE = re.compile(r"(?:(?:please|then|also|finally|now|first|can you|could you)\s+)+", re.IGNORECASE)
_NEGATION = re.compile(r"(?:please\s+)?\b(?:do not|don't|don\u2019t|never|without|not)\b", re.IGNORECASE)
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)")
_URL = re.compile(r"https?://[^\s\"'<>)]*[^\s\"'<>).,;:!?]")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_GLOB = re.compile(r"(?=[^\s,;]*\*)(?=[^\s,;]*[A-Za-z/])[\w./*?\[\]{}-]*[\w*\]}]")
_FILE = re.compile(
    r"(?<![\w@/.*-])(?:\.{0,2}/)?(?:[\w.-]+/)*(?:[\w-]+\.[A-Za-z]\w{0,7}|Makefile|LICENSE|README)(?![\w/*])"
)
_FOLDER = re.compile(r"(?<![\w@/.*:-])(?:\.{0,2}/(?:[\w.-]+/?)*|(?=[\w./-]*[A-Za-z])[\w.-]+/(?:[\w.-]+/?)*)(?<![.,])")
_ID = re.compile(r"\b[A-Za-z]{1,6}[-_]\d[\w-]*\b|\b[A-Z]{1,6}\d{2,}\w*\b|(?<=#)\d+\b")
_WHOLE = (_URL, _EMAIL, _DATE, _GLOB, _FILE, _FOLDER, _ID)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_ARITHMETIC = re.compile(r"[\d.+\-*/%() ]+")
_CAPITALISED = re.compile(r"[A-ZÀ-ÖØ-Þ][\w'-]*(?:\s+[A-ZÀ-ÖØ-Þ][\w'-]*)*")
_PLACE = re.compile(r"\b(?:in|for|at|to|into|from|of)\s+(?:the\s+)?([a-z][\w-]*)")
_ABOUT = re.compile(r"\b(?:about|for|regarding|saying|says)\s+(.+)$", re.IGNORECASE)
_KIND = re.compile(r"\b([A-Za-z]+)\s+(?:files?|modules?|scripts?)\b|(?<!\w)\.([a-z]+)\b", re.IGNORECASE)
_EXTENSIONS = {"python": "py", "markdown": "md", "text": "txt", "toml": "toml", "json": "json", "py": "py", "md": "md"}
_LOOKS: tuple[tuple[frozenset[str], Callable[[str], list[str]]], ...] = (
    (_set("expression formula equation"), _expressions),
    (_set("email mail recipient cc"), _EMAIL.findall),
    (_set("url uri link website"), _URL.findall),
    (_set("glob pattern wildcard"), _patterns),
    (_set("path file filename document"), _files),
    (_set("directory folder dir"), _folders),
    (_set("date day"), _DATE.findall),
    (_set("id identifier ticket sku"), _ID.findall),
)
_NAMED = _set("city place location country room language currency person name user author")
_REFERENCES = _set("it them that this result results answer each")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_LONG_TOKEN = re.compile(r"(\S{200})\S+")
_LONG_BLANK = re.compile(r"(\s{20})\s+")
_SUFFIXES = ("ations", "ation", "ions", "ion", "ings", "ing", "ors", "or", "ed", "es", "s", "e")
_STOP = _set(
    "a an and are as at be by can could do does for from get give has have hello how i in into is it its just let like "
    "make me my of on or our out please run so tell that the their them then there these they this those to up us use "
    "using want was we what when which who whose why will with would you your call tool function given return"
)
_DEEDS = _set(
    "send delete remove write create update drop execute pay buy cancel move rename post book transfer kill refund "
    "insert overwrite publish deploy reset erase purge grant revoke", _stem
)  # fmt: skip
_VERBS = _DEEDS | _set(
    "what how who where when which show give find search look list read open print compute calculate evaluate add "
    "subtract multiply divide mail email say summarise summarize explain describe check fetch count convert translate "
    "remember compare sort track order make set turn start stop report answer ask notify tell", _stem
)  # fmt: skip
