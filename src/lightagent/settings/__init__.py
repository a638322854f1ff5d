"""Typed settings: a file with profiles, the environment on top, secrets only as references.

`load_settings` is the way in. What a backend's options mean is the adapter's business; here they are only carried,
checked against the adapter's own options model, and reported with the place where they were written.
"""

from __future__ import annotations

from lightagent.settings.agent_schema import AgentSettings, ContextSettings
from lightagent.settings.backend_schema import Backend
from lightagent.settings.flow_schema import FlowSettings
from lightagent.settings.learning_schema import SelfLearningSettings
from lightagent.settings.load import load_settings, open_file, read_settings
from lightagent.settings.origins import Origin, Problem, Provenance
from lightagent.settings.schema import LoggingSettings, Settings
from lightagent.settings.selection_schema import ToolSelectionSettings
from lightagent.settings.telemetry_schema import TelemetrySettings

__all__ = [
    "AgentSettings",
    "Backend",
    "ContextSettings",
    "FlowSettings",
    "LoggingSettings",
    "Origin",
    "Problem",
    "Provenance",
    "SelfLearningSettings",
    "Settings",
    "TelemetrySettings",
    "ToolSelectionSettings",
    "load_settings",
    "open_file",
    "read_settings",
]
