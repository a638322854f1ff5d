"""Names for tools that other systems named, such as every provider takes: a pure function of server and tool.

Providers take 1 to 64 of a-z, A-Z, 0-9, ``_`` and ``-``; servers name their tools as they like. A name here depends on
nothing but the two names, so that neither the order in which servers answer nor a tool that comes later changes it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Container, Iterable, Iterator
from hashlib import sha256
from itertools import chain
from typing import Final

from lightagent.domain.errors import ConfigurationError

_MOST_OF_SERVER: Final = 20
_MOST_OF_BOTH: Final = 55
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_HASH_AT_END: Final = re.compile(r"_[0-9a-f]{8}\Z")
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_-]+")
_MARKS: Final = re.compile(r"[\u0300-\u036f]+")


def model_name(server: str, tool: str) -> str:
    """What the model calls the tool of a server.

    ``server__tool`` where providers take that and no other pair of names comes to it; else as much of both as can be
    kept, and eight hexadecimal digits of the two.
    """
    joined = f"{server}__{tool}"
    if _PLAIN.fullmatch(joined) and not _HASH_AT_END.search(joined) and _has_clear_seam(server, tool):
        return joined
    digest = sha256(f"{len(server)}:{server}{tool}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
    parts = (_slug(server)[:_MOST_OF_SERVER], _slug(tool))
    kept = "__".join(part for part in parts if part)[:_MOST_OF_BOTH].rstrip("_") or "tool"
    return f"{kept if kept[0].isalpha() else f't_{kept}'[:_MOST_OF_BOTH]}_{digest}"


def called_by_models(written: str) -> tuple[str, ...]:
    """What the model may call the tool that a person writes as ``SERVER/TOOL``, by their own names; others as they are.

    No tool that a model can call has a slash in its name, so nothing else can be meant. Where there are several
    slashes, each may be the one between server and tool, and all of these names are given: no other tool has them.
    """
    slashes = [place for place, sign in enumerate(written) if sign == "/"]
    return tuple(model_name(written[:place], written[place + 1 :]) for place in slashes) or (written,)


def called_as(written: Iterable[str]) -> Iterator[str]:
    """The same for all of several tools."""
    return chain.from_iterable(map(called_by_models, written))


def resolve_source_name(written: str, own: Container[str]) -> str:
    """Return the name of a source that a person means, or what was written if none matches."""
    return next((name for name in called_by_models(written) if name in own), written)


def exact_names(written: Collection[str], option: str) -> frozenset[str]:
    """What models call the tools that a person lists, where only whole names count.

    Raises:
        ConfigurationError: they are not a list of texts, or one is a pattern, which would fit no tool.
    """
    given: object = written
    if not isinstance(given, Collection) or isinstance(given, str) or not all(isinstance(name, str) for name in given):
        raise ConfigurationError(f"{option}: expected a list of names of tools.", guidance="")
    pattern = next((name for name in written if "*" in name), None)
    if pattern is not None:
        raise ConfigurationError(
            f"{option}: {pattern!r:.100} is not the name of a tool; * stands for nothing here.",
            guidance="List the tools one by one, or write a rule of a CapabilityPolicy.",
        )
    return frozenset(called_as(written))


def _has_clear_seam(server: str, tool: str) -> bool:
    """Whether the first two underscores in a row are the seam, which tells the two names apart."""
    clear = bool(server) and "__" not in server and not server.endswith("_")
    return clear and bool(tool) and not tool.startswith("_")


def _slug(name: str) -> str:
    """The name in letters that every provider takes; scripts that have none of them leave nothing."""
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", name))
    return _OTHERS.sub("_", plain).strip("_")
