"""Runs as readable logs, through the standard `logging` module. Silent unless asked for; content is never logged."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.text.characters import written_out

LOGGER: Final = logging.getLogger("lightagent")
LOGGER.addHandler(logging.NullHandler())

_LEVELS: Final = {"error": logging.WARNING, "run_end": logging.INFO, "flow_end": logging.INFO}
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"


def configure_logs(level: str, file: str | None) -> None:
    """Show the logs of `lightagent` on stderr, or in `file`; asking twice for the same does nothing more.

    Raises:
        ConfigurationError: no such level, or the file cannot be opened.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ConfigurationError(f"log_level: unknown level {level!r}.", guidance="Use DEBUG, INFO, WARNING or ERROR.")
    LOGGER.setLevel(number)
    name = f"lightagent:{file or 'stderr'}"
    if any(handler.get_name() == name for handler in LOGGER.handlers):
        return
    try:
        handler = logging.FileHandler(file, encoding="utf-8") if file else logging.StreamHandler()
    except OSError as exc:
        raise ConfigurationError(f"log_file: {file} cannot be written ({exc.strerror}).") from None
    if not file:
        handler.addFilter(_is_not_shown_by_root)
    handler.set_name(name)
    handler.setFormatter(logging.Formatter(_FORMAT))
    LOGGER.addHandler(handler)


def _is_not_shown_by_root(record: logging.LogRecord) -> bool:
    """Whether the root logger, which also gets each line, does not write to stderr already."""
    own = [one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler)]
    shown = LOGGER.propagate and any(one.stream is sys.stderr and record.levelno >= one.level for one in own)
    return not shown


def log_events(agent_name: str, trace_id: str, events: Iterable[tuple[str, Mapping[str, object]]]) -> None:
    """Write a run's trace: what ended it as a warning, its end as info, the rest as debug.

    Attempts at a request that failed are among the rest: a warning told of each retry as it happened.

    Each line names the agent that acts: after a handoff the one that took over, and of an agent that was called as a
    tool that one. A name or an id of anybody's is one line, and of characters that every file takes.

    Args:
        agent_name: whose run it is.
    """
    acting: dict[str, object] = {}
    for kind, data in events:
        place = str(data.get("path", ""))
        if kind in ("run_start", "model_request"):
            acting[place] = data.get("agent_name", agent_name)
        level = logging.DEBUG if data.get("stage") == "model" else _LEVELS.get(kind, logging.DEBUG)
        if LOGGER.isEnabledFor(level):
            text = json.dumps(data, ensure_ascii=False, default=str)
            name = str(acting.get(place, agent_name))
            LOGGER.log(level, "%s %s %s %s", *map(written_out, (name, trace_id, kind, text)))


def is_logging() -> bool:
    """Whether any handler would write a line."""
    if not LOGGER.isEnabledFor(logging.WARNING):
        return False
    return len(LOGGER.handlers) > 1 or bool(logging.getLogger().handlers)
