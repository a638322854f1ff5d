"""The calls of a run that wait for a human, at any depth, each with the desk that asks about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.policies.review_desk import ReviewDesk, ReviewedAgent, ReviewLevel
from lightagent.application.reviews.decide_calls import decided_calls
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.foreign_tool import declared
from lightagent.application.tools.toolset import Toolset
from lightagent.application.tools.wrapped_tool import unwrapped
from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.json_copies import same_json
from lightagent.domain.policy.phases import rewritings
from lightagent.domain.review.requests import ApprovalRequest, can_be_shown, hash_arguments, request_id_of, shown_part
from lightagent.domain.runs.events import ApprovalRequested, Event, ModelReplied, Nested
from lightagent.domain.runs.state import PendingCall, Run, waiting_calls
from lightagent.domain.tools.spec import CLIENT_PROVIDER, ToolSpec


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A call that waits, or has waited.

    Attributes:
        name: as decisions name it.
        path: the ids of the calls that lead to it, its own last.
        tool_name: as it was offered.
        run: the run that makes it.
        agents: who called whom, down to the agent of `run`.
        spec: the declaration of the tool; None if it is not here.
        desks: those that have it reviewed. The first of them asks; the demands of all of them apply.
        policies: those that the runs leading to it were begun with.
        asked: the events in which the run has asked about it, the last one last.
    """

    name: str
    path: tuple[str, ...]
    tool_name: str
    run: Run
    call: PendingCall
    agents: tuple[str, ...]
    spec: ToolSpec | None
    desks: tuple[ReviewDesk, ...]
    policies: frozenset[str]
    asked: tuple[ApprovalRequested, ...]

    @property
    def desk(self) -> ReviewDesk | None:
        """The desk that asks about it; None if no desk has it reviewed."""
        return self.desks[0] if self.desks else None

    @property
    def is_on_record(self) -> bool:
        """Whether decisions about it are in the store of its desk: the run was begun with that desk's policy."""
        desk = self.desk
        return desk is not None and desk.outlives_its_process and desk.policy in self.policies

    def request(self, outermost: Run, now: float) -> ApprovalRequest:
        """The request about it, for reviewers.

        If a policy rewrote what a reviewer sees, it has hidden something; the rewritten request is shown instead.
        """
        arguments, started = self.call.arguments or {}, outermost.started
        last = self.asked[-1] if self.asked else ApprovalRequested(self.path[-1], "", {"arguments": arguments})
        hidden = any(decision.phase == "approval" for decision in rewritings(last.decisions))
        complete = not hidden and can_be_shown(arguments) and can_be_shown(last.request)
        plain = same_json(last.request, {"arguments": arguments})
        details = {} if plain or not can_be_shown(last.request) else last.request
        timeout = min((desk.timeout for desk in self.desks if desk.timeout is not None), default=None)
        return ApprovalRequest(
            _request_id(outermost, self.run, self.path[-1]),
            self.tool_name,
            arguments if complete else {} if hidden else shown_part(arguments),
            hash_arguments(arguments),
            complete,
            last.reason,
            details,
            self.agents,
            started.run_id,
            started.trace_id,
            self.name,
            max(len(self.asked), 1),
            started.scope.tenant,
            started.scope.user,
            started.scope.session,
            now,
            None if timeout is None else now + timeout,
            any(desk.separate_reviewer for desk in self.desks),
        )


def open_requests(run: Run) -> list[str]:
    """The ids of the requests about the waiting calls of a run, including those of its nested runs."""
    found = list[str]()
    for path in waiting_calls(run).values():
        inner = run
        for call_id in path[:-1]:
            child = inner.calls[call_id].child
            inner = inner if child is None else child
        found.append(_request_id(run, inner, path[-1]))
    return found


def _request_id(outermost: Run, run: Run, call_id: str) -> str:
    return request_id_of(outermost.started.run_id, run.started.run_id, run.turn, call_id)


async def find_waiting(live: ActiveRun[DepsT]) -> list[WaitingCall]:
    """Every call of the run that waits, in order.

    Raises:
        LightAgentError: the tools of an agent cannot be listed.
    """
    run, found = live.run, list[WaitingCall]()
    outermost = review_level(live.desks, await live.toolset())
    for name, path in waiting_calls(run).items():
        found.append(await _waiting_call(name, path, run, outermost, live.record.events))
    return found


async def find_decided(live: ActiveRun[DepsT]) -> list[WaitingCall]:
    """Every call of the run that a human has decided about, and that has no result yet.

    Raises:
        LightAgentError: the tools of an agent cannot be listed.
    """
    paths = list(decided_calls(live.run))
    if not paths:
        return []
    outermost = review_level(live.desks, await live.toolset())
    events = live.record.events
    return [await _waiting_call("/".join(path), path, live.run, outermost, events) for path in paths]


async def _waiting_call(
    name: str, path: tuple[str, ...], run: Run, level: ReviewLevel, events: list[Event]
) -> WaitingCall:
    agents, desks, policies = [run.head.name], [*level.desks], [*_policies(run)]
    for call_id in path[:-1]:
        child = run.calls[call_id].child
        if child is None:
            break
        _, agent = level.tool(_tool_name(run, run.calls[call_id])) or (None, None)
        run = child
        level = _UNKNOWN if agent is None else await agent.review_level(run)
        desks += level.desks
        agents.append(run.head.name)
        policies += _policies(run)
    call = run.calls[path[-1]]
    tool_name = _tool_name(run, call)
    spec, _ = level.tool(tool_name) or (None, None)
    asked = _requests_of(events, path)
    is_client_s = spec is not None and spec.provider == CLIENT_PROVIDER
    reviewing = () if is_client_s else _reviewing(desks, tool_name)
    return WaitingCall(name, path, tool_name, run, call, tuple(agents), spec, reviewing, frozenset(policies), asked)


def _policies(run: Run) -> Iterator[str]:
    started = run.started
    yield from started.policies
    yield from (name for one in started.handoff_policies for name in one.policies)


def _tool_name(run: Run, call: PendingCall) -> str:
    return resolve_called_name(call.call.name, run.offered or ())


def _reviewing(desks: list[ReviewDesk], tool: str) -> tuple[ReviewDesk, ...]:
    """The desks that cover the tool, otherwise the first of all, since every waiting call must reach a reviewer."""
    return tuple(desk for desk in desks if desk.covers(tool)) or tuple(desks[:1])


def _requests_of(events: list[Event], path: tuple[str, ...]) -> tuple[ApprovalRequested, ...]:
    """The events in which the run, or a run nested in it, has asked about the call at this path.

    A later reply of the model may give another call the same id, so those before the last reply do not count.
    """
    found = list[ApprovalRequested]()
    for event in events:
        inner, ids = event, list[str]()
        while isinstance(inner, Nested):
            ids.append(inner.call_id)
            inner = inner.event
        if isinstance(inner, ApprovalRequested) and (*ids, inner.call_id) == path:
            found.append(inner)
        elif isinstance(inner, ModelReplied) and tuple(ids) == path[:-1]:
            found.clear()
    return tuple(found)


def review_level(desks: tuple[ReviewDesk, ...], toolset: Toolset[DepsT]) -> ReviewLevel:
    """What is known of the agent that has these desks and tools."""

    def find(name: str) -> tuple[ToolSpec, ReviewedAgent | None] | None:
        tool = toolset.tools.get(name)
        if tool is None:
            return None
        inner: object = unwrapped(tool)
        return declared(tool, name), inner if isinstance(inner, ReviewedAgent) else None

    return ReviewLevel(desks, find)


_UNKNOWN: Final = ReviewLevel((), lambda name: None)
"""The context of an agent that is not here."""
