"""A flow that asks a person, as a file that commands are given."""

from __future__ import annotations

import os
import time
from pathlib import Path

from lightagent import LightFlow

BEGAN = "ASKING_FLOW_BEGAN"


def once(query: str) -> str:
    """Tells that it has begun, and goes on for long unless it is told otherwise."""
    Path(os.environ[BEGAN]).touch()
    time.sleep(600)
    return query


asking = LightFlow(name="asking")
asking.step("write", agent=lambda query: f"Dear {query}")
asking.step("send", agent=lambda query: query.upper(), depends_on=["write"], query="it is sent", requires_approval=True)

fragile = LightFlow(name="fragile").step("once", agent=once, repeatable=False)
