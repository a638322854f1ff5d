"""What every table of the settings is, and the class of trust that each of its keys has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from lightagent.settings.secrets import masked


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether a file that was merely found, in a cloned repository for instance, may set a key before it is trusted.

    Every key has one of `SAFE` and `NEEDS_TRUST` in its annotation; a test fails for a key without. A key is safe where
    the worst value of a stranger costs patience: it names no place that data goes to or comes from, no code, no file,
    and nothing that the model is told.
    """

    needed: bool


SAFE: Final = Trust(needed=False)
NEEDS_TRUST: Final = Trust(needed=True)


class Section(BaseModel):
    """A table of the settings: cannot be changed, knows its keys, and hides wrong values from error texts.

    Strict: a file has types of its own, so ``"3"`` in one is a mistake. Variables are all text; see `read_text`.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Without secrets, since settings are logged."""
        for name, value in super().__repr_args__():
            yield name, masked(name or "", value) if isinstance(value, dict | str) else value
