"""Refuses options that do not exist or have the wrong type, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import NoneType

from lightagent.application.prompts import Prompts
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.events import Limits

_SEQUENCE = (list, tuple)
_NUMBER = (int, float)

AGENT_OPTIONS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "instructions": (str,),
    "role": (str,),
    "model": (object,),
    "api_key": (str, NoneType),
    "base_url": (str, NoneType),
    "provider": (str,),
    "tools": _SEQUENCE,
    "metadata": (Mapping,),
    "limits": (Limits,),
    "prompts": (Prompts,),
    "capture_content": (bool,),
    "debug": (bool,),
    "log_level": (str,),
    "log_file": (str, NoneType),
    "clock": (object,),
    "ids": (object,),
}
"""What `LightAgent` takes, besides its types."""

RUN_OPTIONS: dict[str, tuple[type, ...]] = {
    "tools": (*_SEQUENCE, NoneType),
    "history": (*_SEQUENCE, NoneType),
    "metadata": (Mapping, NoneType),
    "user_id": (str,),
    "max_tool_iterations": (int,),
    "max_retry": (int,),
    "timeout": (*_NUMBER, NoneType),
    "trace": (bool,),
    "trace_id": (str,),
    "parent_trace_id": (str,),
    "run_group_id": (str,),
}
"""What a run takes, besides its query, its form and its dependencies."""

RESUME_OPTIONS: dict[str, tuple[type, ...]] = {name: RUN_OPTIONS[name] for name in ("tools", "trace")}
"""What a resumption takes, besides its journal, decision and dependencies."""


def check_options(options: Mapping[str, object], known: Mapping[str, tuple[type, ...]], owner: str) -> None:
    """Nothing, where every option is known and of its type.

    Raises:
        ConfigurationError: one is not; the text names it, what it takes, and the nearest name.
    """
    for name, value in options.items():
        types = known.get(name)
        if types is None:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It takes: {', '.join(known)}."
            raise ConfigurationError(f"{owner} has no option {name!r}.", guidance=hint)
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types and object not in types):
            wanted = " or ".join("None" if kind is NoneType else kind.__name__ for kind in types)
            raise ConfigurationError(f"{owner}: {name} is {wanted}, not {type(value).__name__}.", guidance="")
