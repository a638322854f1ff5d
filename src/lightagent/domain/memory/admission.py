"""Whether a text may be written as a memory, and what becomes of a candidate: rules, and how answers are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.memory.filter import INTERNAL_SCOPES, INTERNAL_SOURCES
from lightagent.domain.memory.memories import (
    PROMOTION_ACTIONS,
    MemoryAdmissionDecision,
    MemoryPromotionDecision,
    MemoryScope,
)
from lightagent.domain.memory.policy import MemoryPolicy
from lightagent.domain.memory.records import MOST_SUPERSEDED, names_too_many

WriteRule: TypeAlias = Literal[
    "max_writes_per_run",
    "min_write_length",
    "reject_write_patterns",
    "reject_duplicate_writes",
    "require_write_admission",
    "memory_write_admission",
    "require_promotion_for_internal_memory",
    "allowed_agent_names",
]
"""What kept a text from being written; each has the name of its setting."""


@dataclass(frozen=True, slots=True)
class NotWritten:
    """A text that is not remembered.

    Attributes:
        rule: which rule says so.
        reason: why, in a sentence that does not quote the text.
    """

    rule: WriteRule
    reason: str


def refuses_write(policy: MemoryPolicy, text: str, fingerprint: str, written: Collection[str]) -> NotWritten | None:
    """What keeps a text from being written before anything else is asked, or None.

    Args:
        policy: what may be remembered.
        text: what would be written.
        fingerprint: of that text, from `write_fingerprint`.
        written: the fingerprints of what this run has written.
    """
    most, least = policy.max_writes_per_run, max(policy.min_write_length or 0, 1)
    if most is not None and len(written) >= most:
        return NotWritten("max_writes_per_run", f"The run has written {most} memories, which is the most it may.")
    if len(text.strip()) < least:
        return NotWritten("min_write_length", f"The text has fewer than {least} characters.")
    if any(pattern.search(text) for pattern in policy.write_patterns):
        return NotWritten("reject_write_patterns", "A pattern that must not be written was found in the text.")
    if policy.reject_duplicate_writes and fingerprint in written:
        return NotWritten("reject_duplicate_writes", "The run has written the same before.")
    if policy.require_write_admission and policy.memory_write_admission is None:
        return NotWritten("require_write_admission", "Nothing decides about writes, and each of them must be allowed.")
    return None


def write_fingerprint(text: str, memory_user_id: str, scope: MemoryScope) -> str:
    """The same for texts that differ in case and spaces alone, of one user, source, scope and agent."""
    words = " ".join(text.lower().split())
    return repr((memory_user_id, scope.source, scope.scope, scope.agent_name or "", words))


def may_write(policy: MemoryPolicy, agent_name: str, path: Collection[str]) -> bool:
    """Whether an agent may write memories: one that another agent has called only where the policy names it.

    Args:
        path: the calls that lead to its run; none where the user asked it.
    """
    return not path or agent_name in (policy.allowed_agent_names or ())


def is_internal(policy: MemoryPolicy, scope: MemoryScope) -> bool:
    """Whether what is written is a candidate, which has to be promoted."""
    if not policy.require_promotion_for_internal_memory:
        return False
    return scope.source.lower() in INTERNAL_SOURCES or scope.scope.lower() in INTERNAL_SCOPES


_REFUSED: Final = "The admission policy forbids it."


def read_admission(policy: MemoryPolicy, answer: object, text: str) -> MemoryAdmissionDecision:
    """What `memory_write_admission` meant: True and None allow, False and a text forbid, an object has the keys of
    a decision, and any other value is written instead. What says nothing clear forbids.
    """
    if answer is None and policy.require_write_admission:
        return MemoryAdmissionDecision(False, "The admission policy did not expressly allow it.")
    if answer is None or answer is True:
        return MemoryAdmissionDecision(True, value=text)
    if answer is False:
        return MemoryAdmissionDecision(False, _REFUSED)
    if isinstance(answer, str):
        return MemoryAdmissionDecision(False, answer or _REFUSED)
    if isinstance(answer, MemoryAdmissionDecision):
        return _checked(answer.allowed, answer.reason, answer.value, answer.metadata, text)
    if isinstance(answer, Mapping):
        if not answer or not answer.keys() <= {"allowed", "reason", "value", "metadata"}:
            return MemoryAdmissionDecision(False, "The admission policy answered with an object of unknown keys.")
        said = True if answer.get("value") is not None else None
        metadata = answer.get("metadata")
        return _checked(answer.get("allowed", said), answer.get("reason"), answer.get("value"), metadata or {}, text)
    return _read_value(answer, text)


def _read_value(answer: object, text: str) -> MemoryAdmissionDecision:
    """Any other value is written instead, unless it is a yes or a no of another make, such as numpy's, or empty."""
    try:
        is_no, is_yes = not answer, answer == 1
    except (TypeError, ValueError):
        return MemoryAdmissionDecision(False, "The admission policy said neither True nor False.")
    if is_no:
        return MemoryAdmissionDecision(False, _REFUSED)
    return MemoryAdmissionDecision(True, value=text if is_yes else str(answer))


def _checked(allowed: object, reason: object, value: object, added: object, text: str) -> MemoryAdmissionDecision:
    if not isinstance(allowed, bool):
        return MemoryAdmissionDecision(False, "The admission policy said neither True nor False.")
    if reason is not None and not isinstance(reason, str):
        return MemoryAdmissionDecision(False, "The admission policy gave a reason that is not text.")
    if not allowed:
        return MemoryAdmissionDecision(False, reason or _REFUSED)
    try:
        metadata = to_json_object(added, "metadata")
    except ConfigurationError:
        return MemoryAdmissionDecision(False, "The admission policy gave metadata that is not plain JSON.")
    if names_too_many(metadata):
        most = f"The admission policy named more than {MOST_SUPERSEDED} memories whose place this one takes."
        return MemoryAdmissionDecision(False, most)
    return MemoryAdmissionDecision(True, reason, text if value is None else str(value), metadata)


def read_supersession(answer: object, shown: Collection[str]) -> tuple[str, ...] | str:
    """The ids that `memory_supersession` named, or why its answer says nothing clear.

    Args:
        answer: None and False name none, a text names one, several texts name several.
        shown: the ids of the memories that it was shown; no other can be named.
    """
    if answer is None or answer is False:
        return ()
    named = (answer,) if isinstance(answer, str) else answer
    if isinstance(named, (bytes, Mapping)) or not isinstance(named, Collection):
        return "The supersession policy answered with something other than ids."
    ids = tuple(one for one in named if isinstance(one, str) and one in shown)
    return ids if len(ids) == len(named) else "The supersession policy named a memory that it was not shown."


def read_promotion(answer: object, text: str) -> MemoryPromotionDecision:
    """What `memory_promotion_admission` meant: True approves, False and a text reject, an object names an action or
    has the keys of an admission. What says nothing clear leaves the candidate as it is.
    """
    if isinstance(answer, MemoryPromotionDecision):
        return answer
    if answer is True:
        return MemoryPromotionDecision.approve(text)
    if answer is False:
        return MemoryPromotionDecision.reject("The promotion policy rejected it.")
    if isinstance(answer, str):
        return MemoryPromotionDecision.reject(answer)
    if isinstance(answer, Mapping):
        return _read_promotion(answer, text)
    return MemoryPromotionDecision.keep("The promotion policy did not approve it.")


def _read_promotion(answer: Mapping[object, object], text: str) -> MemoryPromotionDecision:
    action, reason, value = answer.get("action"), answer.get("reason"), answer.get("value")
    try:
        metadata = to_json_object(answer.get("metadata") or {}, "metadata")
    except ConfigurationError:
        return MemoryPromotionDecision.keep("The promotion policy gave metadata that is not plain JSON.")
    if not all(said is None or isinstance(said, str) for said in (reason, value)):
        return MemoryPromotionDecision.keep("The promotion policy gave a reason or a value that is not text.")
    why, new = str(reason) if reason is not None else None, str(value) if value is not None else None
    if action is None:
        allowed = answer.get("allowed", answer.get("promote", True if new is not None else None))
        if not isinstance(allowed, bool):
            return MemoryPromotionDecision.keep(why or "The promotion policy said neither True nor False.")
        action = ("approve" if new in (None, text) else "rewrite") if allowed else "reject"
    for one in PROMOTION_ACTIONS:
        if isinstance(action, str) and action.lower() == one and (one != "rewrite" or new):
            return MemoryPromotionDecision(one, why, new, metadata)
    return MemoryPromotionDecision.keep("The promotion policy named no action that there is.")
