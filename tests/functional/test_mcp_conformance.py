"""Some scenarios of the official conformance suite; `make test-heavy` runs all of them."""

from __future__ import annotations

import pytest

from tests.servers.mcp.conformance import run_scenario


@pytest.mark.parametrize(
    ("scenario", "version"),
    [
        ("elicitation-sep1034-client-defaults", "2025-11-25"),
        ("auth/metadata-default", "2026-07-28"),
    ],
)
def test_a_scenario_passes(scenario: str, version: str) -> None:
    told = run_scenario(scenario, version)
    assert ", 0 failed, 0 warnings" in told, told
