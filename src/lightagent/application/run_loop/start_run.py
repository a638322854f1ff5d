"""From a caller's request to a run that is ready to begin, with everything checked that can be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.apply_policy import own_policies, policy_names
from lightagent.application.active_run.cancellation_token import CancellationToken
from lightagent.application.active_run.means import Means
from lightagent.application.active_run.record import RunRecord
from lightagent.application.active_run.watch_run import watchers_of
from lightagent.application.budgets.spend_budget import own_budgets
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.toolset import Toolset
from lightagent.domain.conversation.history import HistoryMessage, history_labels, parse_history, parse_parts
from lightagent.domain.conversation.labels import joined, untrusted_labels
from lightagent.domain.conversation.messages import Message, SystemMessage, UserMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_copies import is_sequence
from lightagent.domain.json_types import JsonInput, JsonObject
from lightagent.domain.limits import DEFAULT_LIMITS, Limits
from lightagent.domain.runs.events import RunStarted
from lightagent.domain.runs.folding import start
from lightagent.domain.runs.starts import AgentPlans, AgentPolicies, HistoryReference
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.ports.budgets import Budgets
from lightagent.ports.models import model_origin
from lightagent.ports.tools import Nesting, Tool

_OURS: Final = ("messages", "model", "tools", "stream", "stream_options")

# Arguments of the openai SDK's methods. Here they would go into the body, where endpoints ignore or refuse them.
_NO_PARAMETERS: Final = {
    "extra_headers": "Pass model=OpenAIChatModel(…, headers=…) instead.",
    "extra_query": "Pass model=OpenAIChatModel(…, default_query=…) instead.",
    "extra_body": "Put what it holds into metadata itself, which goes into the body.",
    "timeout": "Pass timeout= to the run, or model=OpenAIChatModel(…, timeout=…).",
}


@dataclass(frozen=True, slots=True)
class RunRequest(Generic[DepsT]):
    """One run as its caller wants it.

    Attributes:
        history: OpenAI-form messages before the query, or a reference to stored ones.
        params: request parameters, on top of the agent's.
        instructions: appended to the agent's own instructions.
        traced: keep the trace.
        result_format: the form that the caller wants, for policies to know.
        budgets: what the run may spend; None: the agent's budgets.
        skills: whether it has the agent's skills.
        insists: `max_retry` was given for this run.
        cancel: ends the run from outside.
    """

    deps: DepsT
    tools: tuple[Tool[DepsT], ...] = ()
    history: Sequence[HistoryMessage] | HistoryReference = ()
    params: JsonObject = field(default_factory=dict)
    instructions: str = ""
    limits: Limits = DEFAULT_LIMITS
    scope: Scope = NO_SCOPE
    traced: bool = False
    trace_id: str = ""
    parent_trace_id: str = ""
    run_group_id: str = ""
    tags: tuple[str, ...] = ()
    stream: bool = False
    result_format: str = "str"
    budgets: Budgets | None = None
    skills: bool = True
    insists: bool = False
    cancel: CancellationToken | None = None


def start_run(
    means: Means[DepsT],
    query: str | Sequence[Mapping[str, object]],
    request: RunRequest[DepsT],
    nesting: Nesting | None = None,
    path: tuple[str, ...] = (),
    told: tuple[Message, ...] = (),
) -> ActiveRun[DepsT]:
    """A new run.

    Args:
        nesting, path: for the run of an agent that is called as a tool.
        told: messages before the query that the run which calls it has quoted.

    Raises:
        ConfigurationError: the query, the history, a parameter, a limit or a tool is refused.
    """
    if not request.skills:
        means = means.without_skills
    asked = _query_message(query)
    if request.tools:
        # Duplicate names raise now; the names of the agent's sources are known at the first step only.
        Toolset(means.catalogue.own).plus(request.tools)
    head = means.head
    if request.instructions:
        both = "\n\n".join(filter(None, (head.instructions.content, request.instructions)))
        head = replace(head, instructions=SystemMessage(both))
    if request.params:
        head = replace(head, params=checked_params({**head.params, **request.params}))
    gates = () if nesting is None else nesting.gates
    reviewed = (*gates, *means.gates)
    awaits_admission = any("admission" in gate.phases for gate in reviewed)
    history = request.history
    unparsed = () if isinstance(history, HistoryReference) else history
    past = parse_history(unparsed, model_origin(means.model)) if unparsed else told
    untrusted = history_labels(unparsed) if nesting is None else nesting.untrusted
    watchers = watchers_of(means) if nesting is None else None
    called_in = "" if watchers is None else watchers.trace_id
    started = RunStarted(
        _new_id(means),
        head,
        past if awaits_admission else (*past, asked),
        request.limits,
        request.scope,
        request.trace_id or called_in or _new_id(means),
        request.parent_trace_id,
        request.run_group_id,
        (*policy_names(reviewed), *own_budgets(request.budgets or means.budgets)),
        awaits_admission,
        tuple(means.sources),
        tuple(means.conclusions),
        history if isinstance(history, HistoryReference) else None,
        # They count from the start: they decide whether the answer has to pass any.
        tuple(
            AgentPolicies(name, own)
            for name, other in means.crew.items()
            if other is not means and (own := own_policies(other))
        )
        if means.handoffs
        else (),
        _now(means),
        joined(untrusted_labels(past), untrusted) if untrusted else None,
        tuple(
            AgentPlans(other.name, 1 + other.planning.most_replans)
            for other in (means.crew.values() if means.handoffs else (means,))
            if other.planning is not None
        ),
        request.tags,
    )
    return ActiveRun(
        means,
        start(started),
        RunRecord(
            [started],
            request.stream,
            request.traced,
            means.capture_content,
            request.result_format,
            insists=request.insists,
            cancel=request.cancel,
        ),
        request.deps,
        tools=request.tools,
        budgets=request.budgets,
        query=asked,
        nesting=nesting,
        path=path,
        watchers=watchers,
    )


def _new_id(means: Means[DepsT]) -> str:
    """An id from a source that may be foreign code: a journal is found by it, so it must be text."""
    made: object = means.ids.new()
    if not isinstance(made, str) or not made:
        raise ConfigurationError(f"ids: new() must give a text that is not empty, got {made!r:.80}.", guidance="")
    return made


def _now(means: Means[DepsT]) -> float:
    moment: object = means.clock.now()
    if not isinstance(moment, int | float) or isinstance(moment, bool) or not math.isfinite(moment):
        raise ConfigurationError(f"clock: now() must give seconds since 1970, got {moment!r:.80}.", guidance="")
    return float(moment)


def _query_message(query: str | Sequence[Mapping[str, object]]) -> UserMessage:
    if isinstance(query, str):
        return UserMessage(query)
    if is_sequence(query):
        return UserMessage(parse_parts(query, "query"))
    raise ConfigurationError(
        f"query must be text or a list of content parts, got {type(query).__name__}.",
        guidance='Pass the text, or parts such as [{"type": "text", "text": "Hi"}]; earlier messages go to history=.',
    )


def checked_params(params: Mapping[str, JsonInput]) -> JsonObject:
    """A copy of request parameters that may be passed on.

    Raises:
        ConfigurationError: one would replace what the run itself decides, is for the connection, or is not JSON.
    """
    if not params:
        return {}
    taken = [name for name in _OURS if name in params]
    if taken:
        raise ConfigurationError(
            f"metadata.{taken[0]}: the run itself decides this.",
            guidance="Pass history=, tools=, output_type= or stream= instead.",
        )
    for name, remedy in _NO_PARAMETERS.items():
        if name in params:
            raise ConfigurationError(f"metadata.{name}: this is not a parameter of a model.", guidance=remedy)
    return to_json_object(params, "metadata")
