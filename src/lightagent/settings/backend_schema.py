"""What every section of the settings that chooses an adapter is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lightagent.domain.json_types import JsonObject
from lightagent.settings.section import NEEDS_TRUST, Section


class Backend(Section):
    """An adapter: which, and its options, which the adapter itself checks when it is opened."""

    kind: Annotated[str, NEEDS_TRUST] = Field(description="The name of the adapter.")
    options: Annotated[JsonObject, NEEDS_TRUST] = Field(default_factory=dict, description="Options of that adapter.")


def apart(value: object) -> object:
    """A table of a file, in which the options stand beside the kind, as `Backend` has them; anything else as it is."""
    if not isinstance(value, dict):
        return value
    options = {name: option for name, option in value.items() if name != "kind"}
    kind = {"kind": value["kind"]} if "kind" in value else {}
    return {**kind, "options": options}
