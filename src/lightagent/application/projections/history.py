"""The conversation, to be handed to the next run as `history=`."""

from __future__ import annotations

from lightagent.domain.context_labels import untrusted_labels
from lightagent.domain.history import LABELS_KEY, history_entry
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import AssistantMessage, ToolMessage
from lightagent.domain.runs import Run
from lightagent.domain.sessions import conversation


def history(run: Run) -> list[JsonObject]:
    """The messages in OpenAI form, without the agent's instructions and without what context sources added.

    Calls without results (of a suspended or ended run) are left out with the message that made them, so that the
    history is always one that a provider takes. So is a last reply that was withheld. A stored history that the run
    began from is not repeated. Where untrusted text has entered the conversation that these messages do not show as the
    result of a tool, such as a memory, the last of them tells where it came from.
    """
    messages = conversation(run)
    entries = [history_entry(message) for message in messages]
    shown = untrusted_labels([message for message in messages if isinstance(message, (AssistantMessage, ToolMessage))])
    hidden = [label for label in run.untrusted if label not in shown]
    if entries and hidden:
        entries[-1][LABELS_KEY] = [*hidden]
    return entries
