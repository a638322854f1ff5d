"""Control signals: exceptions that a tool may raise to steer the run. They are not errors."""

from __future__ import annotations

from collections.abc import Mapping

from lightagent.domain.json_copies import plain_object
from lightagent.domain.json_types import JsonInput, JsonObject


class ControlSignal(Exception):
    """What a tool raises to steer the run instead of answering."""


class RetryTool(ControlSignal):
    """The arguments were understood but do not work; `hint` goes to the model so that it can call again."""

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class ApprovalRequired(ControlSignal):
    """A human must decide before this call goes on; the run suspends as data.

    Args:
        reason: why, in a sentence a reviewer reads.
        request: what the reviewer needs to see, plain JSON.
    """

    def __init__(self, reason: str = "", request: Mapping[str, JsonInput] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.request: JsonObject = plain_object(request) if isinstance(request, (dict, Mapping)) else {}


class NestedRunWaits(ControlSignal):
    """The agent that was called as a tool waits for a human; the run that called it waits with it."""
