"""What every protocol makes of a run: its steps, one after another, written as frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lightagent.application.projections.steps import Step
from lightagent.domain.error_codes import LightAgentErrorInfo


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of an answer before its run starts.

    Attributes:
        id: the id of the answer in the protocol.
        model: the model as the client named it.
        created: the time of creation, in seconds since 1970.
    """

    id: str
    model: str
    created: int


class StreamProjection(Protocol):
    """Writes one answer as a stream of server-sent events. Uses no clock, socket or store.

    `feed` takes every step of one run in order and returns the bytes that the step adds to the stream, for most steps
    none. It returns only whole frames, so a stream may be cut after any step. The step `RunFinished` produces the end
    of the stream.
    """

    def begin(self) -> bytes:
        """Return the frames before the first step, which are sent at once."""
        ...

    def feed(self, step: Step) -> bytes:
        """Return the frames of one step."""
        ...

    def fail(self, info: LightAgentErrorInfo) -> bytes:
        """Return the error and the end of the stream, if a run could not start or its journal could not be kept."""
        ...
