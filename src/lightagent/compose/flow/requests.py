"""Requests for runs of a flow: their owners, where they continue, and decisions of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightagent.application.check_options import check_options, check_text
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.fork_flow import ForkPoint
from lightagent.domain.absent_names import FLOW_RUN_OPTIONS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.rulings import Unreadable
from lightagent.domain.review.answers import read_review_answer
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.flow_options import (
    FlowRunOptions,
    ForkOptions,
    KnownFlowRunOptions,
    NewFlowRunOptions,
)


def compose_new_flow_run(options: NewFlowRunOptions) -> FlowRequest:
    """The request for a new run.

    Raises:
        ConfigurationError: an unknown option, or one of a wrong type.
    """
    check_options(options, NewFlowRunOptions, "run", parameters=("query", "result_format"), absent=FLOW_RUN_OPTIONS)
    return FlowRequest(
        _owner(options),
        options.get("run_id") or "",
        traced=options.get("trace") or False,
        parent_trace_id=options.get("parent_trace_id") or "",
        run_group_id=options.get("run_group_id") or "",
    )


def compose_known_flow_run(run_id: str, options: KnownFlowRunOptions) -> FlowRequest:
    """The request to continue an existing run.

    Raises:
        ConfigurationError: an unknown option, or one of a wrong type.
    """
    check_text(run_id, "run_id")
    check_options(options, KnownFlowRunOptions, "resume")
    return FlowRequest(
        _owner(options), run_id, traced=options.get("trace") or False, accept=_accepted(options.get("accept"))
    )


def compose_fork(run_id: str, input: str | None, options: ForkOptions) -> tuple[ForkPoint, FlowRequest]:
    """The point at which a run is forked, and the request for the fork.

    Raises:
        ConfigurationError: an unknown option, one of a wrong type, or two points.
    """
    check_text(run_id, "run_id")
    check_options(options, ForkOptions, "fork")
    if input is not None:
        check_text(input, "input")
    event, step = options.get("from_event"), options.get("step") or ""
    if event is not None and step:
        raise ConfigurationError("fork: from_event and step are two points.", guidance="Pass one of them.")
    request = FlowRequest(
        _owner(options),
        options.get("new_run_id") or "",
        traced=options.get("trace") or False,
        accept=_accepted(options.get("accept")),
    )
    return ForkPoint(run_id, event, step, input), request


def _accepted(names: object) -> tuple[str, ...]:
    """Names of steps. A single text is refused: its brackets were probably forgotten."""
    if names is None:
        return ()
    found = tuple(names) if isinstance(names, Sequence) and not isinstance(names, str) else ()
    if isinstance(names, str) or not all(isinstance(name, str) for name in found):
        raise ConfigurationError("accept must be a list of names of steps.", guidance='For example accept=["draft"].')
    return tuple(str(name) for name in found)


def _owner(options: FlowRunOptions) -> Scope:
    return flow_owner(options.get("user_id") or "", options.get("tenant") or "")


def flow_owner(user_id: str, tenant: str) -> Scope:
    """The owner whose runs an option selects.

    Raises:
        ConfigurationError: an id is not text.
    """
    check_text(user_id, "user_id")
    check_text(tenant, "tenant")
    return Scope(tenant, user_id)


def read_decision(decision: object) -> ApprovalDecision:
    """A person's decision, in any of the accepted forms.

    Raises:
        ConfigurationError: it is not a decision.
    """
    read = read_review_answer(dict(decision) if isinstance(decision, Mapping) else decision, "")
    if isinstance(read, Unreadable):
        raise ConfigurationError(
            f"approve: this is not a decision. {read.problem}",
            guidance="Pass True, False, or ApprovalDecision.approve(), .reject(), .edit() or .respond().",
        )
    return read
