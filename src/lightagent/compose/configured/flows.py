"""The settings of flows, opened: the engine or the store, and the options of each flow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lightagent.application.flow.flow_machinery import give_machine
from lightagent.compose.configured.backends import open_journals, wrong_port
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore
from lightagent.ports.telemetry import TelemetrySink
from lightagent.settings import Settings
from lightagent.settings.backends import open_backend
from lightagent.settings.problems import raise_problems
from lightagent.settings.sections.flow import flow_problems

if TYPE_CHECKING:  # An app without flows loads nothing of them.
    from lightagent.flow_options import FlowOptions


@dataclass(frozen=True, slots=True)
class ConfiguredFlows:
    """The settings of flows, opened.

    Attributes:
        store: where this process keeps runs; None: in memory.
        engine: carries them out and keeps them; None: this process does.
        telemetry: sees them; None without a setting, False if telemetry is switched off.
    """

    settings: Settings
    store: JournalStore | None = None
    engine: FlowEngine | None = None
    telemetry: TelemetrySink | Literal[False] | None = None

    def of_flow(self, store: JournalStore | None, options: FlowOptions) -> tuple[JournalStore | None, FlowOptions]:
        """The store and the options of a flow: its own, and those of the settings for the rest.

        Args:
            store, options: the flow's own. A flow with a store or an engine of its own keeps it.
        """
        chosen = self.settings.flow
        made: FlowOptions = {"limits": chosen.limits()}
        if self.telemetry is not None:
            made["telemetry"] = False if self.telemetry is False else [self.telemetry]
        if self.settings.agent.capture_content is not None:
            made["capture_content"] = self.settings.agent.capture_content
        engine = options.get("engine")
        if engine is None and store is None:
            engine, store = self.engine, self.store if self.engine is None else None
        if engine is None:
            made["max_parallel"], made["max_wait"] = chosen.max_parallel, chosen.max_wait
        made |= options
        made["engine"] = engine
        return store, made


def open_flow_engine(settings: Settings, *, environ: Mapping[str, str] | None = None) -> FlowEngine | None:
    """Open the configured engine of flows alone; None if this process carries them out.

    Raises:
        ConfigurationError: it cannot be opened, or another setting does not go with it.
    """
    raise_problems([*flow_problems(settings.flow, settings.provenance.place)])
    if settings.flow.is_local:
        return None
    engine = open_backend(settings, "flow.engine", os.environ if environ is None else environ)
    if not isinstance(engine, FlowEngine):
        raise wrong_port(settings, "flow.engine", engine, "a flow engine", "lightagent.ports.flow_engine.FlowEngine")
    give_machine(engine)
    return engine


def open_flow_store(settings: Settings, *, environ: Mapping[str, str] | None = None) -> JournalStore | None:
    """Open the store that the section of flows names; None if it names none, or an engine keeps the runs.

    Raises:
        ConfigurationError: it cannot be opened; the text names the place and the remedy.
    """
    if settings.flow.store is None or not settings.flow.is_local:
        return None
    store = open_backend(settings, "flow.store", os.environ if environ is None else environ)
    if not isinstance(store, JournalStore):
        raise wrong_port(settings, "flow.store", store, "a journal store", "lightagent.ports.journals.JournalStore")
    return store


def open_flows(settings: Settings, *, environ: Mapping[str, str] | None = None) -> ConfiguredFlows:
    """Open what flows of these settings need, and nothing else; the caller opens telemetry.

    Raises:
        ConfigurationError: something of it cannot be opened; the text names the place and the remedy.
        MissingExtraError: a package is missing; the text says what to install.
    """
    engine = open_flow_engine(settings, environ=environ)
    store = open_flow_store(settings, environ=environ)
    if engine is None and store is None:
        store = open_journals(settings, environ=environ)
    return ConfiguredFlows(settings, store, engine)
