"""Ask the person at the terminal about calls that wait for approval; each is shown with all its arguments."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from lightagent.application.journal import Journal
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import ApprovalRequested, Event, Nested
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.runs import waiting_calls
from lightagent.domain.unseen import written_out
from lightagent.entrypoints.cli.console import err, show_error
from lightagent.entrypoints.cli.decisions import actor_name, calls_that_wait, edited
from lightagent.entrypoints.cli.read_lines import read_answer

_REJECTED = "The user does not want this."


def ask_about(journal: Journal) -> dict[str, ApprovalDecision] | None:
    """Ask for a decision about each call that waits in the run, and return the decisions.

    Returns None unless all calls are decided: the person pressed Ctrl-D or Ctrl-C, or standard input is not a terminal,
    so that its next line would not be an answer.
    """
    if not sys.stdin.isatty():
        return None
    paths = waiting_calls(journal.run)
    decided: dict[str, ApprovalDecision] = {}
    for name, call in calls_that_wait(journal).items():
        asked = _asked(journal.events, paths[name])
        _print(f"{call.call.name} waits for approval" + (f": {asked.reason}" if asked and asked.reason else "."))
        _print_json(call.arguments)
        known = {} if asked is None else asked.request
        if details := {name: value for name, value in known.items() if value != call.arguments}:
            _print("Besides, it says:")
            _print_json(details)
        decision = _decision(call.arguments or {})
        if decision is None:
            return None
        decided[name] = decision
    return decided


def _decision(arguments: JsonObject) -> ApprovalDecision | None:
    """Ask until the answer is y, e with new arguments, or n with an optional reason for the model.

    Returns None if the person leaves.
    """
    _forget_what_was_typed()
    while True:
        try:
            word, _, rest = read_answer("Let it run? y, e to edit its arguments, or n and why: ").strip().partition(" ")
        except (EOFError, KeyboardInterrupt):
            err().print()
            return None
        match word.lower(), rest:
            case (("y" | "yes"), ""):
                return ApprovalDecision.approve(actor=actor_name())
            case (("n" | "no"), _):
                return ApprovalDecision.reject(rest.strip() or _REJECTED, actor=actor_name())
            case (("e" | "edit"), _) if (changed := _edited(rest, arguments)) is not None:
                return ApprovalDecision.edit(changed, actor=actor_name())
            case _:
                continue


def _edited(typed: str, arguments: JsonObject) -> JsonObject | None:
    """Return the arguments typed after the e, or else asked for; None if there are none or they are invalid."""
    try:
        text = typed.strip() or read_answer("Its arguments: ", json.dumps(arguments, ensure_ascii=False))
    except (EOFError, KeyboardInterrupt):
        err().print()
        return None
    try:
        return edited(text, "e") if text.strip() else None
    except ConfigurationError as exc:
        show_error(exc.info)
        return None


def _forget_what_was_typed() -> None:
    """Discard pending input: lines that were typed before the call was shown are not answers about it."""
    if sys.platform != "win32":
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _asked(events: Iterable[Event], path: Sequence[str]) -> ApprovalRequested | None:
    """Return the last approval request for the call at the end of a path through nested runs."""
    found = None
    for event in events:
        inner: Event | None = event
        for call_id in path[:-1]:
            inner = inner.event if isinstance(inner, Nested) and inner.call_id == call_id else None
        if isinstance(inner, ApprovalRequested) and inner.call_id == path[-1]:
            found = inner
    return found


def _print_json(value: object) -> None:
    for line in json.dumps(value, ensure_ascii=False, indent=2).split("\n"):
        _print(f"  {line}")


def _print(line: str) -> None:
    err().print(written_out(line), markup=False, style="yellow")
