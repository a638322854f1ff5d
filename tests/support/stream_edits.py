"""Edits of one stream of a sealed store, which whoever has no key cannot make up for."""

from collections.abc import Callable
from dataclasses import replace

from lightagent.domain.journals.streams import Entry, StreamInfo
from tests.support.sealed_scene import CHAT, OTHER, Scene


def tamper(scene: Scene) -> None:
    edit_entry(scene, lambda entry: replace(entry, content='"ann pays"'))


def schema(scene: Scene) -> None:
    edit_entry(scene, lambda entry: replace(entry, schema=2))


def outer_seal_of_an_entry(scene: Scene) -> None:
    edit_entry(scene, lambda entry: replace(entry, seal=entry.seal.removesuffix("outer") + "inner"))


def edit_entry(scene: Scene, edited: Callable[[Entry], Entry]) -> None:
    raw = scene.editor.take(CHAT)
    first, second, *rest = raw.entries
    scene.editor.put(raw.with_entries([first, edited(second), *rest]))


def delete_in_the_middle(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([*raw.entries[:1], *raw.entries[2:]]))


def cut_the_tail(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries(raw.entries[:2]))


def reorder(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    first, second, *rest = raw.entries
    scene.editor.put(raw.with_entries([second, first, *rest]))


def forge_at_the_end(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([*raw.entries, replace(raw.entries[-1], content='"forged"')]))


def repeat_the_last(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([*raw.entries, raw.entries[-1]]))


def replay_from_another_stream(scene: Scene) -> None:
    raw, other = scene.editor.take(CHAT), scene.editor.take(OTHER)
    scene.editor.put(raw.with_entries([*raw.entries[:3], other.entries[3]]))


def replay_an_older_entry(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([*raw.entries[:3], raw.entries[0]]))


def take_another_stream_whole(scene: Scene) -> None:
    raw = scene.editor.take(OTHER)
    scene.editor.put(raw.with_key(CHAT))


def exchange_two_streams(scene: Scene) -> None:
    one, other = scene.editor.take(CHAT), scene.editor.take(OTHER)
    scene.editor.put(one.with_key(OTHER))
    scene.editor.put(other.with_key(CHAT))


def strip_the_seals(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(raw.with_entries([replace(entry, seal="") for entry in raw.entries]))
    strip_the_seal_of_the_row(scene)


def strip_the_seal_of_an_entry(scene: Scene) -> None:
    edit_entry(scene, lambda entry: replace(entry, seal=""))


def strip_the_seal_of_the_row(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, seal=""))


def remove_the_front(scene: Scene) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(replace(raw, info=replace(raw.info, base=2), entries=raw.entries[2:]))


def labels(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, labels={"status": "done", "turn": "3"}))


def no_labels(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, labels={}))


def created_at(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, created_at=0.5))


def updated_at(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, updated_at=99.0))


def outer_seal_of_the_row(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, seal=row.seal + "!"))


def key_id(scene: Scene) -> None:
    edit_row(scene, lambda row: replace(row, seal=row.seal.replace("spring", "autumn")))


def edit_row(scene: Scene, edited: Callable[[StreamInfo], StreamInfo]) -> None:
    raw = scene.editor.take(CHAT)
    scene.editor.put(replace(raw, info=edited(raw.info)))


REFUSED_BY_SEALS: list[Callable[[Scene], None]] = [
    *(tamper, schema, outer_seal_of_an_entry, delete_in_the_middle, cut_the_tail, reorder, forge_at_the_end),
    *(repeat_the_last, replay_from_another_stream, replay_an_older_entry, take_another_stream_whole),
    *(exchange_two_streams, strip_the_seals, strip_the_seal_of_an_entry, strip_the_seal_of_the_row, remove_the_front),
    *(labels, no_labels, created_at, updated_at, outer_seal_of_the_row, key_id),
]
