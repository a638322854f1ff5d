"""Encrypted journal stores: what is kept, what is refused, keys and their rotation, and the order of the stores."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent.adapters.journals.encrypted import AesGcmCodec, EncryptedJournalStore, EncryptedOptions
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import SealedJournalStore
from lightagent.adapters.registry import open_adapter
from lightagent.application.journals.copy import copy_journals
from lightagent.application.journals.verify import verify_journals
from lightagent.domain.errors import ConfigurationError, ContentKeyError, DamagedStream, TamperedStream
from lightagent.domain.journals.content_keys import content_keys
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import Draft, Entry, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.content_codec import ContentCodec
from tests.support.editors import EDITORS
from tests.support.journal_editor import MemoryEditor, RawStream
from tests.support.wrapped_journals import CHAT, KEYS, SPRING, SUMMER, contents

SECRETS = '{"card": "4111 1111 1111 1111"}'


def encrypted(
    store: object, secrets: dict[str, str] = SPRING, current: str = "", name: str = ""
) -> EncryptedJournalStore:
    assert isinstance(store, MemoryJournalStore | SealedJournalStore)
    return EncryptedJournalStore(store, AesGcmCodec(content_keys(secrets, current, store=name)))


async def test_what_is_kept_shows_no_content_and_comes_back_byte_for_byte() -> None:
    inner = MemoryJournalStore()
    store = encrypted(inner)
    drafts = [Draft(SECRETS), Draft(SECRETS, schema=3), Draft('"☕ \\ud800"', seal="outer")]
    await store.append(CHAT, drafts, expected=0, at=1.0, labels={"status": "waiting"})
    found = await store.read(CHAT)
    assert [(one.content, one.schema, one.seal) for one in found.entries] == [
        (one.content, one.schema, one.seal) for one in drafts
    ]
    kept = (await inner.read(CHAT)).entries
    assert not [one for one in kept if "4111" in one.content or "card" in one.content]
    assert all(list(json.loads(one.content)) == ["aes256gcm"] for one in kept)
    # The same content twice is not the same ciphertext, and what a store is searched by stays as it was.
    assert kept[0].content != kept[1].content
    assert [stream.key for stream in (await store.list(StreamQuery(labels={"status": "waiting"}))).streams] == [CHAT]


async def test_a_nonce_is_never_used_twice() -> None:
    inner = MemoryJournalStore()
    store = encrypted(inner)
    for turn in range(0, 1000, 100):
        await store.append(CHAT, [Draft("1")] * 100, expected=turn, at=1.0)
    nonces = {json.loads(one.content)["aes256gcm"].split(".")[2][:16] for one in (await inner.read(CHAT)).entries}
    assert len(nonces) == 1000


ELSEWHERE = [
    StreamKey(Scope("acme", "bob"), "session", "chat"),
    StreamKey(Scope("other", "ann"), "session", "chat"),
    StreamKey(Scope("acme", "ann", "chat"), "session", "chat"),
    StreamKey(Scope("acme", "ann"), "run", "chat"),
    StreamKey(Scope("acme", "ann"), "session", "chat 2"),
    # The same texts, parted elsewhere.
    StreamKey(Scope("acme", "anns"), "ession", "chat"),
]


@pytest.mark.parametrize("key", ELSEWHERE, ids=map(str, range(len(ELSEWHERE))))
async def test_a_ciphertext_is_refused_in_another_stream(key: StreamKey) -> None:
    editor = MemoryEditor(Path())
    await encrypted(editor.open()).append(CHAT, [Draft(SECRETS)], expected=0, at=1.0)
    editor.put(editor.take(CHAT).with_key(key))
    with pytest.raises(TamperedStream, match="encrypted for another place"):
        await encrypted(editor.open()).read(key)


def exchanged(raw: RawStream) -> RawStream:
    first, second, *rest = raw.entries
    return raw.with_entries([second, first, *rest])


def deleted(raw: RawStream) -> RawStream:
    return raw.with_entries(raw.entries[1:])


def with_another_schema(raw: RawStream) -> RawStream:
    return with_first(raw, lambda entry: replace(entry, schema=2))


def with_a_flipped_letter(raw: RawStream) -> RawStream:
    def flipped(entry: Entry) -> Entry:
        kept = entry.content
        return replace(entry, content=kept[:60] + ("A" if kept[60] != "A" else "B") + kept[61:])

    return with_first(raw, flipped)


def cut_short(raw: RawStream) -> RawStream:
    return with_first(raw, lambda entry: replace(entry, content=entry.content[:34] + '"}'))


def empty(raw: RawStream) -> RawStream:
    return with_first(raw, lambda entry: replace(entry, content=entry.content[:31] + 'A"}'))


def in_the_clear(raw: RawStream) -> RawStream:
    return with_first(raw, lambda entry: replace(entry, content='"in the clear"'))


def with_first(raw: RawStream, edited: Callable[[Entry], Entry]) -> RawStream:
    first, *rest = raw.entries
    return raw.with_entries([edited(first), *rest])


@pytest.mark.parametrize(
    "edit", [exchanged, deleted, with_another_schema, with_a_flipped_letter, cut_short, empty, in_the_clear]
)
@pytest.mark.parametrize("kind", ["memory", "sqlite", "files"])
async def test_an_edited_ciphertext_is_refused_and_named(
    tmp_path: Path, kind: str, edit: Callable[[RawStream], RawStream]
) -> None:
    editor = EDITORS[kind](tmp_path / "store")
    codec = AesGcmCodec(content_keys(SPRING))
    store = EncryptedJournalStore(editor.open(), codec)
    await store.append(CHAT, [Draft("1"), Draft(SECRETS), Draft("3")], expected=0, at=1.0)
    await store.aclose()
    editor.put(edit(editor.take(CHAT)))
    store = EncryptedJournalStore(editor.open(), codec)
    with pytest.raises(TamperedStream, match="entry 1"):
        await store.read(CHAT)
    assert [fault.key async for fault in verify_journals(store)] == [CHAT]
    await store.aclose()


async def test_keys_are_rotated_and_what_the_older_ones_encrypted_is_read() -> None:
    inner = MemoryJournalStore()
    await encrypted(inner).append(CHAT, [Draft("1")], expected=0, at=1.0)
    both = encrypted(inner, SPRING | SUMMER, "summer")
    await both.append(CHAT, [Draft("2")], expected=1, at=2.0)
    assert await contents(both) == ["1", "2"]
    kept = [json.loads(one.content)["aes256gcm"].split(".")[0] for one in (await inner.read(CHAT)).entries]
    assert kept == ["spring", "summer"]
    with pytest.raises(ContentKeyError, match=r"Entry 1 .* key 'spring', which is not among the keys"):
        await contents(encrypted(inner, SUMMER))
    # Once everything is copied with the new key, the old one is not needed any more.
    fresh = MemoryJournalStore()
    assert await copy_journals(both, encrypted(fresh, SUMMER)) == 1
    assert await contents(encrypted(fresh, SUMMER)) == ["1", "2"]


@pytest.mark.parametrize(
    ("secrets", "name"),
    [({"spring": "t" * 32}, ""), (SPRING, "market"), (SUMMER, "")],
    ids=["another secret", "another name", "another id"],
)
async def test_a_wrong_key_is_told_from_an_edit(secrets: dict[str, str], name: str) -> None:
    inner = MemoryJournalStore()
    await encrypted(inner).append(CHAT, [Draft("1")], expected=0, at=1.0)
    wrong = encrypted(inner, secrets, name=name)
    with pytest.raises(ContentKeyError, match=r"another secret here|not among the keys") as caught:
        await wrong.read(CHAT)
    assert not isinstance(caught.value, DamagedStream)
    assert caught.value.code == "LA-STORE"
    assert [fault.key async for fault in verify_journals(wrong)] == [CHAT]


async def test_what_was_written_in_the_clear_is_only_taken_by_an_explicit_copy() -> None:
    plain, target = MemoryJournalStore(), MemoryJournalStore()
    await plain.append(CHAT, [Draft("1")], expected=0, at=1.0)
    with pytest.raises(TamperedStream, match=r"entry 1 is not encrypted.*has to be copied"):
        await encrypted(plain).read(CHAT)
    assert await copy_journals(plain, encrypted(target)) == 1
    assert await contents(encrypted(target)) == ["1"]


async def test_the_seal_covers_the_ciphertext_so_that_it_is_verified_without_the_key() -> None:
    editor = MemoryEditor(Path())
    sealed = SealedJournalStore(editor.open(), KEYS)
    await encrypted(sealed).append(CHAT, [Draft(SECRETS), Draft("2")], expected=0, at=1.0, seal="outer")
    assert (await encrypted(sealed).read(CHAT)).stream.seal == "outer"
    assert [fault async for fault in verify_journals(sealed)] == []
    assert [fault async for fault in verify_journals(encrypted(sealed))] == []
    editor.put(deleted(editor.take(CHAT)))
    assert [fault.key async for fault in verify_journals(sealed)] == [CHAT]


async def test_a_sealed_store_cannot_stand_before_an_encrypted_one() -> None:
    with pytest.raises(ConfigurationError, match=r"cannot stand before an encrypted one.*encrypted store first"):
        SealedJournalStore(encrypted(MemoryJournalStore()), seal_keys("shop", SPRING))


class Reversed(ContentCodec):
    """Another codec: content is kept backwards."""

    async def encode(self, key: StreamKey, first: int, drafts: Sequence[Draft]) -> list[Draft]:
        return [replace(one, content=json.dumps(one.content[::-1])) for one in drafts]

    async def decode(self, key: StreamKey, entries: Sequence[Entry]) -> list[Entry]:
        return [replace(one, content=json.loads(one.content)[::-1]) for one in entries]


async def test_any_codec_will_do_and_one_may_stand_before_another() -> None:
    inner = MemoryJournalStore()
    store = EncryptedJournalStore(encrypted(inner), Reversed())
    await store.append(CHAT, [Draft(SECRETS)], expected=0, at=1.0)
    assert await contents(store) == [SECRETS]
    assert await contents(encrypted(inner)) == [json.dumps(SECRETS[::-1])]
    assert [fault async for fault in verify_journals(store)] == []


@pytest.mark.parametrize(
    ("keys", "current", "refusal"),
    [
        ({}, "", "current content key '' is not among"),
        (SPRING | SUMMER, "", "Name one of the keys"),
        (SPRING, "winter", "current content key 'winter' is not among"),
        ({"spring": "short"}, "", "fewer than 32 bytes"),
        ({"a b": "s" * 32}, "", "cannot be the id of a content key"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(keys: dict[str, str], current: str, refusal: str) -> None:
    with pytest.raises(ConfigurationError, match=refusal):
        content_keys(keys, current)


def test_options_hide_their_secrets_and_wrong_ones_are_named() -> None:
    options = EncryptedOptions.model_validate({"store": {"kind": "memory"}, "keys": SPRING})
    assert SPRING["spring"] not in repr(options)
    assert SPRING["spring"] not in repr(content_keys(SPRING))
    with pytest.raises(ConfigurationError, match=r"journals\.keys"):
        open_adapter("journals", "encrypted", {"store": {"kind": "memory"}, "keys": {}}, at="journals")
    with pytest.raises(ConfigurationError, match=r"journals\.store"):
        open_adapter("journals", "encrypted", {"store": {"kind": "nothing"}, "keys": SPRING}, at="journals")


def test_without_the_package_the_error_says_what_to_install() -> None:
    program = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"
        "from lightagent.adapters.journals.encrypted import AesGcmCodec\n"
        "from lightagent.domain.journals.content_keys import content_keys\n"
        "from lightagent.domain.errors import MissingExtraError\n"
        "try:\n"
        "    AesGcmCodec(content_keys({'a': 'k' * 32}))\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "cryptography" in told
    assert "pip install" in told


@pytest.mark.parametrize("secrets", [{"spring": SUMMER["summer"]}, SUMMER])
async def test_a_wrong_key_adds_nothing_to_a_stream_that_it_cannot_read(secrets: dict[str, str]) -> None:
    inner = MemoryJournalStore()
    right, wrong = encrypted(inner), encrypted(inner, secrets)
    await right.append(CHAT, [Draft("1")], expected=0, at=1.0)
    with pytest.raises(ContentKeyError):
        await wrong.append(CHAT, [Draft("2")], expected=1, at=2.0)
    assert await encrypted(inner).append(CHAT, [Draft("2")], expected=1, at=2.0) == 2
    assert await contents(right) == ["1", "2"]
