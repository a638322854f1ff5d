"""Reads the error out of an answer: OpenAI's form, ``{"error": {"message", "type", "code"}}``, and what others send.

Among these are an error that is a text (xAI, Ollama), ``detail`` (FastAPI), ``code`` and ``msg``, ``errors``
(Cloudflare), ``base_resp`` (MiniMax), a list around it all (Google), and the answer of a provider behind a gateway
(OpenRouter).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

LARGEST = 64 * 1024
"""How many characters of a text are kept until credentials are masked and the text is cut."""

_MESSAGES = (
    "message",
    "detail",
    "msg",
    "error_msg",
    "errorMessage",
    "status_msg",
    "error_description",
    "title",
    "reason",
)
_CODES = ("code", "type", "status", "reason", "error_code", "errorCode", "status_code", "http_code")
_SUCCESS = frozenset({"", "0", "200", "none", "null", "ok", "success", "successful", "succeeded", "true", "成功"})
_SUCCESS_CODE = re.compile(r"20\d(?:00)?")
# Fields that may accompany the message in an answer that is only an error.
_BESIDE_MESSAGE = frozenset(
    {*_MESSAGES, "success", "request_id", "requestId", "trace_id", "timestamp", "path", "sid", "statusCode"}
)


_WAITING = re.compile(
    r"(?:still |model is |request is )?(?:processing|waiting|pending|queued|in (?:the )?queue|thinking|working"
    r"|loading(?: (?:the )?model)?|ping|pong|alive|keep[-_ ]?alive|heart[-_ ]?beat)[. ]{0,4}",
    re.IGNORECASE,
)
"""Messages that only keep a connection alive."""


@dataclass(frozen=True, slots=True)
class Report:
    """An error as an answer reports it.

    Attributes:
        message: for people.
        code, type: for programs, as the provider writes them.
        words: every word for programs, in lower case; those of MiniMax as ``base_resp:1008``.
        body: all of it.
    """

    message: str
    code: str = ""
    type: str = ""
    words: tuple[str, ...] = ()
    body: object = None

    @property
    def text(self) -> str:
        """All words and the message, from which the meaning is read."""
        return " ".join((*self.words, self.message))[:LARGEST]

    @property
    def status(self) -> int | None:
        """The HTTP status that the body names, or None."""
        return next((int(word) for word in self.words if re.fullmatch(r"[45]\d\d", word)), None)


def read_body(body: bytes) -> Report:
    """Return the report in the body of an answer with an error status."""
    text = body.decode("utf-8", "replace").strip()
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        page = text[:1] == "<"
        return Report("The provider answered with a web page." if page else text[:LARGEST])
    if isinstance(parsed, list) and parsed:  # as Google does
        parsed = parsed[0]
    return read_report(parsed) if isinstance(parsed, dict) else Report(text[:LARGEST])


def read_report(answer: Mapping[object, object]) -> Report:
    """Return the report in an answer that is known to be an error."""
    error = _error_in(answer)
    if not isinstance(error, Mapping):
        words = tuple(dict.fromkeys(_words(answer)))
        return Report(_message(error), _word(answer.get("code")), _word(answer.get("type")), words, answer)
    behind = _behind_gateway(error)
    message = _message(next((error[name] for name in _MESSAGES if error.get(name)), ""))
    if behind is not None and behind.message:
        message = f"{message.rstrip('.')}: {behind.message}" if message else behind.message
    words = tuple(dict.fromkeys((*_words(error), *_words(answer), *(behind.words if behind else ()))))
    code = next((word for name in ("code", "error_code", "status_code") if (word := _word(error.get(name)))), "")
    return Report(message, code, _word(error.get("type")), words, answer)


_TELLING = frozenset({"error", "errors", "type", "base_resp", "success", "code", "error_code", "status_code", "x_groq"})
"""An answer with choices reports an error only in one of these fields; most answers have none."""


def carries_error(answer: Mapping[object, object]) -> bool:
    """Whether an answer of status 200, or an event of a stream, reports an error, alone or beside choices."""
    if _TELLING.isdisjoint(answer) and answer.get("choices") and answer.get("object") != "error":
        return False
    if answer.get("error") or answer.get("errors") or "error" in (answer.get("object"), answer.get("type")):
        return True
    if _error_of_groq(answer):
        return True
    base = answer.get("base_resp")
    if answer.get("success") is False or (isinstance(base, Mapping) and _fails(base.get("status_code"))):
        return True
    if answer.get("choices"):
        return _fails_beside_choices(answer)
    if isinstance(base, Mapping) or not any(answer.get(name) for name in _MESSAGES):
        return False
    codes = [answer[name] for name in ("code", "error_code", "status_code", "status") if name in answer]
    if codes:
        return any(map(_fails, codes))
    return all(name in _BESIDE_MESSAGE for name in answer) and any(map(_complains, map(answer.get, _MESSAGES)))


def _fails_beside_choices(answer: Mapping[object, object]) -> bool:
    """Whether a code reports an error. `error_code` is enough; other codes also need a message of failure."""
    if _fails(answer.get("error_code")):
        return True
    codes = (_word(answer.get(name)) for name in ("code", "status_code"))
    if not any(
        code.removeprefix("-").isdigit() and _fails(code) and not _SUCCESS_CODE.fullmatch(code) for code in codes
    ):
        return False
    return any(_fails(answer.get(name)) for name in _MESSAGES)


def _complains(message: object) -> bool:
    """Whether a message reports neither success nor that the server is still working."""
    if not isinstance(message, str):
        return bool(message)
    return _fails(message) and _WAITING.fullmatch(message.strip()) is None


def _fails(code: object) -> bool:
    """Whether a code or a message is not one of success."""
    return _word(code).strip().lower() not in _SUCCESS


def _error_of_groq(answer: Mapping[object, object]) -> object:
    """Return the error in Groq's extension; such a stream then ends as if it had succeeded."""
    groq = answer.get("x_groq")
    return groq.get("error") if isinstance(groq, Mapping) else None


def _error_in(answer: Mapping[object, object]) -> object:
    if found := _error_of_groq(answer):
        return found
    for name in ("error", "base_resp", "errors"):
        found = answer.get(name)
        if found and not (name == "base_resp" and isinstance(found, Mapping) and not _fails(found.get("status_code"))):
            return found[0] if isinstance(found, list) and isinstance(found[0], Mapping) else found
    return answer


def _behind_gateway(error: Mapping[object, object]) -> Report | None:
    """Return the report of the provider behind OpenRouter, which quotes it below its own."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if isinstance(raw, Mapping):
        return read_report(raw)
    return read_body(raw.encode("utf-8", "replace")) if isinstance(raw, str) and raw else None


def _message(value: object) -> str:
    """Return a message as a text; FastAPI sends a list of problems."""
    if isinstance(value, list) and all(isinstance(item, str | Mapping) for item in value):
        return "; ".join(filter(None, map(_message, value)))[:LARGEST]
    if isinstance(value, Mapping):
        text = next((str(value[name]) for name in _MESSAGES if value.get(name)), str(dict(value)))[:LARGEST]
        where = value.get("loc")
        return f"{'.'.join(map(str, where))}: {text}" if isinstance(where, list) else text
    return str(value)[:LARGEST]


def _words(error: Mapping[object, object]) -> Iterator[str]:
    """Yield the codes of the error, and of the inner errors and details of Azure and Google."""
    prefix = "base_resp:" if "status_msg" in error else ""
    for name in _CODES:
        if word := _word(error.get(name)):
            yield prefix + word.lower()
    inner = error.get("innererror") or error.get("inner_error")
    if isinstance(inner, Mapping):
        yield from _words(inner)
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and (word := _word(detail.get("reason"))):
            yield word.lower()


def _word(value: object) -> str:
    return str(value)[:100] if isinstance(value, str | int) and not isinstance(value, bool) else ""
