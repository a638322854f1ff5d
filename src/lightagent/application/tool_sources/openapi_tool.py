"""An operation of an OpenAPI document as a tool."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.openapi.credentials import Credentials, SecretMask, credentials_for
from lightagent.application.openapi.operation_specs import arguments_schema, operation_spec, takes_key, without_filled
from lightagent.application.openapi.read_answer import AnswerReader
from lightagent.application.openapi.service import Destination, OpenApiService
from lightagent.application.tools.arguments import Check, refused
from lightagent.application.tools.foreign_check import foreign_check
from lightagent.domain.errors import ToolError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.network.http_calls import HttpCall, HttpFault
from lightagent.domain.openapi import OpenApiDocument, Operation, Unwritable, WrittenRequest, write_request
from lightagent.domain.origin import TraceHeaders
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.http import HttpSender
from lightagent.ports.tools import RunContext, Tool

_MANY: Final = 200
"""Operations that refer to at least this many schemas compile their check in a worker thread: it takes seconds."""


class OpenApiTool(Tool[object]):
    """Calls one operation. Its arguments are validated by the document's own schemas.

    Raises:
        Unusable: the operation cannot be a tool.
    """

    def __init__(
        self,
        service: OpenApiService,
        document: OpenApiDocument,
        operation: Operation,
        place: Destination,
        sender: HttpSender,
    ) -> None:
        self._service = service
        self._reader = AnswerReader(document, operation)
        self._place = place
        self._sender = sender
        self._credentials = credentials_for(service, document, operation) if place.is_own else Credentials()
        self._mask = SecretMask(service)
        self._takes_key = takes_key(operation)
        self.operation: Operation = without_filled(operation, self._credentials.fills)
        self._schema = arguments_schema(self.operation)
        self._is_large = len(self.operation.definitions) > _MANY
        self._spec = operation_spec(self.operation, service.name, self._schema)

    def __repr__(self) -> str:
        return f"OpenApiTool({self.operation.method.upper()} {self.operation.path})"

    @property
    def spec(self) -> ToolSpec:
        """The declaration for the model."""
        return self._spec

    @cached_property
    def _check(self) -> Check:
        return foreign_check(self._spec.name, self._schema, self._spec.parameters)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """Return the arguments unchanged if the document allows them and a request can be built from them.

        If validation would block the event loop, `call` does it, and only the second condition is checked here.

        Raises:
            ToolError: the arguments are invalid.
        """
        checked: Mapping[str, object] = arguments if self._is_large else self._check(arguments)
        self._written(arguments)
        return checked

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        """Call the operation and return the server's response as text.

        Raises:
            ToolError: the server responded with an error, or did not respond.
        """
        given = to_json_object(dict(arguments), f"The arguments of {self._spec.name}")
        if self._is_large:
            await run_in_thread(lambda: self._check(given))  # The check is also compiled in the thread.
        written = self._written(given)
        key = context.idempotency_key if self._takes_key else ""
        try:
            answer = await self._sender.send(self._request(written, key, context.origin.trace_headers))
        except HttpFault as exc:
            if (told := self._mask.text(exc.message)) != exc.message:
                raise ToolError(told, guidance=exc.guidance, retryable=exc.retryable) from None
            raise
        return await self._reader.text(self._mask.answer(answer))

    def _written(self, arguments: JsonObject) -> WrittenRequest:
        try:
            written = write_request(self.operation, arguments)
        except Unwritable as exc:
            raise refused(f"The arguments do not fit: {exc}.") from exc
        names = {part.partition("=")[0] for part in written.query.split("&")}
        taken = [name for name, _ in self._credentials.query if name in names]
        taken += [name for name, _ in self._credentials.cookies if any(name == other for other, _ in written.cookies)]
        if taken:  # An object's properties may have any name, and become query parameters.
            raise refused(f"The arguments do not fit: {taken[0]} is filled in by the program.")
        return written

    def _request(self, written: WrittenRequest, key: str, trace: TraceHeaders) -> HttpCall:
        known = self._credentials
        added = (f"{name}={value}" for name, value in known.query)
        query = "&".join(part for part in (written.query, *added) if part)
        cookies = "; ".join(f"{name}={value}" for name, value in (*known.cookies, *written.cookies))
        headers = [*known.headers, *written.headers, ("Accept", "application/json, */*;q=0.8")]
        headers += [("Cookie", cookies)] if cookies else []
        headers += [("Idempotency-Key", key)] if key else []
        given = {name.lower() for name, _ in headers}
        headers += [(name, value) for name, value in trace if name.lower() not in given]
        return HttpCall(
            method=written.method,
            url=f"{self._place.base}{written.path}" + (f"?{query}" if query else ""),
            headers=tuple(headers),
            content=written.content,
            timeout=self._service.timeout,
            max_bytes=self._service.max_bytes,
            private_hosts=self._service.private_hosts,
        )
