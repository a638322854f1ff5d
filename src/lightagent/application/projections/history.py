"""The conversation of a run, to pass to the next run as `history=`."""

from __future__ import annotations

from lightagent.domain.conversation.history import LABELS_KEY, history_entry
from lightagent.domain.conversation.labels import untrusted_labels
from lightagent.domain.conversation.messages import AssistantMessage, ToolMessage
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.state import Run
from lightagent.domain.sessions.session import conversation


def history(run: Run) -> list[JsonObject]:
    """Return the messages in OpenAI form, without the agent's instructions and what context sources added.

    Calls without results (of a suspended or ended run) are left out together with the message that made them, so that
    providers accept the history. A last reply that was withheld is left out, too. Stored history that the run started
    from is not repeated. If untrusted text entered the conversation without being shown as a tool result in these
    messages, for example from a memory, the last message is labelled with its origin.
    """
    messages = conversation(run)
    entries = [history_entry(message) for message in messages]
    shown = untrusted_labels([message for message in messages if isinstance(message, (AssistantMessage, ToolMessage))])
    hidden = [label for label in run.untrusted if label not in shown]
    if entries and hidden:
        entries[-1][LABELS_KEY] = [*hidden]
    return entries
