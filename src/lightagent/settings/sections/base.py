"""What every section of the settings shares: its form, the trust that a key needs, adapters and references."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lightagent.domain.json_types import JsonObject
from lightagent.settings.secrets import masked, reference


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether a file that was merely found, in a cloned repository for instance, may set a key before it is trusted.

    Every key has `SAFE` or `NEEDS_TRUST` in its annotation, which a test checks. A key is safe if the worst value only
    wastes time: it names no place that data goes to or comes from, no code and no file, and is not shown to the model.
    """

    needed: bool


SAFE: Final = Trust(needed=False)
NEEDS_TRUST: Final = Trust(needed=True)


class Section(BaseModel):
    """A table of the settings: cannot be changed, knows its keys, and hides wrong values from error texts.

    Strict: a file has types of its own, so ``"3"`` in one is a mistake. Variables are all text; see `typed_leaves`.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Without secrets, since settings are logged."""
        for name, value in super().__repr_args__():
            yield name, masked(name or "", value) if isinstance(value, dict | str) else value


class Backend(Section):
    """An adapter by its kind, and its options, which the adapter itself checks when it is opened."""

    kind: Annotated[str, NEEDS_TRUST] = Field(description="The name of the adapter.")
    options: Annotated[JsonObject, NEEDS_TRUST] = Field(default_factory=dict, description="Options of that adapter.")


def backend_table(value: object) -> object:
    """A table of a file, where options stand beside the kind, in the form of `Backend`; other values unchanged.

    A file thus has one level less than the model.
    """
    if not isinstance(value, dict):
        return value
    options = {name: option for name, option in value.items() if name != "kind"}
    kind = {"kind": value["kind"]} if "kind" in value else {}
    return {**kind, "options": options}


def _check_reference(value: JsonObject) -> JsonObject:
    if reference(value) is None:
        raise ValueError('{ env = "NAME" } is expected')
    return value


def _check_text_or_reference(value: JsonObject) -> JsonObject:
    if reference(value) is None:
        raise ValueError('A text is expected, or { env = "NAME" }')
    return value


Reference: TypeAlias = Annotated[JsonObject, AfterValidator(_check_reference)]
"""``{ env = "NAME" }``: the value of that environment variable when it is needed."""

TextOrReference: TypeAlias = str | Annotated[JsonObject, AfterValidator(_check_text_or_reference)]
"""A text, or a reference to an environment variable."""
