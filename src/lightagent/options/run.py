"""The options of one run, of going on with one, and of a swarm, as types that a caller's checker knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Literal

from typing_extensions import TypedDict

from lightagent.application.cancellation_token import CancellationToken
from lightagent.application.swarm_mail import MailSettings
from lightagent.domain.budgets import BudgetLimits
from lightagent.domain.consulting import ConsultLimits
from lightagent.domain.handoffs import HandoffLimits, HandoffText, HistoryTransfer, NextTurn
from lightagent.domain.history import HistoryMessage
from lightagent.domain.json_types import JsonInput
from lightagent.domain.run_starts import HistoryReference
from lightagent.options.tools import DepsT, ToolLike
from lightagent.ports.budgets import Budgets
from lightagent.ports.journals import JournalStore


class RunOptions(TypedDict, Generic[DepsT], total=False):
    """The options of one run."""

    tools: Sequence[ToolLike[DepsT]] | None
    """Tools of this run only, besides the agent's."""
    instructions: str | None
    """More that the model is told in this run, after the agent's own instructions."""
    use_skills: bool | None
    """False: the run is told of no skills, and has no tools for them."""
    history: Sequence[HistoryMessage] | HistoryReference | None
    """OpenAI-form messages before the query, or a reference to stored ones."""
    metadata: Mapping[str, JsonInput] | None
    """Request parameters (temperature, max_tokens …); may not set messages, model, tools or stream."""
    tenant: str | None
    """Which customer of the application the run is for: everything that it stores is found under this tenant alone, and
    rules, budgets and tools are told it.
    """
    user_id: str | None
    """Whose run it is; the same id of another tenant is another user."""
    session_id: str | None
    """The stored conversation that the run goes on with, one of this user's; needs a `session_store`."""
    replace_turn: str | None
    """The run id of the session's last turn, which is taken back as this one begins: to ask again, or something else.
    `Sessions.last_turn` gives it.
    """
    include_incomplete_turns: bool | None
    """Begin from the session's conversation with the turns that failed, were blocked or cancelled, or ran out of a
    budget; they are left out otherwise.
    """
    journal: JournalStore | None
    """Keeps the run as it goes on, so that it survives its process; `Runs` finds it there."""
    max_tool_iterations: int | None
    """Rounds of tool calls; by default `max_retry`, 10."""
    max_retry: int | None
    """Attempts at one model request."""
    timeout: float | None
    """Seconds for the whole run; None: no limit."""
    budgets: Budgets | BudgetLimits | None
    """What this run may spend, in the place of the agent's budgets. Pass them again to resume the run."""
    cancel: CancellationToken | None
    """Ends the run from any thread, with a reason that is on record."""
    trace: bool | None
    """Keep the trace: in the result, and for `export_trace()`."""
    trace_id: str | None
    """Names the trace; a new one unless given."""
    parent_trace_id: str | None
    """The trace that this one belongs to."""
    run_group_id: str | None
    """Names a group of runs that belong together."""
    tags: Sequence[str] | None
    """At most 32 words by which the run is found again, besides those of the sinks: on its trace, and on every span."""


class ResumeOptions(TypedDict, Generic[DepsT], total=False):
    """The options of going on with a run; whose run it is and how far it may go is in its journal."""

    tools: Sequence[ToolLike[DepsT]] | None
    """Those that were given to the run besides the agent's; a journal holds only their names."""
    store: JournalStore | None
    """Where the run is kept, for a journal as JSON. A `Journal` that came from a store knows it, and so does one of a
    session.
    """
    budgets: Budgets | BudgetLimits | None
    """What the run may spend, from its beginning on, in the place of the agent's budgets."""
    cancel: CancellationToken | None
    """Ends the run from any thread, with a reason that is on record."""
    trace: bool | None
    """Keep the trace."""
    result_format: Literal["object"] | None
    """``object``, which is what it gives anyhow."""


class SwarmOptions(TypedDict, total=False):
    """The options of a swarm."""

    limits: HandoffLimits | None
    """How often agents may hand over in one run."""
    history: HistoryTransfer | None
    """What of the conversation goes along with a handoff; by default all of it, as it is."""
    handoff_text: HandoffText | None
    """What becomes of text that a model writes beside the call that hands over: ``show``, ``keep`` or ``drop``; see
    `HandoffText`. Unless it is shown, a stream shows what members say once a reply is complete.
    """
    next_turn: NextTurn | None
    """Who takes the next turn of a session: the agent that answered ``last``, or the ``front`` one with which each run
    is begun.
    """
    consult: ConsultLimits | bool | None
    """True, or limits: each agent has a tool for each of the others that asks it, without handing over."""
    mail: MailSettings | bool | None
    """True, or `AgentMail`: each agent has tools that send messages to the others, and read them."""
