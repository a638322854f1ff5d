"""What can be set of the selection of tools: the table ``[default.tool_selection]``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from lightagent.ports.tool_selection import DEFAULT_SELECTION, ToolSelection
from lightagent.settings.section import NEEDS_TRUST, SAFE, Section


class ToolSelectionSettings(Section):
    """How agents with many tools select those that a model is offered; see `ToolSelection`."""

    enabled: Annotated[bool, SAFE] = Field(default=True, description="False: all tools are always offered.")
    threshold: Annotated[int, SAFE] = Field(
        default=DEFAULT_SELECTION.threshold, ge=0, description="With more tools than that an agent selects."
    )
    tokens: Annotated[int, SAFE] = Field(
        default=DEFAULT_SELECTION.tokens, ge=1, description="Tokens of the declarations that one choice may add."
    )
    most: Annotated[int, SAFE] = Field(
        default=DEFAULT_SELECTION.most, ge=1, description="Tools that are offered at once, at most."
    )
    always: Annotated[list[str], NEEDS_TRUST] = Field(
        default_factory=list, description="Names of tools that are always offered."
    )
    search: Annotated[bool, SAFE] = Field(default=True, description="Offer the tool search_tools.")

    @model_validator(mode="after")
    def _all_have_room(self) -> Self:
        if (count := len(set(self.always))) > self.most:
            raise ValueError(f"always names {count} tools, but most is {self.most}")
        return self

    def selection(self) -> ToolSelection | bool:
        """The same as an option of an agent."""
        if not self.enabled:
            return False
        return ToolSelection(self.threshold, self.tokens, self.most, tuple(self.always), self.search)
