"""Encrypts the content of the entries of another journal store: it cannot be read without the keys.

cryptography is imported when a store is opened.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters.journals._behind import open_behind
from lightagent.adapters.journals.encrypted.aes_gcm import AesGcmCodec
from lightagent.adapters.journals.encrypted.store import EncryptedJournalStore
from lightagent.adapters.registry import Adapter
from lightagent.domain.journals.content_keys import content_keys
from lightagent.domain.json_types import JsonObject

__all__ = ["ADAPTER", "AesGcmCodec", "EncryptedJournalStore", "EncryptedOptions"]


class EncryptedOptions(BaseModel):
    """Options of the kind `encrypted`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    # The options of the other store may hold secrets, of which only that store knows.
    store: JsonObject = Field(repr=False, description="the journal store that keeps the streams: kind and options")
    keys: dict[str, SecretStr] = Field(min_length=1, description="secrets by key id, each at least 32 random bytes")
    current: str = Field(default="", description="the id of the key that encrypts; needed where there are several")
    name: str = Field(default="", description="the store's name; it is part of every key, and cannot be changed")


def _open(options: EncryptedOptions) -> EncryptedJournalStore:
    secrets = {name: secret.get_secret_value() for name, secret in options.keys.items()}
    keys = content_keys(secrets, options.current, store=options.name)
    return EncryptedJournalStore(open_behind(options.store, "journals.store"), AesGcmCodec(keys))


ADAPTER = Adapter(EncryptedOptions, _open, requires=("cryptography",), extra="encryption")
