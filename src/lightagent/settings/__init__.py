"""Typed settings: a file with profiles, the environment on top, secrets only as references.

`load_settings` is the way in. What a backend's options mean is the adapter's business; here they are only carried,
checked against the adapter's own options model, and reported with the place where they were written.
"""

from __future__ import annotations

from lightagent.settings.load import load_settings, open_file, read_settings
from lightagent.settings.origins import Origin, Provenance
from lightagent.settings.problems import Problem
from lightagent.settings.schema import Settings
from lightagent.settings.sections.agent import AgentSettings, ContextSettings
from lightagent.settings.sections.base import Backend
from lightagent.settings.sections.flow import FlowSettings
from lightagent.settings.sections.self_learning import SelfLearningSettings
from lightagent.settings.sections.telemetry import LoggingSettings, TelemetrySettings
from lightagent.settings.sections.tools import ToolSelectionSettings

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
