"""The tool with which a model reads back a result that was put aside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lightagent.application.journals.spilled_results import SpilledResult, read_spilled
from lightagent.application.tools.arguments import refused
from lightagent.domain.conversation.labels import TOOL_LABEL
from lightagent.domain.errors import DamagedStream, ToolError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.effects import ToolAnswer
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec
from lightagent.ports.journals import JournalStore
from lightagent.ports.tools import RunContext, Tool

READ_TOOL: Final = "read_tool_result"
"""Its name."""

_PARAMETERS: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "The id that stands in the place of the result."},
        "page": {"type": "integer", "minimum": 1, "description": "Which page; the first one is 1."},
    },
    "required": ["id"],
    "additionalProperties": False,
}


class ReadToolResult(Tool[object]):
    """Reads a page of a result that was put aside, of the same user's runs only.

    Args:
        store: where results are put aside.
        description: tells the model what the tool is for.
        page_chars: characters of a page.
    """

    def __init__(self, store: JournalStore, description: str, page_chars: int) -> None:
        self._store = store
        self._page_chars = page_chars
        self._spec = ToolSpec(
            READ_TOOL, description, _PARAMETERS, output_limit=page_chars + 1_000, idempotent=True, provider=OWN_PROVIDER
        )

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        page: object = arguments.get("page", 1)
        right = isinstance(arguments.get("id"), str) and isinstance(page, int) and not isinstance(page, bool)
        if not right or not set(arguments) <= {"id", "page"}:
            raise refused("The arguments do not fit.", 'It takes an id and a page, such as {"id": "…", "page": 1}.')
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        result_id, number = str(arguments["id"]), arguments.get("page", 1)
        page = number if isinstance(number, int) else 1
        try:
            result = await read_spilled(self._store, context.scope, result_id)
        except DamagedStream as error:
            raise ToolError(
                f"The stored result {result_id:.80} was changed or damaged, so it is not shown.",
                guidance="Go on without it, or call the tool again that gave it if that is safe.",
            ) from error
        if result is None:
            raise ToolError(
                f"No result is stored under {result_id:.80}: it was forgotten, or never existed.",
                guidance="Go on without it, or call the tool again that gave it if that is safe.",
            )
        return ToolAnswer(self._page(result, page), labels=(f"{TOOL_LABEL}{result.tool}",))

    def _page(self, result: SpilledResult, page: int) -> str:
        size = self._page_chars
        pages = result.pages(size)
        if not 1 <= page <= pages:
            raise ToolError(f"The result has no page {page}.", guidance=f"Its pages are 1 to {pages}.")
        text = result.content[(page - 1) * size : page * size]
        return f"Page {page} of {pages} of the result of {result.tool or 'a tool'}:\n{text}"
