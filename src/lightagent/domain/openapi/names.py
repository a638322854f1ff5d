"""What a model calls each operation: by its own id where it has one, and never as another."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, TypeAlias

OperationKey: TypeAlias = tuple[str, str]
"""Method and path, which no two operations of a document share."""

_MOST: Final = 64
_KEPT: Final = 55
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_-]+")
_MARKS: Final = re.compile(r"[\u0300-\u036f]+")


def operation_names(written: Mapping[OperationKey, str], prefix: str = "") -> dict[OperationKey, str]:
    """A name for each operation, such as every provider takes.

    It depends on the ids, methods and paths alone, and not on their order. Operations without an id are called by
    method and path. Where ids come to the same name, each has eight hexadecimal digits of its method and path.

    Args:
        written: the id of each operation; empty where it has none.
        prefix: the beginning of all names.
    """
    plain = {key: _plain(key, operation_id) for key, operation_id in written.items()}
    times = Counter(plain.values())
    room = _MOST - len(prefix)
    named = {
        key: f"{prefix}{name}" if times[name] == 1 and len(name) <= room else f"{prefix}{_marked(name, key, room - 9)}"
        for key, name in plain.items()
    }
    return _make_distinct(named, room - 21)


def _plain(key: OperationKey, operation_id: str) -> str:
    name = _slug(operation_id) or _slug(f"{key[0]} {key[1]}") or key[0]
    return name if name[0].isalpha() or name[0] == "_" else f"op_{name}"


def _marked(name: str, key: OperationKey, most: int, digits: int = 8) -> str:
    digest = sha256("\n".join(key).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name[:most].rstrip('_-') or 'op'}_{digest[:digits]}"


def _make_distinct(named: dict[OperationKey, str], most: int) -> dict[OperationKey, str]:
    """The names, of which those get more digits that are the same still: an id may look like a name made here."""
    times = Counter(named.values())
    if max(times.values(), default=1) == 1:
        return named
    return {key: name if times[name] == 1 else _marked(name, key, most, 20) for key, name in named.items()}


def _slug(text: str) -> str:
    return _OTHERS.sub("_", _MARKS.sub("", unicodedata.normalize("NFKD", text))).strip("_")
