"""Which of many tools a model is offered: the event that says so, and how many fit into a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.tools.ranking import RankedTool
from lightagent.domain.tools.spec import ToolSpec

SEARCH_TOOL: Final = "search_tools"
"""The name of the tool with which a model asks for tools that it was not offered."""


_MOST_PASSED: Final = 5
"""How many tools may be skipped because they are too large for the room that is left."""

_MOST_TOO_LARGE: Final = 50
"""How many tools may be skipped because they would not fit beside any other, whatever room is left."""


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """The declaration of a tool as it was first shown to a model.

    It stays the same for the whole conversation even if the tool changes: providers cache requests up to the first
    byte that differs.
    """

    name: str
    description: str
    parameters: JsonObject

    def applied_to(self, spec: ToolSpec) -> ToolSpec:
        """Return the current tool with the declaration as it was offered; `spec` itself if nothing has changed."""
        if spec.description == self.description and spec.parameters == self.parameters:
            return spec
        return replace(spec, description=self.description, parameters=self.parameters)


@dataclass(frozen=True, slots=True)
class ToolsSelected:
    """Of a large number of tools some were selected, which the requests of this agent offer from here on.

    Attributes:
        names: the names of all tools that are offered, in their order.
        tools: the declarations of those that had none in this run. They never change: see `OfferedTool`.
        candidates: the tools that match the query best, best first, whether they were selected or not.
        searched: how many tools were searched.
        rankers: the names of the rankers.
        tokens: the estimated tokens of the declarations that were selected for the query.
        errors: why a ranker failed.
    """

    names: tuple[str, ...]
    tools: tuple[OfferedTool, ...] = ()
    candidates: tuple[RankedTool, ...] = ()
    searched: int = 0
    rankers: tuple[str, ...] = ()
    tokens: int = 0
    errors: tuple[LightAgentErrorInfo, ...] = ()
    at: float = field(default=0.0, compare=False)
    type: Literal["tools_selected"] = "tools_selected"


def as_offered(spec: ToolSpec) -> OfferedTool:
    """The declaration of a tool as it is offered now; its owner may change its schema afterwards."""
    return OfferedTool(spec.name, spec.description, copy_json(spec.parameters))


def names_within(
    ranked: Iterable[RankedTool], cost: Callable[[str], int], *, tokens: int, most: int, room: int | None = None
) -> tuple[str, ...]:
    """The names of the first tools of a ranking whose declarations fit into a number of tokens.

    A tool that is too large for the remaining room is skipped, so that smaller ones can still be taken; after a few of
    them the selection ends. The first tool is taken whatever its size, as long as the request has room for it: without
    it the model could not continue. If it alone exceeds `tokens`, the others get the same room as without it.

    Args:
        cost: the tokens of a tool's declaration.
        most: tools that may be taken.
        room: tokens that the request has for them, whatever may be chosen at once; None for no limit.
    """
    taken: list[str] = []
    left, passed, too_large = tokens, 0, 0
    for tool in ranked:
        if len(taken) >= most or passed > _MOST_PASSED or too_large > _MOST_TOO_LARGE:
            break
        size = cost(tool.name)
        if (room is None or size <= room) and (size <= left or not taken):
            taken.append(tool.name)
            left -= size if size <= left else 0
            room = None if room is None else room - size
        elif size > tokens:
            too_large += 1
        else:
            passed += 1
    return tuple(taken)


def joined_tools(known: Sequence[OfferedTool], more: Iterable[OfferedTool]) -> tuple[OfferedTool, ...]:
    """Declarations, with more behind them; a name that is declared keeps its declaration."""
    names = {tool.name for tool in known}
    added: list[OfferedTool] = []
    for tool in more:
        if tool.name not in names:
            names.add(tool.name)
            added.append(tool)
    return (*known, *added)
