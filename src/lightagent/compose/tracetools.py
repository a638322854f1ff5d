"""`tracetools`: where an agent's traces go, in the form of the 0.9 line."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from lightagent.adapters.registry import open_adapter
from lightagent.adapters.telemetry.otel.langfuse import PATH, langfuse_authorization
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.secrets.masking import shown
from lightagent.domain.telemetry.tags import checked_tags
from lightagent.ports.flushable_sink import FlushableSink
from lightagent.ports.telemetry import TelemetrySink

_CONFIG: Final = "TraceToolConfig"
_PLACE: Final = f"tracetools.{_CONFIG}"
_CLOUD: Final = "https://cloud.langfuse.com"
_ENABLED: Final = "langfuse_enabled"
_PUBLIC: Final = "langfuse_public_key"
_SECRET: Final = "langfuse_secret_key"
_HOST: Final = "langfuse_host"
_TAGS: Final = "langfuse_tags"
_KEYS: Final = (_ENABLED, _PUBLIC, _SECRET, _HOST, _TAGS)
_LOOK: Final = f'Write {{"{_CONFIG}": {{"{_PUBLIC}": …, "{_SECRET}": …, "{_HOST}": …, "{_ENABLED}": True}}}}.'

_lock: Final = threading.Lock()
_open: Final[dict[tuple[str, str, str, tuple[str, ...]], TelemetrySink]] = {}
"""One export for all agents that name the same, as long as the process lives: agents come and go."""


def tracetool_sinks(tracetools: Mapping[str, object] | None) -> tuple[TelemetrySink, ...]:
    """The sinks that `tracetools` asks for; empty if it is switched off.

    Raises:
        ConfigurationError: a key is missing, unknown or of a wrong type; no value is shown.
        MissingExtraError: the extra `otel` is not installed.
    """
    if tracetools is None:
        return ()
    config = _config(tracetools)
    enabled = config.get(_ENABLED)
    if not (enabled is None or isinstance(enabled, bool)):
        raise ConfigurationError(f"{_PLACE}.{_ENABLED} must be True or False.")
    if enabled is False:
        return ()
    host = _text(config, _HOST, _CLOUD).rstrip("/").removesuffix(PATH)
    named = (host, _text(config, _PUBLIC), _text(config, _SECRET), _tags(config))
    with _lock:
        if named not in _open:
            _open[named] = _langfuse(*named)
        return (_open[named],)


def _langfuse(host: str, public_key: str, secret_key: str, tags: tuple[str, ...]) -> TelemetrySink:
    if not host.startswith(("http://", "https://")):
        raise ConfigurationError(f"{_PLACE}.{_HOST} is not an address.", guidance=f"Write {_CLOUD}, or where yours is.")
    options = {
        "endpoint": f"{host}{PATH}",
        "headers": {"Authorization": langfuse_authorization(public_key, secret_key)},
        "tags": tags,
    }
    sink = open_adapter("telemetry", "otel", options, at=_PLACE)
    if not isinstance(sink, FlushableSink):
        raise TypeError(f"The adapter otel opened a {type(sink).__name__}.")
    return sink


def _config(tracetools: Mapping[str, object]) -> Mapping[str, object]:
    config = tracetools.get(_CONFIG)
    if [*tracetools] != [_CONFIG] or not isinstance(config, Mapping):
        raise ConfigurationError(f"tracetools: expected a mapping of {_CONFIG} to a mapping.", guidance=_LOOK)
    for name in config:
        if name not in _KEYS:
            near = get_close_matches(str(name), _KEYS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It takes: {', '.join(_KEYS)}."
            raise ConfigurationError(f"{_PLACE}: unknown key {shown(str(name))}.", guidance=hint)
    return config


def _text(config: Mapping[str, object], name: str, default: str = "") -> str:
    value = config.get(name)
    if value is None or value == "":
        value = default
    if not isinstance(value, str):
        raise ConfigurationError(f"{_PLACE}.{name} must be text, got {type(value).__name__}.")
    if not value:
        raise ConfigurationError(f"{_PLACE}.{name} is missing.", guidance=_LOOK)
    if not (value.isascii() and value.isprintable()):
        raise ConfigurationError(f"{_PLACE}.{name} must be printable ASCII.")
    return value.strip()


def _tags(config: Mapping[str, object]) -> tuple[str, ...]:
    return checked_tags(config.get(_TAGS) or (), f"{_PLACE}.{_TAGS}")
