"""The verdict of a verification, in all its accepted forms."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Judgement: TypeAlias = Literal["accept", "reject", "unknown"]


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """The verdict on a step's result.

    Attributes:
        verdict: accept, reject (the step is tried again while attempts are left), or unknown: it cannot be decided.
        reason: why; the next attempt gets it.
    """

    verdict: Judgement
    reason: str = ""

    @classmethod
    def accept(cls) -> StepVerdict:
        """Accept the result."""
        return cls("accept")

    @classmethod
    def reject(cls, reason: str) -> StepVerdict:
        """Reject the result."""
        return cls("reject", reason)

    @classmethod
    def unknown(cls, reason: str = "") -> StepVerdict:
        """The verification could not decide."""
        return cls("unknown", reason)


_NAMED: Final[Mapping[str, Judgement]] = {"accept": "accept", "reject": "reject", "unknown": "unknown"}
_FIRST_WORD: Final = re.compile(r"\s*[*`\"']{0,3}(accept|reject|unknown)\b", re.IGNORECASE)


def read_verdict(said: object) -> StepVerdict:
    """The answer of a callable: a `StepVerdict`, True, False, None (undecided), a text (rejects), or an object.

    Anything else counts as unknown.
    """
    if isinstance(said, StepVerdict):
        return said
    if said is None:
        return StepVerdict.unknown("The verification said nothing.")
    if isinstance(said, bool):
        return StepVerdict.accept() if said else StepVerdict.reject("It was not accepted.")
    if isinstance(said, str):
        return StepVerdict.reject(said)
    if isinstance(said, Mapping):
        return _of_object(said)
    return StepVerdict.unknown(f"The verification gave a {type(said).__name__}, which is not a verdict.")


def read_answer(answer: object) -> StepVerdict:
    """The answer of an agent: an object, as JSON or as it is, or a text that begins with the verdict."""
    if isinstance(answer, Mapping):
        return _of_object(answer)
    if not isinstance(answer, str):
        return read_verdict(answer)
    begin, end = answer.find("{"), answer.rfind("}")
    if 0 <= begin < end:
        try:
            found: object = json.loads(answer[begin : end + 1])
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and "verdict" in found:
            return _of_object(found)
    word = _FIRST_WORD.match(answer)
    if word is None:
        return StepVerdict.unknown(f"The verification gave no verdict: {answer[:200]}")
    return StepVerdict(_NAMED[word[1].lower()], answer[word.end() :].strip(" \t\r\n*`\"':.,-"))


def _of_object(said: Mapping[object, object]) -> StepVerdict:
    verdict, reason = said.get("verdict"), said.get("reason")
    named = _NAMED.get(verdict.lower()) if isinstance(verdict, str) else None
    if named is None:
        return StepVerdict.unknown("The verification gave an object without a verdict.")
    return StepVerdict(named, reason if isinstance(reason, str) else "")
