"""Who calls, as the credential of a request tells it, and nothing else of the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from lightagent.application.decide_calls import Decisions
from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.scopes import Scope

MOST_USER: Final = 256
"""Characters of a user's id."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from.

    Attributes:
        key_id: names the key; empty where none is needed.
        tenant, user: whose runs its requests begin, and whose data it may ask for.
        roles: what it may do besides; names of the administrator's own.
        agents: the names of the models that it may use; None: all that are served.
        delegating: it asks for others, such as the key of a chat interface: it may name the user of each request.
        has_named: it has named the user of this request, and what else the request says of one does not count.
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
        """Whose data it may see: everything that a request names by an id is looked up with it."""
        return Scope(self.tenant, self.user)

    @property
    def person(self) -> str:
        """Who decides where this caller does: its user, else its key."""
        return self.user or self.key_id

    def may_use(self, model: str) -> bool:
        """Whether a model is for this caller."""
        return self.agents is None or model in self.agents

    def for_user(self, user: str) -> Caller:
        """The caller with the user whom it asks for; itself where it may not name one, has named one, or names none.

        Raises:
            RequestRefused: the name is too long. It is not cut: two users would be one.
        """
        if not (user and self.delegating and not self.has_named):
            return self
        if len(user) > MOST_USER:
            raise RequestRefused(
                400, f"The id of the user has more than {MOST_USER} characters.", "Send a shorter one.", param="user"
            )
        return replace(self, user=user, has_named=True)

    def deciding(self, decisions: Decisions) -> Decisions:
        """These decisions of the caller's, as those of the user whose runs it begins, or of nobody.

        A key that names no user is no second person: where another than the user has to decide, its id is no name.
        """
        if self.user or not isinstance(decisions, Mapping):
            return decisions
        return {call: replace(one, actor="") if one.actor == self.key_id else one for call, one in decisions.items()}


NOBODY: Final = Caller()
"""Whoever reaches a server that needs no key."""
