"""How long a provider asks to wait: in a header, in a field of the error, or in its text."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

_SECONDS = {"n": 1e-9, "u": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNIT = r"(?:ns|[uµμ]s|ms|milliseconds?|msecs?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ours?|rs?)?|d(?:ays?)?)"
_AMOUNT = r"\d{1,12}(?:\.\d{1,12})?"
_PART = re.compile(rf"(?i)({_AMOUNT})[ \t]?({_UNIT})(?=$|[\s,.;:)\d])")
_DURATION = rf"{_AMOUNT}[ \t]?{_UNIT}(?:(?:, ?| and | )?{_AMOUNT}[ \t]?{_UNIT})*(?![a-z])"
_NUMBER = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_WORDS = re.compile(rf"(?i)\b(?:try again|retry(?:ing)?|wait|resets?)\b[^.\d]{{0,20}}?({_DURATION})")
_FIELD = re.compile(r"(?:retryafter|retrydelay|retryin|quotaresetdelay|waittime|wait)(seconds|secs|s|ms|milliseconds)?")
_RESET = re.compile(r"(?:x-)?ratelimit-reset(?:-after)?(.*)|anthropic-ratelimit(-.+)-reset")
_DEEPEST = 5
_LONGEST_TEXT = 2000


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the headers ask to wait, or None if they do not say or are invalid.

    `Retry-After` takes precedence over the reset of a rate limit, which counts only for exhausted limits.
    """
    asked = _requested_pause(headers)
    return _reset(headers) if asked is None else asked


def pause(headers: Mapping[str, str], body: object, message: str) -> float | None:
    """Return the seconds that an error asks to wait, by `Retry-After`, its body, or a rate limit."""
    for seconds in (_requested_pause(headers), _in_body(body), in_words(message)):
        if seconds is not None:
            return seconds
    return _reset(headers)


def in_words(message: str) -> float | None:
    """Return the seconds in a text such as "Please try again in 1m6s"."""
    found = _WORDS.search(message[:_LONGEST_TEXT])
    return duration(found[1]) if found else None


def duration(text: str) -> float | None:
    """Return the seconds of ``7``, ``7.5s``, ``1m6s``, ``20 ms`` or ``2 minutes``."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        return seconds if math.isfinite(seconds) else None
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        if text[end : part.start()].strip(", ").removesuffix("and").strip():
            return None
        total += float(part[1]) * _factor(part[2].lower())
        end = part.end()
    return total if end == len(text) and end else None


def _factor(unit: str) -> float:
    if unit.startswith(("ms", "milli")):
        return _SECONDS["ms"]
    return _SECONDS.get(unit[0], _SECONDS["u"])


def _requested_pause(headers: Mapping[str, str]) -> float | None:
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        value = headers.get(name, "").strip()
        if (amount := duration(value)) is not None:
            return amount / 1000 if _NUMBER.fullmatch(value) else amount
    return _moment(headers.get("retry-after", ""))


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until an exhausted limit is reset; of several, the last, since all must have room."""
    used_up: list[float] = []
    unknown: list[float] = []
    others: list[float] = []
    for name, value in headers.items():
        found = _RESET.fullmatch(name.lower())
        reset = None if found is None else _moment(value)
        if found is None or reset is None:
            continue
        remaining = _remaining(headers, found[1] or found[2] or "")
        (unknown if remaining is None else others if remaining > 0 else used_up).append(reset)
    if used_up or unknown:
        return max(used_up or unknown)
    # No limit is exhausted, so the request was too large for the rest of one: try in its next window.
    return min(others, default=None)


def _remaining(headers: Mapping[str, str], limit: str) -> float | None:
    names = (f"x-ratelimit-remaining{limit}", f"ratelimit-remaining{limit}", f"anthropic-ratelimit{limit}-remaining")
    return next((left for name in names if (left := duration(headers.get(name, ""))) is not None), None)


def _moment(text: str) -> float | None:
    """Return the seconds until the time in a header: a duration, a Unix time in seconds or ms, or a date."""
    seconds = duration(text)
    if seconds is None:
        moment = _date(text.strip())
        return None if moment is None else max(0.0, moment - time.time())
    if seconds > 1e11:
        seconds /= 1000
    return max(0.0, seconds - time.time()) if seconds > 1e9 else seconds


def _date(text: str) -> float | None:
    if not text or text[0] in "-+":
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        pass
    from email.utils import parsedate_to_datetime  # Importing it takes 10 ms, and few providers send a date.

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _in_body(body: object) -> float | None:
    return next((found for name, value in _fields(body, 0) if (found := _field(name, value)) is not None), None)


def _fields(value: object, depth: int) -> Iterator[tuple[str, object]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name), inner
            yield from _fields(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value[:20]:
            yield from _fields(inner, depth + 1)


def _field(name: str, value: object) -> float | None:
    """Return the seconds of ``retry_after: 7``, of Google's ``retryDelay: "7s"``, or of headers quoted by a gateway."""
    if name == "headers" and isinstance(value, dict):
        return retry_after({str(name).lower(): str(text) for name, text in value.items()})
    found = _FIELD.fullmatch(re.sub(r"[^a-z]", "", name.lower()))
    if found is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    seconds = _moment(str(value))
    in_milliseconds = found[1] in ("ms", "milliseconds") and _NUMBER.fullmatch(str(value).strip())
    return seconds / 1000 if seconds is not None and in_milliseconds else seconds
