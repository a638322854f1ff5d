"""Keys of sealed stores and their options: rotation, wrong keys, secrets."""

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import SealedJournalStore, SealedOptions
from lightagent.adapters.registry import open_adapter
from lightagent.application.journals.copy import copy_journals
from lightagent.domain.errors import ConfigurationError, TamperedStream
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import Draft, StreamQuery
from tests.support.wrapped_journals import CHAT, KEYS, SPRING, SUMMER, contents


def test_a_secret_from_the_environment_may_hold_bytes_that_are_not_text() -> None:
    first, second = (seal_keys("shop", {"spring": "s" * 32 + last}) for last in ("\udcff", "\udcfe"))
    assert first.roots != second.roots


async def test_keys_are_rotated_and_what_the_older_ones_sealed_is_read() -> None:
    inner = MemoryJournalStore()
    older = SealedJournalStore(inner, KEYS)
    await older.append(CHAT, [Draft("1"), Draft("2")], expected=0, at=1.0)
    both = SealedJournalStore(inner, seal_keys("shop", SPRING | SUMMER, "summer"))
    assert await contents(both) == ["1", "2"]
    await both.append(CHAT, [Draft("3")], expected=2, at=2.0)
    await both.forget(CHAT, before=2)
    assert await contents(both) == ["2", "3"]
    assert [entry.seal.split(".")[1] for entry in (await inner.read(CHAT)).entries] == ["spring", "summer"]
    # Whoever has only one of them reads nothing: entry 3 is linked to entry 2, and the row is sealed with the new one.
    for alone in (SPRING, SUMMER):
        with pytest.raises(TamperedStream, match="not among the keys"):
            await contents(SealedJournalStore(inner, seal_keys("shop", alone)))
    # Once everything is copied with the new key, the old one is not needed any more.
    fresh = MemoryJournalStore()
    assert await copy_journals(both, SealedJournalStore(fresh, seal_keys("shop", SUMMER))) == 1
    assert await contents(SealedJournalStore(fresh, seal_keys("shop", SUMMER))) == ["2", "3"]


@pytest.mark.parametrize(
    "keys",
    [
        seal_keys("market", SPRING),
        seal_keys("shop", {"spring": "t" * 32}),
        seal_keys("shop", {"spring": "t" * 32, "summer": "s" * 32}, "spring"),
    ],
    ids=["another name", "another secret", "secrets exchanged"],
)
async def test_other_keys_read_and_write_nothing(keys: object) -> None:
    inner = MemoryJournalStore()
    right = seal_keys("shop", SPRING | SUMMER, "spring")
    await SealedJournalStore(inner, right).append(CHAT, [Draft("1")], expected=0, at=1.0)
    assert isinstance(keys, type(KEYS))
    wrong = SealedJournalStore(inner, keys)
    with pytest.raises(TamperedStream):
        await wrong.read(CHAT)
    with pytest.raises(TamperedStream):
        await wrong.append(CHAT, [Draft("2")], expected=1, at=2.0)
    with pytest.raises(TamperedStream):
        await wrong.forget(CHAT, before=2)
    assert (await wrong.list(StreamQuery())).streams == ()
    assert await contents(SealedJournalStore(inner, right)) == ["1"]
    # To forget needs no key: data that nobody can vouch for has to be removable too.
    assert await wrong.forget(CHAT) == 1


@pytest.mark.parametrize(
    ("secrets", "current", "told"),
    [
        ({}, "", "not among the keys"),
        (SPRING | SUMMER, "", "not among the keys"),
        (SPRING, "autumn", "'autumn' is not among the keys"),
        ({"spring": "s" * 31}, "", "fewer than 32 bytes"),
        ({"a.b": "s" * 32}, "", "'a.b' cannot be the id"),
        ({"": "s" * 32}, "", "not among|cannot be the id"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(secrets: dict[str, str], current: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        seal_keys("shop", secrets, current)
    assert "sss" not in str(refused.value)


def test_secrets_are_not_shown() -> None:
    options: dict[str, object] = {"store": {"kind": "memory"}, "name": "shop", "keys": {"spring": "very-secret-" * 4}}
    assert "very-secret" not in repr(open_adapter("journals", "sealed", options))
    assert "very-secret" not in repr(seal_keys("shop", {"spring": "very-secret-" * 4}))
    with pytest.raises(ConfigurationError) as refused:
        open_adapter("journals", "sealed", {**options, "heads": {"kind": "nowhere"}})
    assert "very-secret" not in str(refused.value)
    nested = {"kind": "postgres", "dsn": "postgresql://user:very-secret@host/db"}
    heads = {"kind": "store", "store": nested}
    assert "very-secret" not in repr(SealedOptions.model_validate({**options, "store": nested, "heads": heads}))


@pytest.mark.parametrize("store", [{}, {"kind": "nowhere"}, {"kind": "sqlite"}, {"kind": "memory", "more": 1}])
def test_the_store_below_is_checked_with_its_place(store: dict[str, object]) -> None:
    right = {"store": {"kind": "memory"}, "name": "shop", "keys": SPRING}
    with pytest.raises(ConfigurationError, match=r"journals\.store"):
        open_adapter("journals", "sealed", {**right, "store": store})
    with pytest.raises(ConfigurationError, match=r"journals\.heads\.store"):
        open_adapter("journals", "sealed", {**right, "heads": {"kind": "store", "store": store}})
