"""What a store found and a model never sees."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from lightagent.domain.memory.filter import ExcludedRecord, exclusion_of, found_or_empty, read_found, read_time
from lightagent.domain.memory.policy import MemoryPolicy
from lightagent.domain.memory.records import FoundMemory

NOW = 1_790_000_000.0
OWN = {"user_id": "a:ann"}


class Status(Enum):
    CANDIDATE = "Candidate"


class Anything:
    """Equals whatever it is compared with, as an object of a foreign store may."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def judged(policy: MemoryPolicy, **fields: object) -> ExcludedRecord | None:
    return exclusion_of(policy, FoundMemory("It rains.", fields), "a:ann", NOW)


@pytest.mark.parametrize(
    ("item", "read"),
    [
        ("It rains.", FoundMemory("It rains.", {})),
        ({"memory": "It rains.", "score": 1, "id": None}, FoundMemory("It rains.", {"score": 1})),
        # What stands beside the text is what the store says; its metadata is what the writer says.
        (
            {"memory": "It rains.", "user_id": "a:ann", "metadata": {"user_id": "b:bob", "source": "user"}},
            FoundMemory("It rains.", {"user_id": "a:ann", "source": "user"}, {"user_id": "b:bob"}),
        ),
        (5, ExcludedRecord("not_a_memory")),
        ({"memory": 5}, ExcludedRecord("not_a_memory", "memory")),
        ({"text": "It rains."}, ExcludedRecord("not_a_memory", "memory")),
        ({"memory": "It rains.", "metadata": "none"}, ExcludedRecord("not_a_memory", "metadata")),
    ],
)
def test_records_of_any_make_are_read(item: object, read: FoundMemory | ExcludedRecord) -> None:
    assert read_found(item) == read


@pytest.mark.parametrize(
    ("options", "fields", "kept"),
    [
        ({}, {}, None),
        ({}, {"user_id": "a:ann"}, None),
        ({"allow_unattributed_results": False}, {}, ExcludedRecord("user_id", "user_id")),
        ({}, {"user_id": "b:bob"}, ExcludedRecord("user_id", "user_id")),
        ({}, {"user_id": "ann"}, ExcludedRecord("user_id", "user_id")),  # Without the namespace it may be any tenant's.
        ({}, {"userId": "b:bob"}, ExcludedRecord("user_id", "userId")),
        ({}, {"user_id": "a:ann", "userId": "b:bob"}, ExcludedRecord("user_id", "userId")),
        ({"allowed_sources": ["user"]}, OWN, ExcludedRecord("allowed_sources", "source")),
        ({"allowed_sources": ["user"]}, {"source": "user"}, None),
        ({"allowed_sources": ["user"]}, {"memory_source": "user"}, None),
        ({"allowed_sources": ["user"]}, {"source": "system"}, ExcludedRecord("allowed_sources", "source")),
        ({"allowed_sources": ["user"]}, {"source": ["user"]}, ExcludedRecord("allowed_sources", "source")),
        ({"allowed_sources": []}, {"source": "user"}, ExcludedRecord("allowed_sources", "source")),
        ({"allowed_scopes": ["user"]}, {"scope": "session"}, ExcludedRecord("allowed_scopes", "scope")),
        ({"allowed_agent_names": ["desk"]}, {"agent": "desk"}, None),
        ({"allowed_agent_names": ["desk"]}, {}, ExcludedRecord("allowed_agent_names", "agent_name")),
        ({"allowed_trust_levels": ["verified"]}, {"trust": "user"}, ExcludedRecord("allowed_trust_levels", "trust")),
        ({"required_metadata": {"checked": True}}, {"checked": True}, None),
        ({"required_metadata": {"checked": True}}, {"checked": 1}, ExcludedRecord("required_metadata", "checked")),
        ({"required_metadata": {"page": 1}}, {"page": 1.0}, None),
        ({"required_metadata": {"page": 1}}, {"page": True}, ExcludedRecord("required_metadata", "page")),
        ({"required_metadata": {"a": {"b": [0]}}}, {"a": {"b": [False]}}, ExcludedRecord("required_metadata", "a")),
        ({"required_metadata": {"a": {"b": [0, None]}}}, {"a": {"b": (0, None)}}, None),
        ({"required_metadata": {"a": {"b": [0]}}}, {"a": {"b": [0, 1]}}, ExcludedRecord("required_metadata", "a")),
        ({"required_metadata": {"a": {"b": 0}}}, {"a": {"c": 0}}, ExcludedRecord("required_metadata", "a")),
        ({"required_metadata": {"page": 1}}, {"page": Anything()}, ExcludedRecord("required_metadata", "page")),
        ({"min_confidence": 0.5}, {"confidence": 0.5}, None),
        ({"min_confidence": 0.5}, {"confidence": "0.7"}, None),
        ({"min_confidence": 0.5}, {"confidence": 0.4}, ExcludedRecord("min_confidence", "confidence")),
        ({"min_confidence": 0.5}, {"confidence": "nan"}, ExcludedRecord("min_confidence", "confidence")),
        ({"min_confidence": 0.5}, {"confidence": True}, ExcludedRecord("min_confidence", "confidence")),
        ({"min_confidence": 0.5}, {}, ExcludedRecord("min_confidence", "confidence")),
        ({}, {"expires_at": NOW - 1}, ExcludedRecord("expires_at", "expires_at")),
        ({}, {"expires_at": NOW + 1}, None),
        ({}, {"expiresAt": "2020-01-01"}, ExcludedRecord("expires_at", "expiresAt")),
        ({}, {"expires_at": "soon"}, ExcludedRecord("expires_at", "expires_at")),
        ({"enforce_expires_at": True}, {}, ExcludedRecord("expires_at", "expires_at")),
        ({}, {"injectable": False}, ExcludedRecord("injectable", "injectable")),
        ({}, {"injectable": "no"}, ExcludedRecord("injectable", "injectable")),
        ({}, {"promotion_status": " Candidate "}, ExcludedRecord("promotion_status", "promotion_status")),
        ({}, {"source": "reflection"}, ExcludedRecord("internal", "source")),
        ({}, {"scope": "Swarm"}, ExcludedRecord("internal", "scope")),
        ({}, {"source": "reflection", "promotion_status": "promoted", "injectable": True}, None),
        ({"require_promotion_for_internal_memory": False}, {"source": "reflection"}, None),
        (
            {"require_promotion_for_internal_memory": False},
            {"injectable": 0},
            ExcludedRecord("injectable", "injectable"),
        ),
        # What it says under another name counts as well.
        ({}, {"injectable": True, "prompt_injectable": False}, ExcludedRecord("injectable", "prompt_injectable")),
        ({}, {"promotion_status": "promoted", "status": "candidate"}, ExcludedRecord("promotion_status", "status")),
        ({}, {"promotion_status": ["kept"]}, ExcludedRecord("promotion_status", "promotion_status")),
        ({}, {"promotion_status": Status.CANDIDATE}, ExcludedRecord("promotion_status", "promotion_status")),
        ({}, {"source": "user", "memory_source": "reflection"}, ExcludedRecord("internal", "memory_source")),
        (
            {"allowed_sources": ["user"]},
            {"source": "user", "memory_source": "x"},
            ExcludedRecord("allowed_sources", "memory_source"),
        ),
        (
            {"allowed_trust_levels": ["high"]},
            {"trust_level": "high", "trust": "low"},
            ExcludedRecord("allowed_trust_levels", "trust"),
        ),
        ({"min_confidence": 0.5}, {"confidence": 1, "trust_score": 0}, ExcludedRecord("min_confidence", "trust_score")),
        ({}, {"expires_at": NOW + 1, "expiresAt": NOW - 1}, ExcludedRecord("expires_at", "expiresAt")),
    ],
)
def test_the_rule_and_the_field_that_keep_a_record_out(
    options: dict[str, Any], fields: dict[str, object], kept: ExcludedRecord | None
) -> None:
    assert judged(MemoryPolicy(namespace="a", **options), **fields) == kept


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("1970-01-01 00:01:00", 60.0),
        (60, 60.0),
        ("60", 60.0),
        (True, None),
        ("", None),
        (float("inf"), None),
        (10**400, None),
        ([60], None),
    ],
)
def test_times_are_read_in_both_forms(written: object, seconds: float | None) -> None:
    assert read_time(written) == seconds


@pytest.mark.parametrize(
    ("beside", "metadata", "kept"),
    [
        ({"user_id": "a:ann"}, {"user_id": "b:bob"}, ExcludedRecord("user_id", "user_id")),
        ({"injectable": True}, {"injectable": False}, ExcludedRecord("injectable", "injectable")),
        ({"status": "promoted"}, {"status": "rejected"}, ExcludedRecord("promotion_status", "status")),
        ({"source": "user"}, {"source": "reflection"}, ExcludedRecord("internal", "source")),
        ({"expires_at": NOW + 1}, {"expires_at": NOW - 1}, ExcludedRecord("expires_at", "expires_at")),
        ({"trust_level": "high"}, {"trust_level": "none"}, ExcludedRecord("allowed_trust_levels", "trust_level")),
        ({"trust_level": "none"}, {"trust_level": "high"}, ExcludedRecord("allowed_trust_levels", "trust_level")),
    ],
)
def test_what_stands_beside_a_record_hides_nothing_that_its_metadata_says(
    beside: dict[str, object], metadata: dict[str, object], kept: ExcludedRecord
) -> None:
    policy = MemoryPolicy(namespace="a", allowed_trust_levels=["high"] if "trust_level" in beside else None)
    assert (
        exclusion_of(policy, found_or_empty({"memory": "It rains.", **beside, "metadata": metadata}), "a:ann", NOW)
        == kept
    )


@pytest.mark.parametrize("item", [5, None, {"text": "It rains."}, {"memory": " \n"}, ""])
def test_what_is_no_record_is_kept_out_by_a_rule_of_its_own(item: object) -> None:
    assert exclusion_of(MemoryPolicy(), found_or_empty(item), "ann", NOW) == ExcludedRecord("not_a_memory", "memory")
