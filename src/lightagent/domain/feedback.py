"""What people think of runs, after the fact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject

_GOOD: Final = frozenset({"correct", "good", "helpful", "right", "useful"})
_BAD: Final = frozenset({"incorrect", "bad", "unhelpful", "wrong", "useless", "harmful"})


@dataclass(frozen=True, slots=True)
class HumanFeedback:
    """What somebody thinks of a run.

    Attributes:
        trace_id: of the run.
        rating: a number, on whatever scale the program uses.
        label: a word, such as ``correct``.
        comment: in their own words.
        reviewer_id: who.
        metadata: whatever else belongs to it, as plain JSON.
        helpful: whether the answer was of help. By this, or else by a `label` such as ``correct`` or ``wrong``, it is
            counted whether lessons helped; the rating is not read, since its scale is yours.
        created_at: when it was put on record, in seconds since 1970 in UTC; filled in then.

    Raises:
        ConfigurationError: the trace id is missing, or the metadata is not plain JSON.
    """

    trace_id: str
    rating: float | None = None
    label: str | None = None
    comment: str | None = None
    reviewer_id: str | None = None
    metadata: JsonObject = field(default_factory=dict)
    created_at: float = 0.0
    helpful: bool | None = None

    @property
    def was_helpful(self) -> bool | None:
        """Whether the answer was of help; None where this does not say."""
        if self.helpful is not None:
            return self.helpful
        label = "" if self.label is None else self.label.strip().casefold()
        return True if label in _GOOD else False if label in _BAD else None

    def __post_init__(self) -> None:
        trace_id: object = self.trace_id
        if not isinstance(trace_id, str) or not trace_id:
            raise ConfigurationError("HumanFeedback: trace_id names the run it is about.", guidance="")
        object.__setattr__(self, "metadata", to_json_object(self.metadata, "HumanFeedback: metadata"))

    def to_dict(self) -> JsonObject:
        """Plain data."""
        return {
            "trace_id": self.trace_id,
            "rating": self.rating,
            "label": self.label,
            "comment": self.comment,
            "reviewer_id": self.reviewer_id,
            "metadata": copy_json(self.metadata),
            "created_at": self.created_at,
            "helpful": self.helpful,
        }
