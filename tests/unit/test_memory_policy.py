"""What a memory policy takes, and the texts by which stores know users."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory.memories import MemoryCandidate, MemoryPromotionDecision, MemoryScope
from lightagent.domain.memory.policy import MemoryPolicy

PARTS = st.text(alphabet="ab:%25A3", max_size=6)


def test_a_user_id_stands_behind_its_namespace() -> None:
    assert MemoryPolicy(namespace="tenant-a").scoped_user_id("alice") == "tenant-a:alice"
    assert MemoryPolicy().scoped_user_id("alice") == "alice"


@given(PARTS, PARTS, PARTS, PARTS)
def test_no_two_pairs_of_namespace_and_user_share_a_text(ours: str, user: str, theirs: str, other: str) -> None:
    mine = MemoryPolicy(namespace=ours).scoped_user_id(user)
    yours = MemoryPolicy(namespace=theirs).scoped_user_id(other)
    assert (mine == yours) == ((ours, user) == (theirs, other))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"allowed_sources": "user"}, "allowed_sources takes several texts"),
        ({"allowed_scopes": 5}, "allowed_scopes takes several texts"),
        ({"allowed_trust_levels": [None]}, "allowed_trust_levels takes texts"),
        ({"min_confidence": float("nan")}, "min_confidence takes a finite number"),
        ({"min_confidence": True}, "min_confidence takes a finite number"),
        ({"min_confidence": 10**400}, "min_confidence takes a finite number"),
        ({"max_writes_per_run": -1}, "max_writes_per_run takes a whole number"),
        ({"recall_timeout": 0}, "recall_timeout takes a number of seconds above 0"),
        ({"write_timeout": "1"}, "write_timeout takes a number of seconds above 0"),
        ({"min_write_length": 1.5}, "min_write_length takes a whole number"),
        ({"namespace": 5}, "namespace takes a text"),
        ({"memory_write_admission": "no"}, "memory_write_admission takes a function"),
        ({"reject_write_patterns": ["("]}, "is not a regular expression"),
        ({"reject_write_patterns": "secret"}, "reject_write_patterns takes several texts"),
    ],
)
def test_what_a_policy_cannot_mean_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        MemoryPolicy(**options)


def test_a_policy_is_a_value() -> None:
    sources = ["user"]
    policy = MemoryPolicy(allowed_sources=sources)
    sources.append("reflection")
    assert policy.allowed_sources == ("user",)
    with pytest.raises(FrozenInstanceError):
        policy.namespace = "another"  # type: ignore[misc]


def test_the_metadata_of_a_record_says_where_it_comes_from() -> None:
    assert MemoryScope.user(agent_name="support", trace_id="t1", project_id="desk").to_metadata() == {
        "project_id": "desk",
        "source": "user",
        "scope": "user",
        "agent_name": "support",
        "trace_id": "t1",
    }
    reflected = MemoryScope.reflection(parent_trace_id="t0", source_of="x").to_metadata()
    assert reflected == {"source_of": "x", "source": "reflection", "scope": "agent", "parent_trace_id": "t0"}


def test_metadata_of_its_own_cannot_claim_another_source() -> None:
    assert MemoryScope(metadata={"source": "system", "scope": "project"}).to_metadata()["source"] == "user"


def test_a_promoted_candidate_says_so() -> None:
    candidate = MemoryCandidate("Ask twice.", "a:planner", "planner", "reflection", "agent", candidate_id="c1")
    assert candidate.to_metadata()["injectable"] is False
    promoted = candidate.promoted("Ask once.", {"reviewed_by": "ann"})
    assert promoted.to_metadata() == {
        "reviewed_by": "ann",
        "source": "reflection",
        "scope": "agent",
        "user_id": "a:planner",
        "original_user_id": "planner",
        "candidate_id": "c1",
        "promotion_status": "promoted",
        "injectable": True,
    }
    assert "data" not in promoted.to_dict(include_data=False)
    assert promoted.to_dict()["data"] == "Ask once."


def test_a_promotion_decision_knows_its_actions() -> None:
    assert MemoryPromotionDecision.approve().promotes
    assert MemoryPromotionDecision.rewrite("x").promotes
    assert not MemoryPromotionDecision.reject("no").promotes
    assert not MemoryPromotionDecision.keep().promotes
    with pytest.raises(ConfigurationError, match="unknown action 'perhaps'"):
        MemoryPromotionDecision("perhaps")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="a rewriting has a text"):
        MemoryPromotionDecision("rewrite")
