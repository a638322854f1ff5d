"""Format reviews: arguments in full, and invisible characters escaped."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lightagent.application.reviews.remembered_decisions import RememberedDecision
from lightagent.domain.review.log import Review
from lightagent.domain.text.characters import written_out
from lightagent.entrypoints.cli.console import out
from lightagent.entrypoints.cli.stores import to_minute

_UNNAMED = "an unnamed reviewer"


def review_line(review: Review) -> str:
    """Format a review as one line of a listing."""
    request = review.request
    owner = f" · {request.user_id}" if request.user_id else ""
    return f"{request.request_id} · {review.status} · {request.tool_name}{owner} · {to_minute(review.changed_at)}"


def remembered_line(one: RememberedDecision, *, forgotten: bool = False) -> str:
    """Format a remembered decision as one line of a listing."""
    known = one.decision
    where = f"{one.user_id}, session {one.session_id}" if one.session_id else one.user_id
    status = "forgotten" if forgotten else known.action
    return f"{one.remembered_id} · {status} · {known.tool_name} · {where} · by {known.actor or _UNNAMED}"


def print_change(review: Review) -> None:
    """Print the state of a review after a command."""
    action = review.status if review.decision is None else review.decision.action
    _print(f"{review.request.request_id} · {action} · {review.request.tool_name}")


def print_review(review: Review) -> None:
    """Print everything that a reviewer needs to see."""
    for line in _lines(review):
        _print(line)


def _lines(review: Review) -> Iterator[str]:
    request, decision = review.request, review.decision
    yield f"request    {request.request_id}"
    yield f"status     {review.status} since {to_minute(review.changed_at)}"
    yield f"tool       {request.tool_name}"
    yield f"agents     {' > '.join(request.agents)}"
    yield f"run        {request.run_id}, call {request.call_id}"
    if request.tenant:
        yield f"tenant     {request.tenant}"
    if request.user_id:
        yield f"user       {request.user_id}" + (f", session {request.session_id}" if request.session_id else "")
    yield f"reason     {request.reason}"
    if request.expires_at is not None:
        yield f"expires    {to_minute(request.expires_at)}"
    yield "arguments" if request.complete else "arguments  (not shown completely: the call cannot be approved)"
    yield from _json_lines(request.arguments)
    if request.details:
        yield "details"
        yield from _json_lines(request.details)
    if decision is not None:
        yield f"decision   {decision.action} by {decision.actor or _UNNAMED}. {decision.reason}".rstrip()


def _json_lines(value: object) -> Iterator[str]:
    for line in json.dumps(value, ensure_ascii=False, indent=2).split("\n"):
        yield f"  {line}"


def _print(line: str) -> None:
    out().print(written_out(line), markup=False)
