"""Heads as JSON text."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, ValidationError

from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.heads import HeadState, StreamHead
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.scopes import Scope


class _HeadText(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    birth: str
    sequence: int = 0
    code: str = ""
    base: int = 0
    state: HeadState = "live"
    key: list[str] | None = None


def head_text(head: StreamHead) -> str:
    """A head as one line."""
    key, owner = head.key, None if head.key is None else head.key.owner
    named = None if key is None or owner is None else [owner.tenant, owner.user, owner.session, key.kind, key.id]
    told = {
        "birth": head.birth,
        "sequence": head.sequence,
        "code": head.code,
        "base": head.base,
        "state": head.state,
        "key": named,
    }
    return json.dumps(told)


def head_of(text: str) -> StreamHead:
    """The head of a line.

    Raises:
        DamagedStream: it is none.
    """
    try:
        # The standard library's reader, since a name may hold half a surrogate pair.
        told = _HeadText.model_validate(json.loads(text))
        named = None if told.key is None else _key(told.key)
    except (ValueError, ValidationError):
        raise DamagedStream(
            "A head of a sealed journal store cannot be read.", guidance="Restore the heads from a backup."
        ) from None
    return StreamHead(told.birth, told.sequence, told.code, told.base, told.state, named)


def _key(parts: list[str]) -> StreamKey:
    tenant, user, session, kind, id_ = parts
    return StreamKey(Scope(tenant, user, session), kind, id_)
