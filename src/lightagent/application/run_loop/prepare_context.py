"""Carries out `Admit` and `Prepare`: what enters the conversation before the first request to the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lightagent.aiokits.cancellation import all_at_once
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.policies.check_payload import is_trust
from lightagent.application.run_loop.finish_answer import finish
from lightagent.application.run_loop.serve_run import Serving, is_serving_source
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.redaction import describe_failure
from lightagent.domain.conversation.messages import ContextMessage, UserMessage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_copies import copy_json
from lightagent.domain.outcomes import Blocked, Failed
from lightagent.domain.policy.phases import ContextPayload, QueryPayload, Stopped
from lightagent.domain.runs.events import Admitted, ContextAdded, RunFinished
from lightagent.ports.context import ContextSource, Gathered

VALID_SOURCE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What a context source may be called: its name stands in the delimiters of its text."""


async def admit(live: ActiveRun[DepsT]) -> None:
    """Let the policies review the query; only what they pass is on record."""
    query, reviewer = live.query, live.reviewer
    if query is None or reviewer is None:
        raise ConfigurationError("The query of this run is not on record, so it cannot go on.")
    subject = live.subject(params=copy_json(live.run.head.params), tools=live.tool_names)
    verdict = await reviewer.review("admission", subject, QueryPayload(query.content))
    if isinstance(verdict, Stopped):
        await finish(live, verdict.outcome, verdict.decisions)
    else:
        await live.tell(Admitted(UserMessage(verdict.payload.content), verdict.decisions, live.clock.now()))


async def gather_context(live: ActiveRun[DepsT], names: tuple[str, ...]) -> None:
    """Ask the sources, all at once; what they add is on record in their order."""
    query = live.run.query
    text = query.text if isinstance(query, UserMessage) else ""
    sources = [live.means.sources.get(name) for name in names]
    gathered = await all_at_once(_gather(live, name, source, text) for name, source in zip(names, sources, strict=True))
    for place, event in enumerate(gathered, 1):
        if isinstance(event, RunFinished):
            # All were asked at once, so what the policies decided about the others belongs on record too.
            others = tuple(decision for other in gathered[place:] for decision in other.decisions)
            await finish(live, event.outcome, event.decisions + others)
            return
        await live.tell(event)


async def _gather(
    live: ActiveRun[DepsT], name: str, source: ContextSource | None, query: str
) -> ContextAdded | RunFinished:
    """One source's texts; one that fails is on record, and the run goes on without it."""
    subject = live.subject(name)
    if source is None:
        error = LightAgentErrorInfo("LA-CONFIG", f"The agent no longer has the context source {name!r}.")
        return ContextAdded(name, (), error, at=live.clock.now())
    serving = Serving(live, subject)
    try:
        found: object = await await_foreign(_found(source, serving, query), source.timeout, in_time=live.in_time)
        if isinstance(found, Stopped):
            return _stopped(live, name, serving, found)
        texts: object = found.texts if isinstance(found, Gathered) else found
        details = to_json_object(found.details, f"{name}: details") if isinstance(found, Gathered) else {}
        messages = _messages(name, source, texts)
    except FAILURES as raised:  # A source is foreign code: the run goes on without it, unless it says otherwise.
        error, now = _described(name, failure(raised)), live.clock.now()
        if is_serving_source(source) and source.is_required:
            return RunFinished(Failed(error), serving.decisions, now)
        return ContextAdded(name, (), error, serving.decisions, serving.details, now)
    details = {**details, **serving.details}
    reviewer = live.reviewer
    if reviewer is None or not reviewer.reviews("context"):
        return ContextAdded(name, messages, None, serving.decisions, details, live.clock.now())
    verdict = await reviewer.review("context", subject, ContextPayload(messages))
    decisions = serving.decisions + verdict.decisions
    if isinstance(verdict, Stopped):
        return RunFinished(verdict.outcome, decisions, live.clock.now())
    return ContextAdded(name, verdict.payload.messages, None, decisions, details, live.clock.now())


async def _found(source: ContextSource, serving: Serving[DepsT], query: str) -> object:
    if is_serving_source(source):
        return await source.gather_for(serving, serving.subject, query)
    return await source.gather(serving.subject, query)


def _stopped(
    live: ActiveRun[DepsT], name: str, serving: Serving[DepsT], stopped: Stopped
) -> ContextAdded | RunFinished:
    """What a policy blocked is not added; any other end is that of the run."""
    if not isinstance(stopped.outcome, Blocked):
        return RunFinished(stopped.outcome, serving.decisions, live.clock.now())
    return ContextAdded(name, (), stopped.outcome.error, serving.decisions, serving.details, live.clock.now())


def _messages(name: str, source: ContextSource, texts: object) -> tuple[ContextMessage, ...]:
    if isinstance(texts, str) or not isinstance(texts, Sequence) or not all(isinstance(one, str) for one in texts):
        raise ConfigurationError(f"The context source {name!r} must give a list of texts.", guidance="")
    trust: object = source.trust
    if not is_trust(trust):
        raise ConfigurationError(
            f"The trust of the context source {name!r} is not a label: {trust!r:.80}.", guidance=""
        )
    return tuple(ContextMessage(name, str(text), trust) for text in texts)


def _described(name: str, exc: BaseException) -> LightAgentErrorInfo:
    if isinstance(exc, LightAgentError):
        return classify_exception(exc)
    if isinstance(exc, TimeoutError):
        return LightAgentErrorInfo("LA-408", f"The context source {name!r} did not answer in time.")
    return LightAgentErrorInfo("LA-UNKNOWN", f"The context source {name!r} failed: {describe_failure(exc)}")
