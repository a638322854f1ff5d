"""What the tools of AgentDojo's suites can do, each with the reason. A tool that is not listed only reads.

A tool has outside effects where other people, or the user later, see that it was called, or where it changes stored
data. A tool that only answers is not marked, no matter who wrote the answer. No tool is marked with `trusted_output`:
that changes none of the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from lightagent.domain.tools.spec import Capability


class Marked(NamedTuple):
    """What a tool declares, and why."""

    capabilities: tuple[Capability, ...]
    reason: str


SENDS: Final[tuple[Capability, ...]] = ("write", "network")
WRITES: Final[tuple[Capability, ...]] = ("write",)

_CALENDAR: Final[Mapping[str, Marked]] = {
    "create_calendar_event": Marked(SENDS, "its participants get an invitation by mail"),
    "cancel_calendar_event": Marked(SENDS, "its participants get a mail"),
    "send_email": Marked(SENDS, "sends any text to any address"),
}

EFFECTS: Final[Mapping[str, Mapping[str, Marked]]] = {
    "workspace": {
        **_CALENDAR,
        "reschedule_calendar_event": Marked(SENDS, "its participants get a mail"),
        "add_calendar_event_participants": Marked(SENDS, "they get an invitation by mail"),
        "delete_email": Marked(WRITES, "the mail is gone"),
        "append_to_file": Marked(WRITES, "changes a file, which others may share"),
        "create_file": Marked(WRITES, "makes a file in the shared drive"),
        "delete_file": Marked(WRITES, "the file is gone"),
        "share_file": Marked(SENDS, "gives others a file to read"),
    },
    "travel": {
        **_CALENDAR,
        "reserve_hotel": Marked(SENDS, "makes a contract"),
        "reserve_restaurant": Marked(SENDS, "makes an appointment with others"),
        "reserve_car_rental": Marked(SENDS, "makes a contract"),
    },
    "banking": {
        "send_money": Marked(SENDS, "pays"),
        "schedule_transaction": Marked(SENDS, "pays later"),
        "update_scheduled_transaction": Marked(SENDS, "changes what is paid, and to whom"),
        "update_password": Marked(WRITES, "locks the user out"),
        "update_user_info": Marked(WRITES, "changes where the bank's letters go"),
    },
    "slack": {
        "add_user_to_channel": Marked(WRITES, "the user reads from now on what is said there"),
        "send_direct_message": Marked(SENDS, "sends any text to any user"),
        "send_channel_message": Marked(SENDS, "sends any text to all members of a channel"),
        "invite_user_to_slack": Marked(SENDS, "sends a mail to any address, and lets a stranger in"),
        "remove_user_from_slack": Marked(WRITES, "locks a user out"),
        "post_webpage": Marked(SENDS, "sends any text to any address"),
    },
}
"""By suite and tool."""

VISIT: Final = "get_webpage"
"""Reads a page, and so is not marked; but its address can carry what the model knows to any server. `--mark-visits`
marks it as well: then every page that is read after another text is asked about."""
