"""What may be remembered and recalled: the settings of a policy, which is a value."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, TypeGuard, get_args

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.memories import MemoryCandidate
from lightagent.domain.memory.records import MemoryOwner

WriteAdmission: TypeAlias = Callable[[str, JsonObject], object]
"""Looks at a text and a context, and says whether it is written; may be async. Read by `read_admission`."""

PromotionAdmission: TypeAlias = Callable[[MemoryCandidate, JsonObject], object]
"""Looks at a candidate and a context, and says what becomes of it; may be async. Read by `read_promotion`."""

Supersession: TypeAlias = Callable[[str, Sequence[JsonObject], JsonObject], object]
"""Looks at a text that is about to be written, the memories nearest to it and a context, and names those whose place
the new one takes; may be async. Read by `read_supersession`."""

WhenUnavailable: TypeAlias = Literal["degrade", "fail"]
"""What follows where a store of memories fails."""

_NAMES: Final = ("allowed_sources", "allowed_scopes", "allowed_agent_names", "allowed_trust_levels")


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """What may be remembered and recalled.

    A filter that is set keeps out records that lack its field.

    Attributes:
        namespace: stands before every user id, so that tenants who share a store never meet.
        allow_unattributed_results: recall records that do not say whose they are.
        allowed_sources: the sources that may be recalled; None: all.
        allowed_scopes: the scopes that may be recalled; None: all.
        allowed_agent_names: the agents whose records may be recalled; None: all. An agent that another one calls writes
            nothing itself unless it is named here.
        allowed_trust_levels: the trust levels that may be recalled; None: all.
        required_metadata: values that keys of a record's own metadata must have; None: none.
        min_confidence: records below it are not recalled.
        enforce_expires_at: recall only what says until when it holds. What has expired is never recalled.
        memory_write_admission: decides about each write: True and None allow it, False and a text forbid it, a
            `MemoryAdmissionDecision` or an object with its keys says more, any other value is written instead.
        memory_supersession: names the memories whose place a new one takes, by their ids: it is asked with the text,
            the memories of the same owner that are nearest to it, and a context. Those stay, and are recalled no more.
        max_writes_per_run: how many memories one run may write.
        reject_duplicate_writes: a run does not write the same twice.
        min_write_length: characters below which a text is not written.
        reject_write_patterns: regular expressions; a text in which one is found is not written, whatever its case.
        memory_promotion_admission: decides about each candidate; without it, candidates stay what they are.
        require_promotion_for_internal_memory: what agents make of their own work is a candidate until it is promoted.
        require_write_admission: nothing is written that `memory_write_admission` did not expressly allow.
        when_unavailable: what happens if the store of memories fails or is too slow: with ``degrade`` the run
            continues without it, which is recorded; ``fail`` ends the run.
        when_degraded: what happens if half of a hybrid search fails, such as its embedder: ``degrade`` uses the
            results of the other half, which is recorded; ``fail`` treats it like `when_unavailable`.
        recall_timeout: seconds that the store may take to search.
        write_timeout: seconds that it may take to write or to remove; what is not written in time is lost.
        write_patterns: the compiled `reject_write_patterns`.

    Raises:
        ConfigurationError: a value has the wrong type, is negative, or is not a valid regular expression.
    """

    namespace: str | None = None
    allow_unattributed_results: bool = True
    allowed_sources: Iterable[str] | None = None
    allowed_scopes: Iterable[str] | None = None
    allowed_agent_names: Iterable[str] | None = None
    allowed_trust_levels: Iterable[str] | None = None
    required_metadata: Mapping[str, JsonValue] | None = None
    min_confidence: float | None = None
    enforce_expires_at: bool = False
    memory_write_admission: WriteAdmission | None = None
    memory_supersession: Supersession | None = None
    max_writes_per_run: int | None = None
    reject_duplicate_writes: bool = False
    min_write_length: int | None = None
    reject_write_patterns: Iterable[str] | None = None
    memory_promotion_admission: PromotionAdmission | None = None
    require_promotion_for_internal_memory: bool = True
    require_write_admission: bool = False
    when_unavailable: WhenUnavailable = "degrade"
    when_degraded: WhenUnavailable = "degrade"
    recall_timeout: float = 5.0
    write_timeout: float = 30.0
    write_patterns: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in (*_NAMES, "reject_write_patterns"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        for name in ("max_writes_per_run", "min_write_length"):
            _check_count(name, getattr(self, name))
        for name in ("memory_write_admission", "memory_supersession", "memory_promotion_admission"):
            if (function := getattr(self, name)) is not None and not callable(function):
                raise _wrong(name, "a function", function)
        confidence: object = self.min_confidence
        if confidence is not None and not is_number(confidence):
            raise _wrong("min_confidence", "a finite number", confidence)
        if self.required_metadata is not None:
            required = to_json_object(self.required_metadata, "MemoryPolicy: required_metadata")
            object.__setattr__(self, "required_metadata", required)
        _check_failures(self)
        namespace: object = self.namespace
        if namespace is not None and not isinstance(namespace, str):
            raise _wrong("namespace", "a text", namespace)
        object.__setattr__(self, "write_patterns", tuple(map(_pattern, self.reject_write_patterns or ())))

    def scoped_user_id(self, user_id: str) -> str:
        """The user as stores know them: ``namespace:user``.

        The separator is escaped within either part, so that no two pairs of namespace and user give the same text.
        """
        return MemoryOwner(self.namespace or "", user=str(user_id)).user_id


def _check_failures(policy: MemoryPolicy) -> None:
    """What is said of a store that fails or takes too long."""
    for name in ("recall_timeout", "write_timeout"):
        seconds: object = getattr(policy, name)
        if not is_number(seconds) or seconds <= 0:
            raise _wrong(name, "a number of seconds above 0", seconds)
    for name in ("when_unavailable", "when_degraded"):
        if (said := getattr(policy, name)) not in get_args(WhenUnavailable):
            raise _wrong(name, "degrade or fail", said)


def is_number(value: object) -> TypeGuard[float]:
    """Whether this is a finite number; True and False are none, nor is one that is too large for a float."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _texts(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    # A single text is an iterable of its characters, which is never meant.
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise _wrong(name, "several texts", value)
    texts = tuple(value)
    for text in texts:
        if not isinstance(text, str):
            raise _wrong(name, "texts", text)
    return texts


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise ConfigurationError(
            f"MemoryPolicy: reject_write_patterns: {text!r:.200} is not a regular expression: {error}.",
            guidance="Escape characters that have a meaning of their own, with re.escape.",
        ) from None


def _check_count(name: str, value: object) -> None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise _wrong(name, "a whole number from 0 on", value)


def _wrong(name: str, wanted: str, value: object) -> ConfigurationError:
    return ConfigurationError(
        f"MemoryPolicy: {name} takes {wanted}, not {value!r:.80}.", guidance="See docs/memory-security.md."
    )
