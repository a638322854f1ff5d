"""How one connection proves who it is, as a value that needs no SDK."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from lightagent.domain.scopes import Scope
from lightagent.ports.mcp import Logins

AskHeaders: TypeAlias = Callable[[bool], Awaitable[Mapping[str, str]]]
"""The headers; True: those given before were refused."""


@dataclass(frozen=True, slots=True)
class Access:
    """What requests of a connection carry.

    Attributes:
        ask: the headers of each request.
        scope: for whom the connection is.
        logins: where that user logs in, where the server wants it; None: nowhere.
        lists: whether the tools that the server shows there are offered to models, for all users alike.
    """

    ask: AskHeaders
    scope: Scope
    logins: Logins | None = None
    lists: bool = True
