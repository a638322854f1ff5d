"""The fold of the plans that are made before an agent acts, and the decision when one is due."""

from __future__ import annotations

from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.conversation.labels import joined, labels_of
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.planning.plans import Planned
from lightagent.domain.runs.state import Run


def plan_is_due(run: Run) -> bool:
    """Whether the agent that acts now is to make a plan before its next request: at first, and where one failed."""
    if not run.started.plans or run.request is not None:
        return False
    return run.planned < _most_plans(run) and (run.planned == 0 or run.plan_failed)


def _most_plans(run: Run) -> int:
    return next((plans.most for plans in run.started.plans if plans.agent == run.head.name), 0)


def take_plan(run: Run, event: Planned) -> Run:
    """Return the run after planning; if no plan was made, it continues unchanged.

    Raises:
        ConfigurationError: no plan is due, or only one of the plan and its message is present.
    """
    if run.calls or run.last_reply is not None or not run.admitted or len(run.prepared) != len(run.started.before):
        raise ConfigurationError("planned: it is not the model's turn.")
    if not plan_is_due(run) or run.handed_over is not None:
        raise ConfigurationError("planned: no plan is due.")
    run = run._replace(planned=run.planned + 1, plan_failed=False)
    if event.plan is None or event.message is None:
        if event.plan is not None or event.message is not None:
            raise ConfigurationError("planned: a plan goes with the message that tells it.")
        return run._replace(plan_tools=None)  # What is offered by a plan that failed may be too little.
    run = without_plan(run)
    at = min(max(run.query_at - len(run.history), 0), len(run.added))
    if run.query is None:  # It gave way to a summary, which stands at the beginning.
        at = 0
    return run._replace(
        added=(*run.added[:at], event.message, *run.added[at:]),
        query_at=run.query_at + 1,
        plan=event.plan,
        plan_message=event.message,
        plan_tools=event.offered,
        untrusted=joined(run.untrusted, labels_of((event.message,))),
    )


def without_plan(run: Run) -> Run:
    """The run without its plan, and without the message that tells it."""
    message = run.plan_message
    if message is None:
        return run
    run = run._replace(plan=None, plan_message=None, plan_tools=None)
    place = next((at for at, one in enumerate(run.added) if one == message), None)
    if place is None:
        return run
    before = len(run.history) + place < run.query_at
    return run._replace(added=run.added[:place] + run.added[place + 1 :], query_at=run.query_at - before)


def see_failures(run: Run) -> Run:
    """The run as its calls end: whether its plan has failed.

    It has where a call of a tool that it names failed, or any call where it names none; and where the model called a
    tool that is not offered: because the plan does not name it, or because a policy keeps back what the plan names.
    Where no other plan follows, all tools are offered.
    """
    if run.plan is None or run.plan_failed:
        return run
    needed, kept_back = run.plan.tools, _withheld_tools(run)
    for call in run.calls.values():
        name = resolve_called_name(call.call.name, (*(run.offered or ()), *kept_back))
        if name in kept_back or (call.failed and (name in needed or not needed)):
            again = run.planned < _most_plans(run)
            return run._replace(plan_failed=True, plan_tools=run.plan_tools if again else None)
    return run


def split_by_plan(run: Run, names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the tools that the plan leaves on offer, and of those that it keeps back."""
    if run.plan_tools is None:
        return names, ()
    left = tuple(name for name in names if name in run.plan_tools)
    return left, tuple(name for name in names if name not in run.plan_tools)


def _withheld_tools(run: Run) -> frozenset[str]:
    """What was not offered because of the plan, or although the plan needs it."""
    needed = () if run.plan is None else run.plan.tools
    return frozenset((*split_by_plan(run, run.hidden)[1], *(name for name in run.hidden if name in needed)))
