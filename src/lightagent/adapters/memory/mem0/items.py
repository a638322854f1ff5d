"""Records as mem0 keeps them: a text, a user, and metadata that mem0 can filter on.

mem0 knows one text for whose a memory is; it trims it, and takes ``*`` for everybody's. So an owner goes there as it is
only where it is a plain word, and as a digest otherwise. What policies and callers filter on stands in fields of its
own, as digests, since the stores behind mem0 differ in which texts they take. Beside them stands the whole record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lightagent.adapters.memory._marks import mark, owner_mark, record_mark
from lightagent.adapters.memory._marks import metadata_marks as marks_of
from lightagent.adapters.memory._written_out import read_out, written_out
from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.recall_filter import RecallFilter, facts_of
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import superseded_ids

AGENT: Final = "lightagent"
"""The `agent_id` of all that this package writes."""

_RECORD: Final = "lightagent"
_ORDER: Final = "lightagent_order"
_KEY: Final = "lightagent_key"
_NEWER: Final = "lightagent_newer"
"""Says of a record that it takes the place of others."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.@-]{1,100}")
_MOST_TEXT: Final = 20_000
"""Characters of a text that mem0 is given; the record keeps all of them."""

_NEVER: Final = 1e17
"""When a record expires that holds for ever: after every time."""

_UNKNOWN: Final = -1e300
"""A confidence below every other."""


@dataclass(frozen=True, slots=True)
class Item:
    """What mem0 keeps.

    Attributes:
        item_id: mem0's own name of it.
        order: when it was written; of two, the later one has the higher.
        record: what it says.
    """

    item_id: str
    order: int
    record: MemoryRecord


def user_of(owner: MemoryOwner) -> str:
    """The user id under which mem0 keeps what is this owner's; no two owners share one."""
    name = owner.user_id
    return name if _PLAIN.fullmatch(name) else f"owner:{owner_mark(owner).hex()}"


def key_of(record: MemoryRecord) -> str:
    """What a record is known by, whatever the characters of its id."""
    return record_mark(record.owner, record.memory_id).hex()


def shown(text: str) -> str:
    """The text as mem0 and its models are given it: without half characters, not empty, and not endless."""
    whole = text[:_MOST_TEXT].encode("utf-8", "replace").decode()
    return whole if whole.strip() else "(empty)"


def metadata_of(record: MemoryRecord, order: int, *, infer: bool) -> dict[str, object]:
    """The metadata with which mem0 keeps a record; where it makes texts of its own, the record's is left out."""
    facts = facts_of(record)
    whole = {
        "id": record.memory_id,
        "owner": list(record.owner.parts),
        "metadata": record.metadata,
        "at": record.written_at,
        **({} if infer else {"text": record.text}),
    }
    lists = {"s": facts.source, "c": facts.scope, "a": facts.agent_name, "t": facts.trust_level}
    return {
        _RECORD: written_out(whole),
        _ORDER: order,
        _KEY: key_of(record),
        **{_field(letter): mark(value).hex() for letter, value in lists.items()},
        **_pairs(record.metadata),
        _field("injectable"): "yes" if facts.is_injectable else "no",
        _field("promoted"): "no" if facts.is_internal else "yes",
        _field("expires"): _NEVER if facts.expires_at is None else min(max(facts.expires_at, -_NEVER), _NEVER),
        _field("begins"): -_NEVER if facts.valid_from is None else min(max(facts.valid_from, -_NEVER), _NEVER),
        _field("ends"): _NEVER if facts.valid_until is None else min(max(facts.valid_until, -_NEVER), _NEVER),
        **({_NEWER: "yes"} if superseded_ids(record.memory_id, record.metadata) else {}),
        _field("confidence"): _UNKNOWN if facts.confidence is None else facts.confidence,
    }


def key_filter(record: MemoryRecord) -> dict[str, object]:
    """Finds a record among its owner's."""
    return {"user_id": user_of(record.owner), "agent_id": AGENT, _KEY: key_of(record)}


def newer_filter(owner: MemoryOwner) -> dict[str, object]:
    """Finds the records of an owner that take the place of others."""
    return {"user_id": user_of(owner), "agent_id": AGENT, _NEWER: "yes"}


def exact_conditions(wanted: RecallFilter) -> list[tuple[str, list[str]]] | None:
    """Fields of which a record has one of some values each; None: nothing can fit."""
    lists = (("s", wanted.sources), ("c", wanted.scopes), ("a", wanted.agent_names), ("t", wanted.trust_levels))
    if any(allowed is not None and not allowed for _, allowed in lists):
        return None
    return [
        (_field("injectable"), ["yes"]),
        *([] if wanted.with_internal else [(_field("promoted"), ["yes"])]),
        *((_field(letter), [mark(value).hex() for value in allowed]) for letter, allowed in lists if allowed),
        *((name, [value]) for name, value in _pairs(wanted.metadata).items()),
    ]


def number_conditions(wanted: RecallFilter) -> dict[str, object]:
    """The same of numbers, in the words of mem0."""
    until = {"gt": _before_never(wanted.now), **({"lt": _NEVER} if wanted.needs_expiry else {})}
    sure = {} if wanted.min_confidence is None else {_field("confidence"): {"gte": wanted.min_confidence}}
    moment = None if wanted.moment is None else _before_never(wanted.moment)
    held = {} if moment is None else {_field("begins"): {"lte": moment}, _field("ends"): {"gt": moment}}
    return {_field("expires"): until, **held, **sure}


def _before_never(moment: float) -> float:
    """The time, or one before what stands for no end."""
    return min(moment, _NEVER / 2)


def item_of(found: Mapping[str, object]) -> Item | None:
    """Parse an item of mem0; None if it was not written by this adapter.

    Raises:
        StoreError: it is damaged.
    """
    metadata, text, item_id = found.get("metadata"), found.get("memory"), found.get("id")
    if not isinstance(metadata, Mapping) or _RECORD not in metadata:
        return None
    written, order = metadata[_RECORD], metadata.get(_ORDER)
    try:
        if not (isinstance(text, str) and isinstance(item_id, str) and isinstance(order, int)):
            raise ValueError("It has no text, no id, or no place in the order.")
        whole = read_out(str(written))
        if not isinstance(whole, dict):
            raise ValueError("It is not a record.")
        return Item(item_id, order, _record(whole, text, item_id))
    except (ValueError, TypeError, AttributeError) as exc:
        raise StoreError(f"The memory {item_id!r:.80} in mem0 is damaged.", guidance="Remove it.") from exc


def _record(whole: JsonObject, text: str, item_id: str) -> MemoryRecord:
    own, parts, metadata, at = (whole.get(name) for name in ("text", "owner", "metadata", "at"))
    if not (isinstance(parts, list) and isinstance(metadata, dict) and isinstance(at, (int, float))):
        raise ValueError("It is not a record.")
    owner = MemoryOwner(*(str(part) for part in parts))
    if isinstance(own, str):
        return MemoryRecord(str(whole["id"]), owner, own, metadata, float(at))
    return MemoryRecord(item_id, owner, text, metadata, float(at))


def _pairs(metadata: Mapping[str, JsonValue]) -> dict[str, str]:
    """A field for each key of the metadata, whose value tells that of the key."""
    return {_field("m" + mark(name).hex()): marks_of({name: value})[0].hex() for name, value in metadata.items()}


def _field(name: str) -> str:
    return f"lightagent_{name}"
