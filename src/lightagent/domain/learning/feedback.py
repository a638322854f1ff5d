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
    """A rating of a run by a person or a program.

    Attributes:
        trace_id: the trace id of the run.
        rating: a number, on whatever scale the program uses.
        label: a word, such as ``correct``.
        comment: a free text.
        reviewer_id: who gave the feedback.
        metadata: further data, as plain JSON.
        helpful: whether the answer was helpful. Whether lessons helped is counted by this, or else by a `label` such
            as ``correct`` or ``wrong``; the rating is not used, since its scale is up to the program.
        created_at: when it was recorded, in seconds since 1970 in UTC; filled in then.

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
        """Whether the answer was helpful; None if the feedback does not say."""
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
