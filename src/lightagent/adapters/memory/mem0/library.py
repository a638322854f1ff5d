"""mem0 itself: imported without its telemetry, opened, and what it does to us as our own errors.

mem0 reports to its makers unless told otherwise before it is imported, and writes into the user's home folder. Where
spaCy or fastembed is installed it fetches models for them from the network at the first use; here it does without.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol

import httpx

from lightagent.adapters.memory.mem0.models import aim, lose_nothing
from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError

_COLLECTION: Final = "lightagent"


class Mem0(Protocol):
    """What both of mem0's own objects have: one in this process, and the client of the hosted service."""

    def add(self, messages: object, **arguments: object) -> object:
        """Keep a text."""
        ...

    def search(self, query: str, **arguments: object) -> object:
        """Find texts."""
        ...

    def get_all(self, **arguments: object) -> object:
        """List them."""
        ...

    def delete(self, memory_id: str) -> object:
        """Remove one."""
        ...


def import_mem0(folder: Path) -> ModuleType:
    """mem0, with its telemetry off.

    Args:
        folder: where it may write what it would otherwise write into the user's home folder.

    Raises:
        ConfigurationError: it was imported before, and reports.
    """
    if "mem0" not in sys.modules:
        os.environ["MEM0_TELEMETRY"] = "False"
        os.environ.setdefault("MEM0_DIR", str(folder))
    module = importlib.import_module("mem0")
    if importlib.import_module("mem0.memory.telemetry").MEM0_TELEMETRY:
        raise ConfigurationError(
            "mem0 was imported before with its telemetry on.",
            guidance="Set MEM0_TELEMETRY=False in the environment of the program.",
        )
    models = importlib.import_module("mem0.utils.spacy_models")
    vars(models).update(_load_failed_full=True, _load_failed_lemma=True)  # As if they had not been found.
    return module


def open_embedded(
    folder: Path,
    *,
    api_key: str,
    base_url: str,
    model: str,
    embedding_model: str,
    dimension: int,
    timeout: float,
    before_keeping: Callable[[], None],
) -> Mem0:
    """mem0 in this process, with Qdrant's local mode in a folder and an OpenAI-compatible endpoint.

    mem0 would keep a history of all texts, also of removed ones, in a file; here that stays in memory.

    Args:
        before_keeping: is called when there is a vector, and it is about to be kept.
    """
    module = import_mem0(folder / "mem0")
    endpoint = {"api_key": api_key, "openai_base_url": base_url}
    qdrant = {
        "path": str(folder / "qdrant"),
        "on_disk": True,
        "collection_name": _COLLECTION,
        "embedding_model_dims": dimension,
    }
    opened = module.Memory.from_config(
        {
            "vector_store": {"provider": "qdrant", "config": qdrant},
            "llm": {"provider": "openai", "config": {"model": model, **endpoint}},
            "embedder": {
                "provider": "openai",
                "config": {"model": embedding_model, "embedding_dims": dimension, **endpoint},
            },
            "history_db_path": ":memory:",
        }
    )
    opened.vector_store._bm25_encoder = False  # As if fastembed had not been found.
    aim(opened, api_key=api_key, base_url=base_url, timeout=timeout)
    lose_nothing(opened, before_keeping)
    memory: Mem0 = opened
    return memory


def close_embedded(memory: Mem0) -> None:
    """Give back the folder, and the connections to the endpoint."""
    for part in (getattr(memory, "embedding_model", None), getattr(memory, "llm", None)):
        _close(getattr(part, "client", None))
    _close(getattr(getattr(memory, "vector_store", None), "client", None))
    _close(memory)


def make_anew(memory: Mem0) -> None:
    """Make the empty place of vectors for those of another size."""
    reset = getattr(getattr(memory, "vector_store", None), "reset", None)
    if callable(reset):
        reset()


def drop_history(memory: Mem0) -> None:
    """Remove what mem0 keeps beside its memories in this process: their history, and the last messages."""
    connection = getattr(getattr(memory, "db", None), "connection", None)
    if isinstance(connection, sqlite3.Connection):
        connection.execute("DELETE FROM history")
        connection.execute("DELETE FROM messages")
        connection.commit()


def remove(memory: Mem0, item_id: str) -> None:
    """Remove a memory, unless it has been removed meanwhile."""
    absent: object = getattr(sys.modules.get("mem0.exceptions"), "MemoryNotFoundError", None)
    try:
        memory.delete(item_id)
    except Exception as exc:
        if not (isinstance(absent, type) and isinstance(exc, absent)):
            raise


def open_platform(folder: Path, *, api_key: str, host: str, timeout: float) -> Mem0:
    """The client of the hosted service."""
    module = import_mem0(folder)
    connections = httpx.Client(timeout=timeout)
    try:
        client: Mem0 = module.MemoryClient(api_key=api_key, host=host, client=connections)
    except BaseException:
        connections.close()
        raise
    return client


def close_platform(memory: Mem0) -> None:
    """Close its connections."""
    _close(getattr(memory, "client", None))


def _close(part: object) -> None:
    close = getattr(part, "close", None)
    if callable(close):
        close()


@contextmanager
def translate_errors(what: str) -> Generator[None]:
    """Raise what goes wrong in mem0 as a `StoreError`; its words may quote texts, so they stay in the cause."""
    try:
        yield
    except (LightAgentError, ModuleNotFoundError):
        raise
    except Exception as exc:  # mem0 reads what a model or a service answers as if it were what it expects.
        if "already accessed by another instance" in str(exc):
            raise StoreError(
                f"Another process or object has {what} open.",
                guidance="One process at a time can use a folder; close the other one.",
            ) from exc
        raise StoreError(
            f"mem0 failed in {what}: {type(exc).__name__}.",
            guidance="Check the language model, the embedder and the store that mem0 is configured with.",
        ) from exc


def results_of(answer: object) -> list[Mapping[str, object]]:
    """The memories in an answer, each of which has an id.

    Raises:
        StoreError: it holds none, or something else.
    """
    results = answer.get("results") if isinstance(answer, Mapping) else answer
    if not isinstance(results, list):
        raise StoreError("mem0 answered without a list of memories.", guidance="Check its version: 2.x is supported.")
    found = [one for one in results if isinstance(one, Mapping) and isinstance(one.get("id"), str)]
    if len(found) < len(results):
        raise StoreError("mem0 answered with an item without an id.", guidance="Check its version: 2.x is supported.")
    return found
