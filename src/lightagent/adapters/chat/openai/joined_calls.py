"""The calls of several choices as those of one answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lightagent.adapters.chat.openai.tool_calls import ToolCalls, new_id
from lightagent.domain.deltas import ToolCallDelta


class JoinedCalls:
    """Numbers the calls of one choice after those of another, and keeps their ids apart.

    A call that a further choice repeats, id and all, counts once.
    """

    __slots__ = ("_count", "_ids", "_told")

    def __init__(self) -> None:
        self._count = 0
        self._ids: set[str] = set()
        self._told: set[tuple[str, str, str]] = set()

    def join(self, calls: ToolCalls, begun: Iterable[ToolCallDelta]) -> list[ToolCallDelta]:
        """What is to be told of the calls of a choice; `begun`: what has been read of them and not been told."""
        whole = calls.whole()
        said = [(server_id, call.name, call.arguments) for server_id, call in zip(calls.server_ids, whole, strict=True)]
        places: dict[int, int] = {}
        for call, what in zip(whole, said, strict=True):
            if not (what[0] and what in self._told):
                places[call.index] = self._count
                self._count += 1
        self._told.update(said)
        joined = [
            replace(delta, index=places[delta.index], id=self._free(delta.id))
            for delta in (*begun, *whole)
            if delta.index in places
        ]
        self._ids |= calls.ids
        return joined

    def _free(self, call_id: str) -> str:
        return new_id() if call_id in self._ids else call_id
