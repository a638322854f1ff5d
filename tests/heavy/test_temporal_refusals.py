"""The table of docs/temporal.md of what users may be told, line by line on the real server."""

from __future__ import annotations

import pytest

from tests.servers.temporal_server import TemporalServer
from tests.support.temporal_refusals import CASES, documented


@pytest.mark.parametrize("wrong", [wrong for wrong, case in CASES.items() if case.needs_server])
async def test_what_is_told_is_what_the_documentation_says(
    temporal: TemporalServer, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documented()[wrong].check(await CASES[wrong].do(temporal.address, monkeypatch))
