"""How reviews are printed: every argument in full, and nothing that a terminal would not show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from lightagent.application.remembered import RememberedDecision
from lightagent.domain.review_log import Review
from lightagent.entrypoints.cli.console import out, write_answer
from lightagent.settings.origins import printable


def print_reviews(reviews: list[Review], *, as_json: bool) -> None:
    """A line each, or all of them as JSON."""
    if as_json:
        write_answer(json.dumps([asdict(review) for review in reviews], ensure_ascii=False, indent=2) + "\n")
        return
    for review in reviews:
        request = review.request
        owner = f" · {request.user_id}" if request.user_id else ""
        _print(f"{request.request_id} · {review.status} · {request.tool_name}{owner} · {_time(review.changed_at)}")
    if not reviews:
        _print("There are no such requests.")


def print_review(review: Review) -> None:
    """All that a reviewer has to see."""
    for line in _lines(review):
        _print(line)


def print_remembered(found: list[RememberedDecision], *, as_json: bool, forgotten: bool) -> None:
    """A line each, or all of them as JSON."""
    if as_json:
        write_answer(json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=2) + "\n")
        return
    for one in found:
        known = one.decision
        where = f"{one.user_id}, session {one.session_id}" if one.session_id else one.user_id
        status = "forgotten" if forgotten else known.action
        _print(f"{one.remembered_id} · {status} · {known.tool_name} · {where} · by {known.actor or 'nobody named'}")
    if not found:
        _print("No decisions are remembered.")


def _lines(review: Review) -> Iterator[str]:
    request, decision = review.request, review.decision
    yield f"request    {request.request_id}"
    yield f"status     {review.status} since {_time(review.changed_at)}"
    yield f"tool       {request.tool_name}"
    yield f"agents     {' > '.join(request.agents)}"
    yield f"run        {request.run_id}, call {request.call_id}"
    if request.user_id:
        yield f"user       {request.user_id}" + (f", session {request.session_id}" if request.session_id else "")
    yield f"reason     {request.reason}"
    if request.expires_at is not None:
        yield f"expires    {_time(request.expires_at)}"
    yield "arguments" if request.complete else "arguments  (not shown completely: the call cannot be approved)"
    yield from _json_lines(request.arguments)
    if request.details:
        yield "details"
        yield from _json_lines(request.details)
    if decision is not None:
        yield f"decision   {decision.action} by {decision.actor or 'nobody named'}. {decision.reason}".rstrip()


def _json_lines(value: object) -> Iterator[str]:
    for line in json.dumps(value, ensure_ascii=False, indent=2).split("\n"):
        yield f"  {line}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _print(line: str) -> None:
    out().print(printable(line), markup=False, highlight=False, soft_wrap=True)
