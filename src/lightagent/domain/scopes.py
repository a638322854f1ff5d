"""Whose data it is: a value, never a string that could be taken for another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scope:
    """The owner of a run and of everything it stores; the empty string means none was named."""

    tenant: str = ""
    user: str = ""
    session: str = ""


NO_SCOPE: Final = Scope()
"""The scope without a tenant, a user and a session."""
