"""The conversation, to be handed to the next run as `history=`."""

from __future__ import annotations

from lightagent.domain.history import history_entry
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs import Run
from lightagent.domain.sessions import conversation


def history(run: Run) -> list[JsonObject]:
    """The messages in OpenAI form, without the agent's instructions and without what context sources added.

    Calls without results (of a suspended or ended run) are left out with the message that made them, so that the
    history is always one that a provider takes. So is a last reply that was withheld. A stored history that the run
    began from is not repeated.
    """
    return [history_entry(message) for message in conversation(run)]
