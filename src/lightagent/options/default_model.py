"""The model of agents and settings that name none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEFAULT_MODEL: Final = "gpt-4.1"


def default_model(environ: Mapping[str, str]) -> str:
    """The name of the model: that in OPENAI_MODEL, otherwise `DEFAULT_MODEL`."""
    return environ.get("OPENAI_MODEL") or DEFAULT_MODEL
