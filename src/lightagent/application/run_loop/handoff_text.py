"""What becomes of text that a model writes beside the call that hands over, as the swarm says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.swarm.hand_off import HandoffTool
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.wrapped_tool import unwrapped
from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, TextDelta
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.policy.phases import Decision
from lightagent.domain.swarm.handoff_history import DROPPED, KEPT_BACK


def waits_for_calls(live: ActiveRun[DepsT]) -> bool:
    """Whether text is shown only once it is known that the reply does not hand over."""
    return live.acting.handoff_text != "show"


def settled(live: ActiveRun[DepsT], message: AssistantMessage) -> tuple[AssistantMessage, tuple[Decision, ...], bool]:
    """A complete reply as it goes on record, what is decided about its text, and whether the user gets that."""
    rule = live.acting.handoff_text
    if rule == "show" or not (message.content or message.reasoning) or not _hands_over(live, message):
        return message, (), True
    if rule == "keep":
        return message, (KEPT_BACK,), False
    if not message.content:
        return message, (KEPT_BACK,), False
    return replace(message, content=None), (DROPPED, KEPT_BACK), False


def without_words(deltas: Iterable[Delta]) -> tuple[Delta, ...]:
    """The deltas without those of text and reasoning."""
    return tuple(delta for delta in deltas if not isinstance(delta, (TextDelta, ReasoningDelta)))


def _hands_over(live: ActiveRun[DepsT], message: AssistantMessage) -> bool:
    own, offered = live.acting.catalogue.own, live.run.offered or ()
    tools = (own.get(resolve_called_name(call.name, offered)) for call in message.tool_calls)
    return any(tool is not None and isinstance(unwrapped(tool), HandoffTool) for tool in tools)
