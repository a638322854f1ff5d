"""The options of what runs programs, taken as they are meant or refused: a wrong one must not loosen anything."""

from __future__ import annotations

from lightagent.domain.code import CodeLimits
from lightagent.domain.errors import ConfigurationError


def limits_of(given: object) -> CodeLimits:
    """The limits, by default the usual ones.

    Raises:
        ConfigurationError: they are something else.
    """
    if given is None:
        return CodeLimits()
    if isinstance(given, CodeLimits):
        return given
    raise ConfigurationError(
        f"limits: expected CodeLimits, got {type(given).__name__}.", guidance="Pass such as CodeLimits(seconds=10)."
    )


def switch(name: str, given: object) -> bool:
    """An option that is on or off.

    Raises:
        ConfigurationError: it is neither; a text such as "no" would else count as on.
    """
    if isinstance(given, bool):
        return given
    raise ConfigurationError(f"{name}: expected True or False, got {given!r:.60}.", guidance="Pass one of them.")


def path_of(name: str, given: object) -> str:
    """An option that is a path.

    Raises:
        ConfigurationError: it is none, or is empty, which would mean the current directory.
    """
    path = str(given) if isinstance(given, str) or hasattr(given, "__fspath__") else ""
    if path and "\0" not in path:
        return path
    raise ConfigurationError(f"{name}: expected a path, got {given!r:.80}.", guidance="Name it by its path.")
