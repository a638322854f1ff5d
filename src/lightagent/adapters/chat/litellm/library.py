"""The litellm package: loaded late, in a thread, with everything off that nobody asked for; and its clients closed."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from weakref import WeakKeyDictionary

from lightagent.adapters.registry import install_command
from lightagent.domain.errors import ConfigurationError

MALICIOUS = frozenset({"1.82.7", "1.82.8"})
"""Releases that carried code of a thief."""

Complete = Callable[..., Awaitable[object]]

_users: WeakKeyDictionary[asyncio.AbstractEventLoop, set[int]] = WeakKeyDictionary()
_lock = threading.Lock()


async def load() -> Complete:
    """`litellm.acompletion`. Importing it takes seconds, so that happens in a thread."""
    return await asyncio.to_thread(_load)


def check_version(installed: str) -> None:
    """Refuse a release that must not run."""
    if installed in MALICIOUS:
        raise ConfigurationError(
            f"litellm {installed} is installed, a release known to be malicious; it is not loaded.",
            guidance="Remove it, change every secret that this machine could read, and type: "
            f"{install_command('litellm', 'litellm')}",
        )


def _load() -> Complete:
    check_version(version("litellm"))
    # Read at the import: without it litellm asks the network for a list of prices, three times.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True  # else it prints advertisements for its issue tracker
    complete: Complete = litellm.acompletion
    return complete


def hold_clients(owner: object) -> None:
    """`owner` uses litellm's clients of the running loop."""
    with _lock:
        _users.setdefault(asyncio.get_running_loop(), set()).add(id(owner))


async def release_clients(owner: object) -> None:
    """`owner` does no longer; after the last one they are closed.

    LiteLLM keeps its clients in one cache for all who use it; those of a loop are known by the end of their key.
    """
    loop = asyncio.get_running_loop()
    with _lock:
        users = _users.get(loop, set())
        users.discard(id(owner))
        last = loop in _users and not users
        if last:
            del _users[loop]
    if last:
        await _close_clients(loop)


async def _close_clients(loop: asyncio.AbstractEventLoop) -> None:
    import litellm
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    cache = litellm.in_memory_llm_clients_cache.cache_dict
    for key in [key for key in cache if key.endswith(f"-{id(loop)}")]:
        client = cache.pop(key)
        close = getattr(client, "close", None) or getattr(client, "aclose", None)
        if close is not None:
            await close()
    # Its task would outlive the run; a later request starts it again.
    await GLOBAL_LOGGING_WORKER.stop()
