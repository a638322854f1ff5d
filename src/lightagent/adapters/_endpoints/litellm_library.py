"""The litellm package: loaded late and in a thread, without its messages; its clients, and its callbacks."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Final, Literal
from weakref import WeakKeyDictionary

from lightagent.adapters.registry import install_command
from lightagent.domain.errors import ConfigurationError

MALICIOUS = frozenset({"1.82.7", "1.82.8"})
"""Releases that contained code which steals credentials."""

Ask = Callable[..., Awaitable[object]]

_users: WeakKeyDictionary[asyncio.AbstractEventLoop, set[int]] = WeakKeyDictionary()
_lock = threading.Lock()


async def load() -> Ask:
    """Return `litellm.acompletion`, imported in a thread, since that takes seconds."""
    return await asyncio.to_thread(_load, "acompletion")


async def load_embedding() -> Ask:
    """Return `litellm.aembedding`, imported in the same way."""
    return await asyncio.to_thread(_load, "aembedding")


def check_version(installed: str) -> None:
    """Refuse a release that is known to be malicious."""
    if installed in MALICIOUS:
        raise ConfigurationError(
            f"litellm {installed} is installed, a release known to be malicious; it is not loaded.",
            guidance="Remove it, change every secret that this machine could read, and type: "
            f"{install_command('litellm', 'litellm')}",
        )


def _load(function: Literal["acompletion", "aembedding"]) -> Ask:
    check_version(version("litellm"))
    # litellm reads this when it is imported. Without it, it downloads a price list, three times.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    # Without this one, it reads variables, such as the base URL of an API, from any .env file above its own folder. If
    # a virtual environment is inside a cloned repository, that file may be a stranger's.
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    litellm.suppress_debug_info = True  # Otherwise it prints links to its issue tracker.
    ask: Ask = litellm.acompletion if function == "acompletion" else litellm.aembedding
    return ask


def hold_clients(owner: object) -> None:
    """Record that `owner` uses the clients which litellm keeps for the running loop."""
    with _lock:
        _users.setdefault(asyncio.get_running_loop(), set()).add(id(owner))


async def release_clients(owner: object) -> None:
    """Record that `owner` no longer uses them. When none is left that uses them, they are closed.

    LiteLLM keeps all clients in one cache. The end of a key tells which loop its client belongs to.
    """
    loop = asyncio.get_running_loop()
    with _lock:
        users = _users.get(loop, set())
        users.discard(id(owner))
        last = loop in _users and not users
        if last:
            del _users[loop]
    if last:
        await _close_clients()


async def _close_clients() -> None:
    """Close the clients of the running loop."""
    import litellm
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    cache = litellm.in_memory_llm_clients_cache
    ending = cache.update_cache_key_with_event_loop("")
    clients = cache.cache_dict
    for key in [key for key in clients if ending and key.endswith(ending)]:
        client = clients.pop(key)
        close = getattr(client, "close", None) or getattr(client, "aclose", None)
        if close is not None:
            await close()
    # Its task would outlive the run. A later request starts it again, and drops one that belongs to another loop: such
    # a task cannot be awaited here, and its loop may have ended.
    with suppress(RuntimeError, ValueError):
        await GLOBAL_LOGGING_WORKER.stop()


LISTS: Final = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "_async_input_callback",
    "_async_success_callback",
    "_async_failure_callback",
)


def only_opentelemetry_listens() -> bool:
    """Whether LiteLLM has its OpenTelemetry callback and no other.

    A call can be kept from all callbacks or from none. Other callbacks may count costs, so they must see every call.
    """
    litellm = sys.modules.get("litellm")
    listening: list[object] = [one for name in LISTS for one in _listed(getattr(litellm, name, None))]
    return bool(listening) and all(_is_opentelemetry(one) for one in listening)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _is_opentelemetry(callback: object) -> bool:
    """Whether it is LiteLLM's own OpenTelemetry callback, not one of the products that derive from it."""
    return callback == "otel" or type(callback).__name__ in ("OpenTelemetry", "OpenTelemetryV2")
