"""Options that are taken as they are meant or refused, where a wrong one would loosen what protects."""

from __future__ import annotations

from lightagent.domain.errors import ConfigurationError


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
