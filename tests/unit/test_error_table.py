"""The table of codes in the documentation is the one in the program."""

from __future__ import annotations

from pathlib import Path

from lightagent.domain.error_codes import ERROR_TAXONOMY

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_page_on_errors_has_every_code_as_it_is() -> None:
    told = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| LA-")]
    assert told == [
        f"| {one.code} | {one.message} | {one.guidance} | {'yes' if one.retryable else 'no'} |"
        for one in ERROR_TAXONOMY.values()
    ]
