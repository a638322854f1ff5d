"""The options of a step about the people who are asked about it."""

from __future__ import annotations

from typing import NamedTuple

from lightagent.application.flow.flow_function import FlowFunction
from lightagent.compose.step_functions import compose_function
from lightagent.compose.step_policies import compose_names, compose_timeout
from lightagent.domain.errors import ConfigurationError
from lightagent.flow_options import StepOptions, WaitOptions


class StepPeople(NamedTuple):
    """Who is asked about a step, and for how long; see `StepOptions`."""

    approval: bool
    handler: FlowFunction | None
    approvers: tuple[str, ...]
    timeout: float | None
    escalate_to: tuple[str, ...]


def compose_people(at: str, options: StepOptions | WaitOptions, *, asks: bool = False) -> StepPeople:
    """The people of a step, from its options.

    Args:
        asks: a person may be asked about it, even if it does not require approval.

    Raises:
        ConfigurationError: an option is wrong, or is about approvals although the step never asks for one.
    """
    approval = options.get("requires_approval") or False
    people = StepPeople(
        approval,
        compose_function(at, "approval_handler", options.get("approval_handler")),
        compose_names(at, "approvers", options.get("approvers")),
        compose_timeout(at, options.get("approval_timeout"), "approval_timeout"),
        compose_names(at, "escalate_to", options.get("escalate_to")),
    )
    if people.handler is not None and not approval:
        raise ConfigurationError(
            f"{at}: approval_handler= decides whether the step runs, but this step needs no approval.",
            guidance="Give it requires_approval=True.",
        )
    given = {
        "approvers": people.approvers,
        "approval_timeout": people.timeout,
        "escalate_to": people.escalate_to,
    }
    idle = [f"{name}=" for name, value in given.items() if value]
    if idle and not approval and not asks:
        raise ConfigurationError(
            f"{at}: {', '.join(idle)} is about people who decide, but this step needs no approval.",
            guidance="Give it requires_approval=True.",
        )
    return people


def may_ask(options: StepOptions) -> bool:
    """Whether a person may be asked about the result or the proposed steps."""
    return options.get("on_doubt") == "person" or options.get("accept_steps") == "person"
