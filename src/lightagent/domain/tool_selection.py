"""Which of many tools a model is offered: declarations as they were offered, and how many fit into a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from lightagent.domain.json_types import JsonObject
from lightagent.domain.ranking import RankedTool
from lightagent.domain.tools import ToolSpec


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """The declaration of a tool as a model was shown it first.

    It stays so for the whole conversation, whatever becomes of the tool: providers cache what they have read, from the
    beginning of the request up to the first byte that is another one.
    """

    name: str
    description: str
    parameters: JsonObject

    def applied_to(self, spec: ToolSpec) -> ToolSpec:
        """The tool as it is now, with the declaration as it was offered; itself where nothing has changed."""
        if spec.description == self.description and spec.parameters == self.parameters:
            return spec
        return replace(spec, description=self.description, parameters=self.parameters)


def as_offered(spec: ToolSpec) -> OfferedTool:
    """The declaration of a tool as it is offered now."""
    return OfferedTool(spec.name, spec.description, spec.parameters)


def names_within(
    ranked: Iterable[RankedTool], cost: Callable[[str], int], *, tokens: int, most: int
) -> tuple[str, ...]:
    """The names of the first tools of a ranking whose declarations fit into a number of tokens.

    One that is too large for what is left is passed over, so that it does not keep smaller ones out. The first tool is
    taken however large it is: without it the model could not go on.

    Args:
        cost: the tokens of a tool's declaration.
        most: tools that may be taken.
    """
    taken: list[str] = []
    for tool in ranked:
        if len(taken) >= most:
            break
        size = cost(tool.name)
        if size <= tokens or not taken:
            taken.append(tool.name)
            tokens -= size
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
