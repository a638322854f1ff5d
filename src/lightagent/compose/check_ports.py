"""Checks of the objects that a user passed for a port."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import TypeIs, TypeVar

from lightagent.domain.errors import ConfigurationError
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatModel

PortT = TypeVar("PortT")


def check_port(value: PortT | None, option: str, *methods: str, remedy: str = "") -> PortT | None:
    """The value, if it is None or has these methods.

    Args:
        remedy: what to pass instead of a value that lacks one.

    Raises:
        ConfigurationError: it lacks one, or is the class itself.
    """
    if value is None:
        return None
    if not all(callable(getattr(value, method, None)) for method in methods):
        wanted = " and ".join(methods)
        raise ConfigurationError(
            f"{option}: expected an object with {wanted}, got {type(value).__name__}.", guidance=remedy
        )
    if isinstance(value, type):  # It has the methods, but they need an instance.
        raise ConfigurationError(
            f"{option}: expected an object, got the class {value.__name__}.", guidance=f"Make one: {value.__name__}(…)."
        )
    return value


def check_each(given: Sequence[PortT], option: str, *methods: str, remedy: str = "") -> Sequence[PortT]:
    """The values, if each has these methods.

    Raises:
        ConfigurationError: one lacks a method, or is None.
    """
    for one in given:
        if one is None or check_port(one, option, *methods, remedy=remedy) is None:
            raise ConfigurationError(f"{option}: expected objects with {' and '.join(methods)}, got None.")
    return given


def check_journal_port(value: JournalStore | None, name: str) -> JournalStore | None:
    """The store, if it is one.

    Raises:
        ConfigurationError: it lacks a method.
    """
    remedy = (
        "Open a store: from lightagent.adapters.journals.sqlite import SqliteJournalStore; "
        f'{name}=SqliteJournalStore("runs.db").'
    )
    return check_port(value, name, "append", "read", "list", "lease", "forget", remedy=remedy)


def is_model(value: object) -> TypeIs[ChatModel]:
    """Whether it has the methods of the port; `isinstance` with a protocol would cost as much as the whole agent."""
    return hasattr(value, "name") and callable(getattr(value, "stream", None)) and hasattr(value, "aclose")
