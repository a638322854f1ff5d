"""The options of a run, of resuming one, and of a swarm, as types for a caller's type checker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Literal

from typing_extensions import TypedDict

from lightagent.application.active_run.cancellation_token import CancellationToken
from lightagent.application.mailbox.swarm_mail import MailSettings
from lightagent.application.tools.deps import DepsT
from lightagent.domain.budgets.budget import BudgetLimits
from lightagent.domain.conversation.history import HistoryMessage
from lightagent.domain.json_types import JsonInput
from lightagent.domain.runs.starts import HistoryReference
from lightagent.domain.swarm.consultations import ConsultLimits
from lightagent.domain.swarm.handoff_limits import HandoffLimits, HandoffText, HistoryTransfer, NextTurn
from lightagent.options.tools import ToolLike
from lightagent.ports.budgets import Budgets
from lightagent.ports.journals import JournalStore


class RunOptions(TypedDict, Generic[DepsT], total=False):
    """The options of one run."""

    tools: Sequence[ToolLike[DepsT]] | None
    """Tools for this run only, in addition to the agent's."""
    instructions: str | None
    """Further instructions for this run, added after the agent's own."""
    use_skills: bool | None
    """False: the run has no skills and no tools for them."""
    history: Sequence[HistoryMessage] | HistoryReference | None
    """OpenAI-form messages before the query, or a reference to stored ones."""
    metadata: Mapping[str, JsonInput] | None
    """Request parameters (temperature, max_tokens …); may not set messages, model, tools or stream."""
    tenant: str | None
    """The customer of the application that the run is for: everything that it stores is found only under this tenant,
    and rules, budgets and tools receive it.
    """
    user_id: str | None
    """The user that the run belongs to; the same id in another tenant is another user."""
    session_id: str | None
    """The stored conversation that the run continues, one of this user's; requires a `session_store`."""
    replace_turn: str | None
    """The run id of the session's last turn, which this run replaces: to ask again, or to ask something else.
    `Sessions.last_turn` returns it.
    """
    include_incomplete_turns: bool | None
    """Start from the session's conversation including turns that failed, were blocked or cancelled, or exceeded a
    budget; by default they are left out.
    """
    journal: JournalStore | None
    """Stores the run while it is running, so that it survives a crash; `Runs` finds it there."""
    max_tool_iterations: int | None
    """The maximum rounds of tool calls; by default `max_retry`, 10."""
    max_retry: int | None
    """The maximum attempts at one model request."""
    timeout: float | None
    """The maximum seconds for the whole run; None: no limit."""
    budgets: Budgets | BudgetLimits | None
    """What this run may spend, instead of the agent's budgets. Pass them again when resuming the run."""
    cancel: CancellationToken | None
    """Ends the run from any thread, with a reason that is recorded."""
    trace: bool | None
    """Keep the trace: in the result, and for `export_trace()`."""
    trace_id: str | None
    """The id of the trace; a new one by default."""
    parent_trace_id: str | None
    """The trace that this one belongs to."""
    run_group_id: str | None
    """The group of related runs that it belongs to."""
    tags: Sequence[str] | None
    """At most 32 words for finding the run, in addition to those of the sinks: on its trace, and on every span."""


class ResumeOptions(TypedDict, Generic[DepsT], total=False):
    """The options of resuming a run; its owner and limits are in its journal."""

    tools: Sequence[ToolLike[DepsT]] | None
    """The tools that the run was given in addition to the agent's; a journal contains only their names."""
    store: JournalStore | None
    """Where the run is stored, for a journal given as JSON. A `Journal` from a store or of a session knows it."""
    budgets: Budgets | BudgetLimits | None
    """What the run may spend from its start on, instead of the agent's budgets."""
    cancel: CancellationToken | None
    """Ends the run from any thread, with a reason that is recorded."""
    trace: bool | None
    """Keep the trace."""
    result_format: Literal["object"] | None
    """``object``, the only form and the default."""


class SwarmOptions(TypedDict, total=False):
    """The options of a swarm."""

    limits: HandoffLimits | None
    """How often agents may hand over in one run."""
    history: HistoryTransfer | None
    """What part of the conversation a handoff passes on; by default all of it, unchanged."""
    handoff_text: HandoffText | None
    """What happens to text that a model writes beside the call that hands over: ``show``, ``keep`` or ``drop``; see
    `HandoffText`. Unless it is ``show``, a stream shows members' text only once a reply is complete.
    """
    next_turn: NextTurn | None
    """Who takes the next turn of a session: the agent that answered ``last``, or the ``front`` agent, with which each
    run starts.
    """
    consult: ConsultLimits | bool | None
    """True, or limits: each agent has a tool for each other agent that asks it without handing over."""
    mail: MailSettings | bool | None
    """True, or `AgentMail`: each agent has tools to send messages to the others, and to read its own."""
