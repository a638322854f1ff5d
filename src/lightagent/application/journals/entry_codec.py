"""Values to and from the entries of a stream, for values that pydantic reads and writes as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from lightagent.application.journals.event_codec import read_strictly
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.journals.streams import Draft, Entry

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_CHANGED: Final = "What is stored is not what was written."
_NOT_WRITTEN: Final = "Nothing was written. Pass a value of the type that is declared."


class EntryCodec(Generic[T]):
    """Writes and reads the entries of one kind of stream.

    Args:
        name: names the stream in the texts of errors, such as ``Review``.
        adapter: gives the adapter; called when the first entry is written or read, since building one takes some
            milliseconds.
        schema: the version of the format that this release writes.
    """

    def __init__(self, name: str, adapter: Callable[[], TypeAdapter[T]], schema: int = 1) -> None:
        self.name = name
        self._adapter = adapter
        self._schema = schema

    def draft(self, value: T) -> Draft:
        """The value as an entry that a store can append.

        Raises:
            ConfigurationError: it could not be read again, for instance with a field of a wrong type. One such entry
                would make the whole stream unreadable.
        """
        adapter, at = self._adapter(), f"{self.name}: this entry"
        try:
            # A value of a wrong type is found by reading it back.
            text = json.dumps(adapter.dump_python(value, mode="json", warnings=False), separators=(",", ":"))
            content = read_json(text)
        except ValueError as error:  # It is nested too deep, or has a number that JSON does not have.
            raise ConfigurationError(f"{at}: {error}.", guidance=_NOT_WRITTEN) from None
        if read_strictly(adapter, content, at, guidance=_NOT_WRITTEN) != value:
            raise ConfigurationError(f"{at} would be read as something else.", guidance=_NOT_WRITTEN)
        return Draft(text, self._schema)

    def read(self, entry: Entry) -> T:
        """The value of an entry that a store gave.

        Raises:
            ConfigurationError: a later release wrote it, or it is not what `draft` gave.
        """
        at = f"{self.name}: entry {entry.sequence}"
        if entry.schema > self._schema:
            raise ConfigurationError(f"{at} was written by a later release.", guidance="Update lightagent.")
        try:
            content = read_json(entry.content)
        except ValueError as error:
            raise ConfigurationError(f"{at}: {error}.", guidance=_CHANGED) from None
        return read_strictly(self._adapter(), content, at, guidance=_CHANGED)
