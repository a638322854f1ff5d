"""Holds back what a model says until the policies have passed it."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import TypeIs

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.apply_policy import Reviewer, are_decisions, checked_stop, policy_fault
from lightagent.application.foreign_code import FAILURES, InnerCancellation, await_foreign, failure
from lightagent.application.tools.deps import DepsT
from lightagent.domain.conversation.deltas import Delta, ModelReply, is_whole_delta
from lightagent.domain.policy.phases import Decision, Passed, Phase, Stopped
from lightagent.ports.policy import Gate, HeldStream


class Hold:
    """The held streams of one reply, one behind the other.

    Attributes:
        whole: nothing is shown before the reply is complete and its whole text was reviewed.
    """

    __slots__ = ("_in_time", "_output_waits", "_streams", "whole")

    def __init__(
        self, streams: list[tuple[Gate, HeldStream]], *, whole: bool, output_waits: bool, in_time: bool
    ) -> None:
        self._streams = streams
        self._in_time = in_time
        self._output_waits = output_waits
        self.whole: bool = whole

    def feed(self, delta: Delta) -> Sequence[Delta] | Stopped:
        """What may go on after this delta."""
        return _through([delta], self._streams)

    async def end(self) -> Passed[tuple[Delta, ...]] | Stopped:
        """What was still held, once the reply is complete."""
        rest: list[Delta] = []
        decisions: tuple[Decision, ...] = ()
        for place, (gate, stream) in enumerate(self._streams):
            verdict = await _end(gate, stream, in_time=self._in_time)
            decisions += verdict.decisions
            if isinstance(verdict, Stopped):
                return Stopped(verdict.outcome, decisions)
            further = _through(verdict.payload, self._streams[place + 1 :])
            if isinstance(further, Stopped):
                return Stopped(further.outcome, decisions + further.decisions)
            rest.extend(further)
        return Passed(tuple(rest), decisions)

    def may_show(self, reply: ModelReply) -> bool:
        """Whether a reviewed reply may be shown now; a final text waits until it is accepted as the output."""
        return bool(reply.message.tool_calls) or reply.end.finish_reason == "length" or not self._output_waits


def begin_hold(live: ActiveRun[DepsT]) -> Hold | Stopped | None:
    """The hold of the reply that comes now; None where no policy reviews replies."""
    reviewer = live.reviewer
    if reviewer is None:
        return None
    streams = reviewer.hold(live.subject())
    if isinstance(streams, Stopped):
        return streams
    waits = phases_without_stream(reviewer, streams)
    output_waits = "output" in waits
    whole = output_waits or "model_reply" in waits
    if not streams and not whole:
        return None
    return Hold(streams, whole=whole, output_waits=output_waits, in_time=reviewer.in_time)


def phases_without_stream(reviewer: Reviewer, streams: Sequence[tuple[Gate, HeldStream]]) -> frozenset[Phase]:
    """What is reviewed by the gates that hold no stream; they get a reply whole, before any of it is shown."""
    holding = {id(gate) for gate, _ in streams}
    return frozenset().union(*(gate.phases for gate in reviewer.gates if id(gate) not in holding))


def _through(deltas: Sequence[Delta], streams: Sequence[tuple[Gate, HeldStream]]) -> Sequence[Delta] | Stopped:
    """What comes out of the streams when these deltas go in."""
    for gate, stream in streams:
        passed: list[Delta] = []
        for delta in deltas:
            try:
                released: object = stream.feed(delta)
            except FAILURES as raised:  # Foreign code: a policy that raises blocks.
                failure(raised)
                return policy_fault(gate, "model_reply", f"Its held stream raised {type(raised).__name__}.")
            if isinstance(released, Stopped) and are_decisions(released.decisions, "model_reply"):
                return checked_stop(gate, "model_reply", released)
            if not _are_deltas(released):
                return policy_fault(gate, "model_reply", "Its held stream released what is not a delta.")
            passed.extend(released)
        deltas = passed
    return deltas


async def _end(gate: Gate, stream: HeldStream, *, in_time: bool) -> Passed[tuple[Delta, ...]] | Stopped:
    try:
        verdict: object = await await_foreign(stream.end(), gate.timeout, in_time=in_time)
    except TimeoutError:
        return policy_fault(gate, "model_reply", "Its held stream did not end in time.")
    except FAILURES as raised:  # Foreign code: a policy that raises blocks.
        if isinstance(failure(raised), InnerCancellation):
            return policy_fault(gate, "model_reply", "Something that its held stream waited for was cancelled.")
        return policy_fault(gate, "model_reply", f"Its held stream raised {type(raised).__name__}.")
    if not isinstance(verdict, (Passed, Stopped)) or not are_decisions(verdict.decisions, "model_reply"):
        return policy_fault(gate, "model_reply", "Its held stream ended with what is not a verdict.")
    if isinstance(verdict, Stopped):
        return checked_stop(gate, "model_reply", verdict)
    if not _are_deltas(payload := verdict.payload):
        return policy_fault(gate, "model_reply", "Its held stream ended with what is not a verdict.")
    return Passed(tuple(payload), verdict.decisions)


def _are_deltas(value: object) -> TypeIs[Sequence[Delta]]:
    return isinstance(value, (list, tuple)) and all(map(is_whole_delta, value))
