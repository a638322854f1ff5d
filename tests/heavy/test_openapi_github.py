"""GitHub's own document, 13 MB with 1,223 operations: each becomes a tool or is named, and calls are what it says."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web
from openapi_core.exceptions import OpenAPIError
from openapi_core.validation.request.exceptions import ParameterValidationError, RequestBodyValidationError

from lightagent import LightAgentError
from lightagent.application.tool_sources.openapi_tool import OpenApiTool
from lightagent.application.tools.invoke import call_alone
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.json_types import JsonObject
from lightagent.domain.openapi import OpenApiDocument, Operation
from lightagent.domain.openapi.schemas import SchemaBundle
from lightagent.domain.origin import NO_ORIGIN
from lightagent.ports.tools import RunContext
from tests.servers.api_server import ApiServer, Seen, api_server, json_answer
from tests.support.example_values import example
from tests.support.openapi_validator import DocumentValidator

DOCUMENT: Final = Path(__file__).parents[2] / ".tools/octokit/api.github.com.json"
OPERATIONS: Final = 1_223
CALLS: Final = 60
PATIENCE: Final = 10.0
"""Seconds of CPU to read the document and make all tools of it; it takes 0.6 on a machine of 2026."""

NOTHING: Final = object()

CONTEXT: RunContext[object] = RunContext(None, NO_ORIGIN, "", "", False, lambda _text: None, lambda: False)

pytestmark = [pytest.mark.timeout(300), pytest.mark.needs("octokit")]


async def test_every_operation_is_a_tool_or_named() -> None:
    before = time.process_time()
    source = openapi_tools(DOCUMENT, name="github", methods=["*"])
    listed = (await source.tools()).tools
    assert time.process_time() - before < PATIENCE
    assert len(listed) + len(source.refused) == OPERATIONS
    assert [(one.operation_id, one.reason) for one in source.refused] == [
        (
            "repos/upload-release-asset",
            "it is at a server of its own, https://uploads.github.com, which other_servers does not name",
        )
    ]
    assert len((await openapi_tools(DOCUMENT).tools()).tools) == 639, "those that change nothing"


async def test_calls_are_what_the_document_says() -> None:
    """Every twentieth operation is called twice: with what it needs, and with all that it takes."""
    document: JsonObject = json.loads(DOCUMENT.read_bytes())
    async with api_server() as server:
        document["servers"] = [{"url": server.url}]
        validator, wrong = DocumentValidator(document, server.url), []
        source = openapi_tools(document, methods=["*"], private_hosts=[server.host])
        tools = [tool for tool in (await source.tools()).tools.values() if isinstance(tool, OpenApiTool)]
        with pytest.raises(ParameterValidationError):  # It is one that notices.
            validator.check(Seen("GET", "/orgs/x/repos?per_page=many", {}, b""))
        headers = {"content-type": "application/json"}
        with pytest.raises(RequestBodyValidationError):
            validator.check(Seen("POST", "/repos/a/b/issues", headers, b'{"body": "no title"}'))
        called = 0
        for tool in tools[:: len(tools) // (CALLS // 2)]:
            for everything in (False, True):
                wrong += await one_call(tool, document, server, validator, everything=everything)
                called += 1
    assert called >= CALLS
    assert wrong == []


async def one_call(
    tool: OpenApiTool, document: JsonObject, server: ApiServer, validator: DocumentValidator, *, everything: bool
) -> list[str]:
    """What is wrong with the call, the request that the server gets, and what is made of the answer."""
    parameters = tool.spec.parameters
    definitions = parameters.get("$defs", {})
    given = example(parameters, definitions if isinstance(definitions, dict) else {}, everything=everything)
    status, value = answer_of(document, tool.operation)
    problems: list[str] = []

    def checked(seen: Seen) -> web.StreamResponse:
        try:
            validator.check(seen)
        except OpenAPIError as exc:
            problems.append(f"{tool}: {seen.target}: {exc!r}: {exc.__cause__!r}"[:600])
        return web.Response(status=status) if value is NOTHING else json_answer(value, status)

    server.answers = checked
    try:
        text = await call_alone(tool, tool.spec.name, given if isinstance(given, dict) else {}, CONTEXT)
    except LightAgentError as exc:
        return [f"{tool}: {exc!r}"[:600]]
    if text.startswith("[The answer"):
        problems.append(f"{tool}: {text[:300]}")
    return problems


def answer_of(document: JsonObject, operation: Operation) -> tuple[int, object]:
    """An answer that the document allows."""
    read = OpenApiDocument(document, "3.0")
    for status, written in operation.responses.items():
        content = read.resolved(written).get("content")
        held = content.get("application/json") if isinstance(content, dict) else None
        if status.startswith("2") and isinstance(held, dict):
            bundle = SchemaBundle(read, "response")
            schema = bundle.schema(held.get("schema", {}))
            return int(status), example(schema, bundle.definitions)
    return next((int(status) for status in operation.responses if status.startswith("2")), 204), NOTHING
