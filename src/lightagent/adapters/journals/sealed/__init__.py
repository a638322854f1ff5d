"""Seals what another journal store keeps, so that what is changed behind its back is refused.

Each entry is part of a keyed chain, and each stream's row has a code of its own. Where the heads of the streams are
kept elsewhere as well, an older copy of the whole store is refused too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters.journals._behind import open_behind, same_place
from lightagent.adapters.journals.sealed.file_heads import FileHeads
from lightagent.adapters.journals.sealed.store import SealedJournalStore
from lightagent.adapters.journals.sealed.store_heads import StoreHeads
from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.json_types import JsonObject
from lightagent.ports.journal_heads import JournalHeads

__all__ = ["ADAPTER", "FileHeads", "SealedJournalStore", "SealedOptions", "StoreHeads"]


class FileHeadsOptions(BaseModel):
    """Heads in a folder."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: Literal["files"]
    path: str = Field(description="the folder, which only this service should be able to write to")
    fsync: bool = Field(default=True, description="whether each head is on the disk before the append is acknowledged")


class StoreHeadsOptions(BaseModel):
    """Heads in another journal store."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    kind: Literal["store"]
    # The options of the other store may hold secrets, of which only that store knows.
    store: JsonObject = Field(repr=False, description="the journal store that keeps them: its kind and its options")


class SealedOptions(BaseModel):
    """Options of the kind `sealed`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    store: JsonObject = Field(repr=False, description="the journal store that keeps the streams: kind and options")
    name: str = Field(min_length=1, description="the store's name; it is part of every key, and cannot be changed")
    keys: dict[str, SecretStr] = Field(min_length=1, description="secrets by key id, each at least 32 random bytes")
    current: str = Field(default="", description="the id of the key that seals; needed where there are several")
    heads: Annotated[FileHeadsOptions | StoreHeadsOptions, Field(discriminator="kind")] | None = Field(
        default=None, description="where the ends of the streams are noted: out of reach of who can write to the store"
    )


def _open(options: SealedOptions) -> SealedJournalStore:
    secrets = {name: secret.get_secret_value() for name, secret in options.keys.items()}
    keys = seal_keys(options.name, secrets, options.current)
    return SealedJournalStore(open_behind(options.store, "journals.store"), keys, _open_heads(options))


def _open_heads(options: SealedOptions) -> JournalHeads | None:
    if options.heads is None:
        return None
    if isinstance(options.heads, FileHeadsOptions):
        directory = options.store.get("directory")
        if isinstance(directory, str) and Path(options.heads.path).resolve().is_relative_to(Path(directory).resolve()):
            raise _not_elsewhere()
        return FileHeads(options.heads.path, fsync=options.heads.fsync)
    if same_place(options.heads.store, options.store):
        raise _not_elsewhere()
    return StoreHeads(open_behind(options.heads.store, "journals.heads.store"), options.name)


def _not_elsewhere() -> ConfigurationError:
    return ConfigurationError(
        "The heads of the sealed store are kept in the same place as its streams, so an older copy has both.",
        guidance="Keep them in another place, where those who can write to the store cannot write.",
    )


ADAPTER = Adapter(SealedOptions, _open)
