"""The nine edits of agent-memory-integrity, by its own runner, on our stores: what docs/security.md says of them."""

import pytest
from agmi.attacks.at_rest import AT_REST_ATTACKS_WITH_SNAPSHOT, MetadataTamperAttack
from agmi.check import run, verdict

from tests.docs.blocks import ROOT
from tests.servers.postgres import PostgresServer
from tests.support.integrity_adapter import JournalStoreAdapter, Protection

PROTECTED: tuple[Protection, ...] = ("sealed", "sealed, heads elsewhere")
KINDS = ("memory", "sqlite", "files", "postgres")
EDITS = len(AT_REST_ATTACKS_WITH_SNAPSHOT)
OWN_INDEX = {"sqlite": "REPORTED", "postgres": "REJECTED"}
"""Labels that are changed in the index alone, by kind of the stores that have one."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(request: pytest.FixtureRequest, kind: str) -> PostgresServer | None:
    if kind != "postgres":
        return None
    found = request.getfixturevalue("postgres")
    assert isinstance(found, PostgresServer)
    return found


def verdicts(kind: str, protection: Protection, server: PostgresServer | None) -> list[str]:
    return [row["verdict"] for row in run(JournalStoreAdapter(kind, protection, server=server))]


def metadata_verdict(kind: str, protection: Protection, metadata: str, server: PostgresServer | None) -> str:
    adapter = JournalStoreAdapter(kind, protection, metadata, server)
    return verdict(MetadataTamperAttack().run(adapter), adapter)


def test_there_are_nine_edits() -> None:
    assert EDITS == 9


def test_a_store_without_seals_accepts_every_edit(kind: str, server: PostgresServer | None) -> None:
    """So each edit is one that a careful attacker would make: nothing but the seals tells it."""
    assert verdicts(kind, "unsealed", server) == ["ACCEPTED"] * EDITS


def test_seals_refuse_what_makes_the_store_another_than_it_ever_was(kind: str, server: PostgresServer | None) -> None:
    """An older copy of the store is genuine; so is a file that was cut, since it holds its older states."""
    expected = ["REJECTED"] * 8 + ["ACCEPTED"]
    if kind == "files":
        expected[1] = "ACCEPTED"
    assert verdicts(kind, "sealed", server) == expected


def test_with_heads_elsewhere_every_edit_is_refused_when_it_is_read(kind: str, server: PostgresServer | None) -> None:
    assert verdicts(kind, "sealed, heads elsewhere", server) == ["REJECTED"] * EDITS


@pytest.mark.parametrize("metadata", ["owner", "times", "schema"])
def test_other_metadata_is_refused_as_well(kind: str, server: PostgresServer | None, metadata: str) -> None:
    for protection in PROTECTED:
        assert metadata_verdict(kind, protection, metadata, server) == "REJECTED"


@pytest.mark.parametrize("kind", OWN_INDEX, indirect=True)
def test_an_edited_index_of_labels_is_found(kind: str, server: PostgresServer | None) -> None:
    """SQLite's is not read with the stream, so only a verification finds that a listing would leave the stream out.

    PostgreSQL's stands in the row of the stream, where it has to fit the labels.
    """
    for protection in ("unsealed", *PROTECTED):
        assert metadata_verdict(kind, protection, "index", server) == OWN_INDEX[kind]


def test_the_documentation_says_the_same() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    accepted, rejected = "accepted", "rejected"
    for row, expected in (
        ("lightagent: memory, SQLite, files, PostgreSQL, unsealed", [accepted] * 9),
        ("lightagent: memory, SQLite, PostgreSQL, sealed", [rejected] * 8 + [accepted]),
        ("lightagent: files, sealed", [rejected, accepted, *[rejected] * 6, accepted]),
        ("lightagent: memory, SQLite, files, PostgreSQL, sealed, heads elsewhere", [rejected] * 9),
    ):
        assert f"| {row} | measured | {' | '.join(expected)} |" in text
