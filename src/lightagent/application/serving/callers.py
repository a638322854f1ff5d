"""The caller of a request, as identified by the request's credential alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from lightagent.application.reviews.decide_calls import Decisions
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.scopes import Scope

MOST_USER: Final = 256
"""The maximum length of a user id, in characters."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request.

    Attributes:
        key_id: the id of the API key; empty if the server needs none.
        tenant, user: the scope of the runs that the caller starts and of the data that it may read.
        roles: additional permissions; the administrator chooses the names.
        agents: the names of the models that the caller may use; None: all served models.
        delegating: the caller acts for others, as the key of a chat interface does: it may name the user of each
            request.
        has_named: the user of this request is already named; other names in the request are ignored.
    """

    key_id: str = ""
    tenant: str = ""
    user: str = ""
    roles: tuple[str, ...] = ()
    agents: tuple[str, ...] | None = None
    delegating: bool = False
    has_named: bool = False

    @property
    def owner(self) -> Scope:
        """The scope of the data that the caller may read: every id in a request is looked up in it."""
        return Scope(self.tenant, self.user)

    @property
    def person(self) -> str:
        """The person recorded for the caller's decisions: its user, or else its key."""
        return self.user or self.key_id

    def may_use(self, model: str) -> bool:
        """Whether the caller may use this model."""
        return self.agents is None or model in self.agents

    def for_user(self, user: str) -> Caller:
        """Return the caller acting for this user; unchanged if it may not name one, has named one, or names none.

        Raises:
            RequestRefused: the id is too long. It is not truncated, since two users could then become one.
        """
        if not (user and self.delegating and not self.has_named):
            return self
        if len(user) > MOST_USER:
            raise RequestRefused(
                400, f"The id of the user has more than {MOST_USER} characters.", "Send a shorter one.", param="user"
            )
        return replace(self, user=user, has_named=True)

    def deciding(self, decisions: Decisions) -> Decisions:
        """Return these decisions; those made under the id of a key that names no user get an empty actor.

        Such a key is not a second person, so its id must not pass where someone other than the user has to decide.
        """
        if self.user or not isinstance(decisions, Mapping):
            return decisions
        return {call: replace(one, actor="") if one.actor == self.key_id else one for call, one in decisions.items()}


NOBODY: Final = Caller()
"""The caller of a request to a server that needs no key."""
