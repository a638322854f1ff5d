"""The table of docs/temporal.md of what users may be told: each line has a case, and those without a server hold.

The others are tried on the real server by `tests/heavy/test_temporal_refusals.py`.
"""

from __future__ import annotations

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from tests.support.temporal_refusals import CASES, documented


def test_each_line_of_the_documentation_has_a_case() -> None:
    assert list(documented()) == list(CASES)


@pytest.mark.parametrize("wrong", [wrong for wrong, case in CASES.items() if not case.needs_server])
async def test_what_is_told_is_what_the_documentation_says(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    documented()[wrong].check(await CASES[wrong].do("", monkeypatch))
