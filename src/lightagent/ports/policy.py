"""The port to policies: the gate that every move of a run passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.policy.phases import Passed, PayloadT, Phase, Stopped, Subject, Verdict


class HeldStream(Protocol):
    """Holds back the deltas of one reply until it is known that they may be shown."""

    def feed(self, delta: Delta) -> Sequence[Delta] | Stopped:
        """Take one delta; give those that may go on now, changed or not, or stop the run."""
        ...

    async def end(self) -> Passed[tuple[Delta, ...]] | Stopped:
        """The reply is complete: give what is still held, with the decisions about all of it, or stop the run."""
        ...


class Gate(Protocol):
    """The one place where policies review a run. Serves any number of runs at once.

    A gate that raises, takes longer than its timeout or answers with something else blocks the run. A subclass names
    its `policies`, `phases` and `timeout` in its class or as properties: they cannot be assigned to `self`.
    """

    @property
    def policies(self) -> tuple[str, ...]:
        """Names what stands behind the gate; a run that was begun with a policy is not resumed without it."""
        ...

    @property
    def phases(self) -> frozenset[Phase]:
        """The boundaries that are reviewed; at the others `review` is not called."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds for one review; None: as long as the run may take."""
        ...

    async def review(self, phase: Phase, subject: Subject, payload: PayloadT) -> Verdict[PayloadT]:
        """Judge what would go on at one boundary; `PayloadT` is the class of `Payload` that belongs to the phase."""
        ...

    def hold(self, subject: Subject) -> HeldStream | None:
        """Holds the stream of the reply that comes now; None: a gate that reviews replies gets them whole.

        Without it the deltas of a reply are kept until the reviews of its whole text have passed.
        """
        ...
