"""A person's decisions about waiting calls: the options that state them, and the questions at the terminal."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, TypeAlias

import typer

from lightagent.application.journals.journal import Journal
from lightagent.application.reviews.decide_calls import Decisions
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.runs.events import ApprovalRequested, Event, Nested
from lightagent.domain.runs.state import PendingCall, Run, waiting_calls
from lightagent.domain.text.characters import written_out
from lightagent.entrypoints.cli.console import err, show_error
from lightagent.entrypoints.cli.read_query import read_answer

Approve: TypeAlias = Annotated[bool, typer.Option("--approve", help="Approve the waiting call.")]
Reject: TypeAlias = Annotated[
    str | None, typer.Option("--reject", metavar="REASON", help="Reject the waiting call; the model reads the reason.")
]
Edit: TypeAlias = Annotated[
    str | None, typer.Option("--edit", metavar="JSON", help="Run it with these arguments, a JSON object.")
]
Respond: TypeAlias = Annotated[
    str | None,
    typer.Option("--respond", metavar="TEXT", help="Do not run it; the model reads this text as its result."),
]
CallId: TypeAlias = Annotated[str | None, typer.Option("--call", metavar="ID", help="The call, if several wait.")]

Actor: TypeAlias = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Who decides. Default: the name of your account.")
]

_ARGUMENTS = "Write all arguments of the call by name, such as {\"amount\": 5}; in a shell within '...'."
_ACTIONS = "--approve, --reject REASON, --edit JSON or --respond TEXT"


def decision_of(approve: bool, reject: str | None, edit: str | None, respond: str | None) -> ApprovalDecision | None:
    """Return the decision that the options state; None if they state none.

    Raises:
        ConfigurationError: they state several decisions, or the arguments are not a JSON object.
    """
    by = actor_name()
    made = [
        *([ApprovalDecision.approve(actor=by)] if approve else []),
        *([ApprovalDecision.reject(reject, actor=by)] if reject is not None else []),
        *([ApprovalDecision.edit(edited(edit, "--edit"), actor=by)] if edit is not None else []),
        *([ApprovalDecision.respond(respond, actor=by)] if respond is not None else []),
    ]
    if len(made) > 1:
        raise ConfigurationError("Several decisions about one call were given.", guidance=f"Give one of {_ACTIONS}.")
    return made[0] if made else None


def actor_name(given: str | None = None) -> str:
    """Return the name of the person who decides: the given name, or else that of the account."""
    if given is not None:
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # In some containers the account does not have a name.


def edited(text: str, option: str) -> JsonObject:
    """Parse the arguments that a human wrote.

    Args:
        option: the option that holds them, for error messages.

    Raises:
        ConfigurationError: the text is not a JSON object.
    """
    try:
        arguments = read_json(text)
    except ValueError as error:
        raise ConfigurationError(f"{option}: not JSON: {error}.", guidance=_ARGUMENTS) from None
    if not isinstance(arguments, dict):
        raise ConfigurationError(f"{option}: must be a JSON object, got {_kind(arguments)}.", guidance=_ARGUMENTS)
    return arguments


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else f"the value {json.dumps(value)[:40]}"


def about(journal: Journal, decision: ApprovalDecision | None, call: str | None) -> Decisions:
    """Return the decision together with its call; None if the run does not wait and nothing was decided.

    Raises:
        ConfigurationError: the run waits and nothing was decided, or several calls wait and none was named.
    """
    waiting = waiting_lines(journal)
    if decision is None:
        if waiting:
            raise ConfigurationError(f"The run waits for a decision. {' '.join(waiting)}", guidance=f"Give {_ACTIONS}.")
        return None
    if call is not None:
        return {call: decision}
    if len(waiting) > 1:
        raise ConfigurationError(
            f"{len(waiting)} calls wait. {' '.join(waiting)}",
            guidance="Select one with --call ID; the others keep waiting.",
        )
    return decision


def waiting_lines(journal: Journal) -> list[str]:
    """Return a line for each waiting call, with its id, tool and arguments."""
    return [f"waits · {name} · {_call_text(call)}" for name, call in calls_that_wait(journal).items()]


def calls_that_wait(journal: Journal) -> dict[str, PendingCall]:
    """Return the calls that wait for a human, by the id that names them in decisions."""
    run = journal.run
    found = {name: _call(run, path) for name, path in waiting_calls(run).items()}
    return {name: call for name, call in found.items() if call is not None}


def _call_text(call: PendingCall) -> str:
    return f"{call.call.name} {json.dumps(call.arguments, ensure_ascii=False)}"


def _call(run: Run, path: tuple[str, ...]) -> PendingCall | None:
    """Return the call at the end of a path through nested runs."""
    call = run.calls.get(path[0])
    if call is None or len(path) == 1:
        return call
    return None if call.child is None else _call(call.child, path[1:])


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
        asked = _last_request(journal.events, paths[name])
        _print(f"{call.call.name} waits for approval" + (f": {asked.reason}" if asked and asked.reason else "."))
        _print_json(call.arguments)
        known = {} if asked is None else asked.request
        if details := {name: value for name, value in known.items() if value != call.arguments}:
            _print("Details:")
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
            word, _, rest = read_answer("Run it? y, n REASON, or e to edit the arguments: ").strip().partition(" ")
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
        text = typed.strip() or read_answer("New arguments: ", json.dumps(arguments, ensure_ascii=False))
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


def _last_request(events: Iterable[Event], path: Sequence[str]) -> ApprovalRequested | None:
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
