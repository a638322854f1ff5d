"""The times of an engine that its options leave open. The package itself imports them, so nothing else is in here."""

from __future__ import annotations

from typing import Final

HEARTBEAT: Final = 20.0
"""Seconds without a heartbeat after which a worker counts as dead."""

LONGEST: Final = 86_400.0
"""The time limit of steps without their own, in seconds."""

PATIENCE: Final = 10.0
"""Seconds to wait for a worker before a run begins."""
