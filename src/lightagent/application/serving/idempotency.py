"""Requests that a client repeats with the same `Idempotency-Key`: recognize them, and repeat the response."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lightagent.application.serving.callers import Caller
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject

MOST_ANSWERS: Final = 1000
"""The maximum number of responses that are kept; the oldest are dropped."""

MOST_BYTES: Final = 1_000_000
"""The maximum size of one kept response, in bytes."""

MOST_BYTES_IN_ALL: Final = 64_000_000

KEPT_SECONDS: Final = 86_400.0
"""How long a response is kept."""

_MOST_KEY: Final = 255

_GOES_ON_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class RequestName:
    """Identifies a request that may be repeated.

    Attributes:
        key: the client's key, combined with the caller and the path.
        body: the digest of the body: a request with the same key and another body is refused.
    """

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The response to a request.

    Attributes:
        refused: the refusal that replaces a response that cannot be repeated.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    refused: RequestRefused | None = None


@dataclass(slots=True)
class _Place:
    body: str
    at: float
    answer: StoredAnswer | None = None


def request_name(key: str, caller: Caller, path: str, body: JsonObject) -> RequestName:
    """Return the name of a request with this key.

    Raises:
        RequestRefused: the key is too long.
    """
    if len(key) > _MOST_KEY:
        raise RequestRefused(400, f"Idempotency-Key: must have at most {_MOST_KEY} characters.", "Send a UUID.")
    whose = encode_json([caller.key_id, caller.tenant, caller.user, path, key])
    return RequestName(_digest(whose), _digest(encode_json(_sorted(body))))


def _sorted(body: JsonObject) -> JsonObject:
    """Return the body with its fields sorted, since some clients rebuild it; order within the fields matters."""
    return {name: body[name] for name in sorted(body)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class RepeatedRequests:
    """The responses of one process to requests that may be repeated.

    Args:
        clock: returns the seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._size = 0

    def find(self, name: RequestName) -> StoredAnswer | None:
        """Return the response to repeat; None for a new request, which is marked as in progress.

        Raises:
            RequestRefused: the request is in progress, has another body than the first one, or cannot be repeated.
        """
        self._forget_old()
        place = self._places.get(name.key)
        if place is None:
            self._places[name.key] = _Place(name.body, self._clock())
            return None
        check_same(name, place.body)
        if place.answer is None:
            raise RequestRefused(
                409, "The request is still being answered.", "Retry in a moment.", retry_after=_GOES_ON_SECONDS
            )
        if place.answer.refused is not None:
            raise place.answer.refused
        return place.answer

    def keep(self, name: RequestName, answer: StoredAnswer) -> None:
        """Keep the response to a request."""
        place = self._places.get(name.key)
        if place is None or place.answer is not None:
            return
        if len(answer.body) > MOST_BYTES:
            answer = StoredAnswer(refused=not_again("The answer was too large to be kept."))
        place.answer = answer
        self._size += len(answer.body)

    def forget(self, name: RequestName) -> None:
        """Forget a request without a response, so that a repetition is processed anew."""
        place = self._places.get(name.key)
        if place is not None and place.answer is None:
            del self._places[name.key]

    def _forget_old(self) -> None:
        now = self._clock()
        for key, place in [*self._places.items()]:
            is_old = now - place.at > KEPT_SECONDS
            if not is_old and len(self._places) < MOST_ANSWERS and self._size <= MOST_BYTES_IN_ALL:
                break
            if place.answer is not None:
                self._size -= len(place.answer.body)
                del self._places[key]


def check_same(name: RequestName, body: str) -> None:
    """Raise unless the request has the same body as the first one with its key.

    Args:
        body: the digest of the first body.

    Raises:
        RequestRefused: the bodies differ.
    """
    if name.body != body:
        raise RequestRefused(
            422, "Idempotency-Key: the key was used for a different request.", "Use a new key for each request."
        )


def not_again(why: str) -> RequestRefused:
    """Return the refusal of a repetition that would do the work twice."""
    return RequestRefused(409, why, "Check what it has done, then send it with another Idempotency-Key.")
