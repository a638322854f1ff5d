"""The tool with which a model searches for tools that it was not offered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from lightagent.application.tool_selection.select_tools import Choice
from lightagent.application.tools.arguments import refused
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import Origin
from lightagent.domain.runs.effects import ToolAnswer
from lightagent.domain.tools.selection import SEARCH_TOOL
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec
from lightagent.ports.tools import RunContext, Tool

_PARAMETERS: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "query": {
            "type": "string",
            "minLength": 1,
            "description": "What the tool should do, in a few words, such as: convert currencies.",
        }
    },
    "required": ["query"],
    "additionalProperties": False,
}

_MOST_NAMED: Final = 10
"""Names of tools that are offered already which an answer repeats."""


class SearchTools(Tool[object]):
    """Offers the tools that fit a query from the next turn on. One for each run.

    Its answers consist of names only, so they contain no foreign text.

    Args:
        description: tells the model what the tool is for.
        search: returns the tools for a query, and the names of the tools that are offered already.
    """

    def __init__(
        self, description: str, search: Callable[[str, Origin], Awaitable[tuple[Choice, frozenset[str]]]]
    ) -> None:
        self._search = search
        self._spec = ToolSpec(
            SEARCH_TOOL, description, _PARAMETERS, idempotent=True, trusted_output=True, provider=OWN_PROVIDER
        )

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        query = arguments.get("query")
        if not isinstance(query, str) or not query.strip() or set(arguments) != {"query"}:
            raise refused("The arguments do not fit.", 'It takes a query, such as {"query": "convert currencies"}.')
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        choice, offered = await self._search(str(arguments["query"]), context.origin)
        return ToolAnswer(_search_result(choice, offered), offer=choice.names, candidates=choice.candidates)


def _search_result(choice: Choice, offered: frozenset[str]) -> str:
    there = [tool.name for tool in choice.candidates if tool.name in offered][:_MOST_NAMED]
    lines: list[str] = []
    if choice.names:
        lines.append(f"From now on you can also call: {', '.join(choice.names)}.")
    elif choice.is_cut:
        lines.append(f"Others fit, but you are offered {len(offered)} tools, and there cannot be more of them here.")
    if there:
        lines.append(f"These fit, and you can call them already: {', '.join(there)}.")
    if not lines:
        return f"None of {choice.searched} tools fits. Try other words, or go on without."
    return "\n".join(lines)
