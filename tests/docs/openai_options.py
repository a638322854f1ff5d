"""The table of the options of `OpenAIChatModel` in docs/models.md, written from their declaration.

usage: python -m tests.docs.openai_options
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Final

from lightagent.adapters.chat.openai.options import Options

PAGE: Final = Path(__file__).parents[2] / "docs" / "models.md"
_HEAD: Final = "| option | default | what it is |\n|---|---|---|\n"


def table() -> str:
    """Return the table as the page must have it."""
    return _HEAD + "".join(f"{row}\n" for row in _rows())


def with_table(page: str) -> str:
    """Return the page with its table brought up to date.

    Raises:
        ValueError: the page has no such table.
    """
    before, head, rest = page.partition(_HEAD)
    if not head:
        raise ValueError(f"{PAGE} has no table that begins with {_HEAD!r}")
    _, blank, after = rest.partition("\n\n")
    return before + table() + blank.removeprefix("\n") + after


def _rows() -> Iterator[str]:
    for option in fields(Options):
        default = "required" if option.default is MISSING else _shown(option.default)
        yield f"| `{option.name}` | {default} | {option.metadata['description']} |"


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value:_}`" if isinstance(value, int) and not isinstance(value, bool) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
