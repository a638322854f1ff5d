"""The operations of an OpenAPI document as a source of tools."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.openapi.credentials import check_schemes
from lightagent.application.openapi.load_document import ReadYaml, load_document
from lightagent.application.openapi.service import (
    NOWHERE,
    Destination,
    NoAddress,
    OpenApiService,
    destination,
)
from lightagent.application.tool_sources.openapi_tool import OpenApiTool
from lightagent.application.tools.tool_info import ToolProblem
from lightagent.domain.openapi import OpenApiDocument, Operation, RefusedOperation, Unusable, read_operations
from lightagent.domain.text.characters import written_out
from lightagent.ports.http import HttpSender
from lightagent.ports.tools import Tool, ToolList, ToolSource

_LOGGER: Final = logging.getLogger("lightagent")
_MOST_LOGGED: Final = 20


class OpenApiTools(ToolSource[object]):
    """Lists the chosen operations of one API, whose document is read when a run first needs the list.

    Operations that cannot be called are in `refused`, each with its reason; the others are not affected.

    Args:
        sender: sends the requests, and fetches a document that is given by URL.
        read_yaml: parses documents that are not JSON.
        only_listed: no operation will be called, so the URL of the API may be unknown.
    """

    def __init__(
        self, service: OpenApiService, sender: HttpSender, read_yaml: ReadYaml, *, only_listed: bool = False
    ) -> None:
        self.service = service
        self._sender = sender
        self._read_yaml = read_yaml
        self._only_listed = only_listed
        self._refused: tuple[RefusedOperation, ...] = ()
        self._version = 0

    def __repr__(self) -> str:
        return f"OpenApiTools({self.service.name!r})"

    @property
    def name(self) -> str:
        """The name of the API."""
        return self.service.name

    @property
    def version(self) -> int:
        """A number that changes with each `reload`."""
        return self._version

    @property
    def refused(self) -> tuple[RefusedOperation, ...]:
        """The chosen operations that cannot be tools, each with its reason; known once the document was read."""
        return self._refused

    @property
    def problems(self) -> tuple[ToolProblem, ...]:
        """The same as tool problems."""
        return tuple(
            ToolProblem(
                tool=one.name,
                level="error",
                field=f"{one.method.upper()} {one.path}".strip()[:300],
                message=f"The operation {one.operation_id or one.name:.100} is left out: {one.reason}.",
            )
            for one in self._refused
        )

    def reload(self) -> None:
        """Have the document read again before the next model request."""
        self._version += 1

    async def tools(self) -> ToolList[object]:
        """Return the callable operations by their names for the model.

        Raises:
            ConfigurationError: the document cannot be read, or lacks a security scheme that a credential is for.
        """
        service = self.service
        document, url = await load_document(service.document, self._sender, self._read_yaml, service.private_hosts)
        check_schemes(service, document)
        made = await run_in_thread(lambda: [*self._made(document, url)])
        tools: dict[str, Tool[object]] = {}
        refused = [one for one in made if isinstance(one, RefusedOperation)]
        for tool in made:
            if not isinstance(tool, OpenApiTool):
                continue
            if tools.setdefault(tool.spec.name, tool) is not tool:
                refused.append(_refused(tool.operation, "its name is that of another one"))
        self._refused = tuple(refused)
        for problem in self.problems[:_MOST_LOGGED]:
            what = (problem["field"], problem["message"])
            _LOGGER.warning("OpenAPI %r, %s: %s", self.name, *map(written_out, what))  # Keeps one line.
        if not tools and not refused:
            _LOGGER.warning("OpenAPI %r: no operation of the document is chosen.", self.name)
        return ToolList(tools)

    async def aclose(self) -> None:
        """Do nothing: the source holds no resources."""

    def _made(self, document: OpenApiDocument, url: str) -> Iterator[OpenApiTool | RefusedOperation]:
        for operation in read_operations(document, self.service.choice.chooses, self.service.prefix):
            if isinstance(operation, RefusedOperation):
                yield operation
                continue
            try:
                place = self._place(url, operation)
                yield OpenApiTool(self.service, document, operation, place, self._sender)
            except Unusable as exc:
                yield _refused(operation, str(exc))

    def _place(self, url: str, operation: Operation) -> Destination:
        try:
            return destination(self.service, url, operation)
        except NoAddress:
            if self._only_listed:
                return NOWHERE
            raise


def _refused(operation: Operation, reason: str) -> RefusedOperation:
    return RefusedOperation(operation.method, operation.path, operation.name, operation.operation_id, reason)
