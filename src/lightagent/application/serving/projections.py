"""What every protocol makes of a run: frames, out of its steps, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lightagent.application.steps import Step
from lightagent.domain.error_codes import LightAgentErrorInfo


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of an answer before its run has begun.

    Attributes:
        id: of the answer, as the protocol names it.
        model: as the client named it.
        created: seconds since 1970.
    """

    id: str
    model: str
    created: int


class StreamProjection(Protocol):
    """One answer as a stream of server-sent events. Pure: it knows no clock, no socket and no store.

    `feed` is given every step of one run in its order, and gives the bytes that this step adds to the stream, none for
    most. What it has given so far is always whole frames, so a stream may be cut after any step. The step
    `RunFinished` brings the end of the stream.
    """

    def begin(self) -> bytes:
        """The frames before the first step, which leave at once."""
        ...

    def feed(self, step: Step) -> bytes:
        """The frames of one step."""
        ...

    def fail(self, info: LightAgentErrorInfo) -> bytes:
        """The error and the end, where a run could not begin or its journal could not be kept."""
        ...
