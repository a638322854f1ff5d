"""Makes the request of one run from its options, checked, and with the limits that apply to it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final, Never

from lightagent.application.check_options import check_options
from lightagent.application.run_loop.start_run import RunRequest, checked_params
from lightagent.application.sessions.keep import NEXT, TurnPlace
from lightagent.application.tools.deps import DepsT
from lightagent.compose.budgets import compose_budgets
from lightagent.compose.tools import compose_tools
from lightagent.domain.absent_names import RESUME_OPTIONS, RUN_OPTIONS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.limits import Limits
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.domain.secrets.masking import shown
from lightagent.domain.telemetry.tags import checked_tags
from lightagent.options import ResumeOptions, RunOptions

_RUN_PARAMETERS: Final = ("deps", "query", "result_format", "stream")


def compose_request(
    options: RunOptions[Never], deps: DepsT, limits: Limits, *, stream: bool, form: str
) -> RunRequest[DepsT]:
    """One run's request.

    Raises:
        ConfigurationError: an unknown option, a wrong type, a refused tool, or dependencies of another type.
    """
    if not options:
        return RunRequest(deps, limits=limits, stream=stream, result_format=form)
    check_options(options, RunOptions, "run", parameters=_RUN_PARAMETERS, absent=RUN_OPTIONS)
    _check_session(options.get("session_id"), options)
    return RunRequest(
        deps=deps,
        tools=compose_tools(options.get("tools"), deps),
        history=options.get("history") or (),
        params=checked_params(options.get("metadata") or {}),
        limits=_limits(options, limits),
        budgets=compose_budgets(options.get("budgets")),
        instructions=options.get("instructions") or "",
        skills=options.get("use_skills") is not False,
        scope=_scope(options),
        traced=options.get("trace") or False,
        trace_id=options.get("trace_id") or "",
        parent_trace_id=options.get("parent_trace_id") or "",
        run_group_id=options.get("run_group_id") or "",
        tags=checked_tags(options.get("tags"), "run: tags"),
        stream=stream,
        result_format=form,
        insists=options.get("max_retry") is not None,
        cancel=options.get("cancel"),
    )


def _scope(options: RunOptions[Never]) -> Scope:
    scope = Scope(options.get("tenant") or "", options.get("user_id") or "", options.get("session_id") or "")
    return NO_SCOPE if scope == NO_SCOPE else scope


def turn_place(options: RunOptions[Never]) -> TurnPlace:
    """Where in its session the run belongs."""
    return TurnPlace(options.get("replace_turn") or "", options.get("include_incomplete_turns") or False)


def _check_session(session: str | None, options: RunOptions[Never]) -> None:
    if options.get("replace_turn") == "":
        raise ConfigurationError(
            "run: replace_turn is empty.",
            guidance="Give the run_id of Sessions(store).last_turn(session_id), or leave the option out.",
        )
    if session is None:
        if turn_place(options) != NEXT:
            raise ConfigurationError(
                "run: replace_turn= and include_incomplete_turns= are about a session, and there is no session_id=.",
                guidance="Pass session_id= too, or leave them out.",
            )
        return
    if options.get("journal") is not None:
        raise ConfigurationError(
            "run: a session keeps its runs itself, so journal= does not go with session_id=.",
            guidance="Leave one of them out.",
        )
    if not session:
        raise ConfigurationError("run: session_id is empty.", guidance="Name the session, or leave the option out.")
    if options.get("history"):
        raise ConfigurationError(
            "run: a session has its own history, so history= does not go with session_id=.",
            guidance="Leave one of them out.",
        )


def check_resumption(options: ResumeOptions[Never]) -> None:
    """Raise unless a run can be resumed with these options.

    Raises:
        ConfigurationError: an option that the journal decides, an unknown one, or a wrong type.
    """
    check_options(options, ResumeOptions, "resume", parameters=("decision", "deps"), absent=RESUME_OPTIONS)
    form: object = options.get("result_format")
    if form not in (None, "object"):
        raise ConfigurationError(
            f"resume: 'result_format' can be 'object' alone, got {shown(form):.50}.",
            guidance="resume() gives a RunResult; its content is the text, its to_dict() plain data.",
        )


def _limits(options: RunOptions[Never], limits: Limits) -> Limits:
    """The agent's limits with the run's own on top; as in the 0.9 line, max_retry bounds the tool loop as well."""
    retry, rounds = options.get("max_retry"), options.get("max_tool_iterations")
    if retry is None and rounds is None and "timeout" not in options:
        return limits
    return _own_limits(limits, retry, retry if rounds is None else rounds, options.get("timeout", limits.timeout))


@lru_cache(maxsize=256, typed=True)
def _own_limits(limits: Limits, retry: int | None, rounds: int | None, timeout: float | None) -> Limits:
    return replace(
        limits,
        max_tool_iterations=limits.max_tool_iterations if rounds is None else rounds,
        max_retry=limits.max_retry if retry is None else retry,
        timeout=timeout,
    )
