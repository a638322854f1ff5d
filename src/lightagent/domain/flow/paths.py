"""The names of a piece of work in a run of a flow: its path, and the key of its effects.

A path is made of the definition only: `plan` is a step of the flow, `m[3]/x` a step of the fourth item of the map `m`,
`l#2/x` one of the second round of the loop `l`, `plan+/x` one that `plan` has added below itself. Special characters
are escaped in the names of steps, so no two pieces of work have the same path.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import Final

from lightagent.domain.scopes import NO_SCOPE, Scope

_ESCAPES: Final = {ord(one): f"%{ord(one):02x}" for one in "%/[]#+@"}
_ESCAPED: Final = re.compile(r"%([0-9a-f]{2})")
_INSTANCE: Final = re.compile(r"\[[0-9]+\]$|#[0-9]+$|\+$")


def escape(name: str) -> str:
    """The name of a step as it stands in a path, such as `a%2fx` for `a/x`."""
    return name if name.isalnum() else name.translate(_ESCAPES)


def unescape(part: str) -> str:
    """The name of a step from its form in a path."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), part)


def item_prefix(path: str, index: int) -> str:
    """The prefix of the paths of an item's steps; items are counted from 0, as in the list."""
    return f"{path}[{index}]/"


def round_prefix(path: str, number: int) -> str:
    """The prefix of the paths of a round's steps; rounds are counted from 1."""
    return f"{path}#{number}/"


def added_prefix(path: str) -> str:
    """The prefix of the paths of the steps that a step has added below itself."""
    return f"{path}+/"


def declared_path(path: str) -> str:
    """The place of a piece of work in the definition: `m/x` for `m[3]/x`, `l/x` for `l#2/x`.

    A step that was added by another keeps its `+`, since no definition names it: `m/x+/y` for `m[3]/x+/y`.
    """
    if "/" not in path:
        return path
    parts = path.split("/")
    above = [part if part.endswith("+") else _INSTANCE.sub("", part) for part in parts[:-1]]
    return "/".join((*above, parts[-1]))


def parent_path(path: str) -> str | None:
    """The path of the step around it, such as `m` for `m[3]/x`; None for a step of the flow itself."""
    around, found, _ = path.rpartition("/")
    return _INSTANCE.sub("", around) if found else None


def step_name(path: str) -> str:
    """The name of the step at this path, as its author wrote it."""
    return unescape(path.rpartition("/")[2])


def added_depth(path: str) -> int:
    """How many steps, one below the other, have added the one at this path: 0 for a step of the definition."""
    return path.count("+/")


def effect_key(run_id: str, path: str, epoch: int, *, owner: Scope = NO_SCOPE, fallback: bool = False) -> str:
    """The idempotency key of a piece of work, for its callable and its tools.

    It is the same for every attempt and after every resumption, another one after a rerun, and another one for the
    fallback. Two owners may use the same run id, so that of a run with an owner begins with a digest of the owner. Its
    text is part of what users store elsewhere, so it never changes.

    Args:
        owner: the tenant and the user whose run it is.
    """
    whose = _whose(owner.tenant, owner.user) if owner.tenant or owner.user else ""
    return f"{whose}{escape(run_id)}/{path}@{epoch}{'/fallback' if fallback else ''}"


@lru_cache(1_024)
def _whose(tenant: str, user: str) -> str:
    """The prefix of the keys of an owner. Run ids have no `@` in a key, so no run id can pass for it."""
    told = f"{len(tenant)}:{tenant}{user}".encode("utf-8", "surrogatepass")
    return f"{sha256(told).hexdigest()[:16]}@"
