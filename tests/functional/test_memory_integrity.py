"""The nine edits of agent-memory-integrity, by its own runner, on our stores: what docs/security.md says of them."""

import pytest
from agmi.attacks.at_rest import AT_REST_ATTACKS_WITH_SNAPSHOT, MetadataTamperAttack
from agmi.check import run, verdict

from tests.docs.blocks import ROOT
from tests.support.integrity_adapter import JournalStoreAdapter, Protection

PROTECTED: tuple[Protection, ...] = ("sealed", "sealed, heads elsewhere")
EDITS = len(AT_REST_ATTACKS_WITH_SNAPSHOT)


def verdicts(kind: str, protection: Protection, metadata: str = "labels") -> list[str]:
    return [row["verdict"] for row in run(JournalStoreAdapter(kind, protection, metadata))]


def test_there_are_nine_edits() -> None:
    assert EDITS == 9


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_store_without_seals_accepts_every_edit(kind: str) -> None:
    """So each edit is one that a careful attacker would make: nothing but the seals tells it."""
    assert verdicts(kind, "unsealed") == ["ACCEPTED"] * EDITS


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_seals_refuse_every_edit_but_an_older_copy_of_the_whole_store(kind: str) -> None:
    assert verdicts(kind, "sealed") == ["REJECTED"] * 8 + ["ACCEPTED"]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_with_heads_elsewhere_every_edit_is_refused_when_it_is_read(kind: str) -> None:
    assert verdicts(kind, "sealed, heads elsewhere") == ["REJECTED"] * EDITS


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("metadata", ["owner", "times", "schema"])
def test_other_metadata_is_refused_as_well(kind: str, metadata: str) -> None:
    for protection in PROTECTED:
        adapter = JournalStoreAdapter(kind, protection, metadata)
        assert verdict(MetadataTamperAttack().run(adapter), adapter) == "REJECTED"


def test_an_edited_index_is_reported_by_a_verification() -> None:
    """Reading does not use it, so nothing that is read is wrong; but a listing would leave the stream out."""
    for protection in PROTECTED:
        adapter = JournalStoreAdapter("sqlite", protection, "index")
        assert verdict(MetadataTamperAttack().run(adapter), adapter) == "REPORTED"


def test_the_documentation_says_the_same() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    accepted, rejected = "accepted", "rejected"
    for row, expected in (
        ("lightagent, memory and SQLite, unsealed", [accepted] * 9),
        ("lightagent, memory and SQLite, sealed", [rejected] * 8 + [accepted]),
        ("lightagent, memory and SQLite, sealed, heads elsewhere", [rejected] * 9),
    ):
        assert f"| {row} | measured | {' | '.join(expected)} |" in text
