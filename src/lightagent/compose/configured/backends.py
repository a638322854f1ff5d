"""The backends that settings choose, each opened by itself and checked against its port."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from lightagent.adapters.registry import open_adapter, outlives_process
from lightagent.adapters.telemetry._native import is_off, native_sink
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.code import CodeRunner
from lightagent.ports.embedding import Embedder
from lightagent.ports.flushable_sink import FlushableSink
from lightagent.ports.journals import JournalStore
from lightagent.ports.memory import MemoryStore, RecordedStore
from lightagent.ports.models import ChatModel
from lightagent.ports.telemetry import TelemetrySink
from lightagent.settings import Settings
from lightagent.settings.backends import open_backend
from lightagent.settings.problems import raise_problems
from lightagent.settings.schema import BACKENDS, backend_path
from lightagent.settings.sections.base import Backend
from lightagent.settings.sections.telemetry import read_telemetry


def open_model(settings: Settings, *, environ: Mapping[str, str] | None = None) -> ChatModel:
    """Open the configured chat model alone.

    Raises:
        ConfigurationError: it cannot be opened; the text names the place and the remedy.
    """
    model = open_backend(settings, "model", os.environ if environ is None else environ)
    if not isinstance(model, ChatModel):
        raise wrong_port(settings, "model", model, "a chat model", "lightagent.ports.models.ChatModel")
    return model


def open_learning_model(settings: Settings, *, environ: Mapping[str, str] | None = None) -> ChatModel | None:
    """Open the model that looks back on runs; None if none is named, or agents do not learn.

    Raises:
        ConfigurationError: it cannot be opened; the text names the place and the remedy.
    """
    chosen = settings.self_learning
    if not chosen.enabled or chosen.model is None:
        return None
    named = settings.model.model_copy(update={"options": {**settings.model.options, "model": chosen.model}})
    return open_model(settings.model_copy(update={"model": named}), environ=environ)


def open_journals(settings: Settings, *, environ: Mapping[str, str] | None = None) -> JournalStore | None:
    """Open the configured journal store alone; None without one.

    Raises:
        ConfigurationError: it cannot be opened; the text names the place and the remedy.
    """
    if settings.journals is None:
        return None
    store = open_backend(settings, "journals", os.environ if environ is None else environ)
    if not isinstance(store, JournalStore):
        raise wrong_port(settings, "journals", store, "a journal store", "lightagent.ports.journals.JournalStore")
    return store


def open_memory(
    settings: Settings, *, environ: Mapping[str, str] | None = None, journals: JournalStore | None = None
) -> MemoryStore | None:
    """Open the configured store of memories; None without one.

    If it can record what it writes and removes, it does so in the configured journal store, unless one of the
    two is lost when the process ends.

    Args:
        journals: the configured journal store, if it is open already.

    Raises:
        ConfigurationError: one of them cannot be opened; the text names the place and the remedy.
    """
    if settings.memory is None:
        return None
    variables = os.environ if environ is None else environ
    store = open_backend(settings, "memory", variables)
    if not isinstance(store, MemoryStore):
        raise wrong_port(settings, "memory", store, "a store of memories", "lightagent.ports.memory.MemoryStore")
    if not isinstance(store, RecordedStore) or store.is_recorded:
        return store
    if _lasts(settings.memory) and _lasts(settings.journals):
        kept = open_journals(settings, environ=variables) if journals is None else journals
        if kept is not None:
            store.record_in(kept)
    return store


def _lasts(backend: Backend | None) -> bool:
    return backend is not None and outlives_process({"kind": backend.kind, **backend.options})


def open_embedding(settings: Settings, *, environ: Mapping[str, str] | None = None) -> Embedder | None:
    """Open the configured embedder alone; None without one.

    Raises:
        ConfigurationError: it cannot be opened; the text names the place and the remedy.
    """
    if settings.embedding is None:
        return None
    embedder = open_backend(settings, "embedding", os.environ if environ is None else environ)
    if not isinstance(embedder, Embedder):
        raise wrong_port(settings, "embedding", embedder, "an embedder", "lightagent.ports.embedding.Embedder")
    return embedder


def open_code(settings: Settings, *, environ: Mapping[str, str] | None = None) -> CodeRunner | None:
    """Open the configured runner of code alone; None where there is none.

    Raises:
        ConfigurationError: it cannot be opened, for instance because the isolation that it promises is not available.
    """
    if settings.code is None:
        return None
    runner = open_backend(settings, "code", os.environ if environ is None else environ)
    if not isinstance(runner, CodeRunner):
        raise wrong_port(settings, "code", runner, "a runner of code", "lightagent.ports.code.CodeRunner")
    return runner


def open_telemetry(
    settings: Settings, *, environ: Mapping[str, str] | None = None
) -> TelemetrySink | Literal[False] | None:
    """Open what the table of telemetry describes; None if it is empty, False if it switches telemetry off.

    Raises:
        ConfigurationError: something is wrong with it; all problems are reported at once.
        MissingExtraError: the extra `otel` is not installed.
    """
    variables = os.environ if environ is None else environ
    reading = read_telemetry(settings.telemetry, settings.provenance, variables)
    raise_problems([*reading.problems, *reading.unset])
    if settings.telemetry.enabled is False or (reading.options is not None and is_off(variables)):
        return False
    if reading.options is None:
        return None
    options = reading.options
    if options.get("endpoint") is None and native_sink() is not None:
        options = {**options, "enabled": None}  # The application has tracing of its own, and names no other target.
    sink = open_adapter("telemetry", "otel", options, at="telemetry")
    if not isinstance(sink, FlushableSink):
        raise TypeError(f"The adapter otel opened a {type(sink).__name__}.")
    return sink


def wrong_port(settings: Settings, section: str, opened: object, what: str, port: str) -> ConfigurationError:
    """The error for an adapter of another package that opened something of a wrong kind."""
    kind = settings.backends()[section].kind
    return ConfigurationError(
        f"{settings.provenance.place((*backend_path(section), 'kind'))}: {kind!r} opened an object of "
        f"type {type(opened).__name__}, but {what} is needed here.",
        guidance=f"An adapter of the family {BACKENDS[section]} implements {port}.",
    )
