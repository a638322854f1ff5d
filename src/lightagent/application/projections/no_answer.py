"""The errors of runs that wait for a human or were cancelled, for callers who did not request a result."""

from __future__ import annotations

from lightagent.domain.errors import LightAgentError, RunSuspended
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Cancelled
from lightagent.domain.runs.state import PendingCall, Run, waiting_calls


def run_suspended(run: Run, guidance: str) -> RunSuspended:
    """Return the error with the calls that wait.

    ``details`` are ``{"run_id", "calls": [{"id", "name", "arguments"}]}``; each id is the one that decisions use.
    """
    found = [(name, _call(run, path)) for name, path in waiting_calls(run).items()]
    calls: list[JsonValue] = [_told(name, call) for name, call in found if call is not None]
    names = ", ".join(f"{call.call.name} ({name})" for name, call in found if call is not None)
    text = f"The run waits for a human to decide about {names}." if names else "The run waits for a human."
    return RunSuspended(text, guidance=guidance, details={"run_id": run.started.run_id, "calls": calls})


def run_cancelled(outcome: Cancelled) -> LightAgentError:
    """Return the error with the reason of the cancellation."""
    told = f"The run was cancelled: {outcome.reason}" if outcome.reason else "The run was cancelled."
    return LightAgentError(told, guidance="", details={"reason": outcome.reason})


def _told(name: str, call: PendingCall) -> JsonObject:
    return {"id": name, "name": call.call.name, "arguments": copy_json(call.arguments)}


def _call(run: Run, path: tuple[str, ...]) -> PendingCall | None:
    """Return the call at the end of a path through nested runs."""
    call = run.calls.get(path[0])
    if call is None or len(path) == 1:
        return call
    return None if call.child is None else _call(call.child, path[1:])
