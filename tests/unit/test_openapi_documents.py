"""What a stranger's document says to people, to a log, and of paths that lead elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent.application.tool_sources.openapi_tools import OpenApiTools
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue

UNSEEN = "a\x1b]0;x\x07b\u202ec\u200bd\x00e\U000e0041f"
SEEN = "a]0;xbcdef"


def source(paths: JsonObject, **more: JsonValue) -> OpenApiTools:
    told: JsonObject = {
        "openapi": "3.0.3",
        "info": {"title": "Some", "version": "1"},
        "servers": [{"url": "https://some.example/v1"}],
        "paths": paths,
        **more,
    }
    return openapi_tools(told, methods=["*"])


async def test_no_text_of_a_document_holds_what_nobody_sees() -> None:
    schema: JsonObject = {
        "type": "object",
        "title": UNSEEN,
        "properties": {"title": {"type": "string", "description": UNSEEN + "d" * 5_000}},
    }
    operation: JsonObject = {
        "operationId": "some",
        "summary": UNSEEN,
        "description": "3\u00a0km\r\n" + UNSEEN,
        "parameters": [{"name": "q", "in": "query", "description": UNSEEN + "d" * 5_000, "schema": schema}],
        "requestBody": {"description": UNSEEN, "content": {"application/json": {"schema": schema}}},
    }
    [tool] = (await source({"/some": {"post": operation}}).tools()).tools.values()
    assert tool.spec.title == SEEN
    assert tool.spec.description == f"POST /some\n{SEEN}\n\n3 km \n{SEEN}"
    shown = json.dumps(tool.spec.parameters, ensure_ascii=False)
    assert shown.isprintable()
    assert SEEN in shown
    assert max(map(len, shown.split('"'))) <= 1_024


async def test_a_log_has_a_line_for_each_operation_that_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    await source({"/a\nforged": {"get": {"operationId": "x\nforged"}}}).tools()
    [record] = caplog.records
    assert "\n" not in record.getMessage()
    assert r"GET /a\nforged" in record.getMessage()


@pytest.mark.parametrize("path", ["/a/%2e%2e/b", "/%2E./b", "/a/.%2e", "/{x}/%2e/b"])
async def test_a_path_leads_out_of_its_server_in_no_spelling(path: str) -> None:
    parameters: JsonValue = [{"name": "x", "in": "path", "required": True, "schema": {"type": "string"}}]
    made = source({path: {"get": {"parameters": parameters}}})
    assert (await made.tools()).tools == {}
    assert "leads out of itself" in made.refused[0].reason


@pytest.mark.parametrize("media_type", ["text/plain\n", "application/json; ☃"])
async def test_a_media_type_that_no_header_could_say(media_type: str) -> None:
    made = source({"/a": {"post": {"requestBody": {"content": {media_type: {"schema": {}}}}}}})
    assert (await made.tools()).tools == {}
    assert "cannot be written" in made.refused[0].reason


async def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "api.json")
    async with asyncio.timeout(10):
        with pytest.raises(ConfigurationError, match="not a regular file"):
            await openapi_tools(tmp_path / "api.json").tools()


MADE: Callable[..., OpenApiTools] = openapi_tools
SERVER = "https://some.example"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"private_hosts": "localhost"}, "private_hosts must be a list of texts"),
        ({"private_hosts": [3]}, "private_hosts must be a list of texts"),
        ({"private_hosts": ["http://localhost"]}, "'http://localhost' in private_hosts is not a host"),
        ({"private_hosts": ["10.0.0.0/8"]}, "in private_hosts is not a host"),
        ({"private_hosts": ["*"]}, "in private_hosts is not a host"),
        ({"other_servers": SERVER}, "other_servers must be a list of texts"),
        ({"timeout": "3"}, "timeout must be a number"),
        ({"timeout": True}, "timeout must be a number"),
        ({"timeout": float("nan")}, "must be above 0"),
        ({"max_bytes": 1.5}, "max_bytes must be a number"),
        ({"headers": ["x"]}, "headers must be a dict"),
        ({"headers": {"x": 1}, "server": SERVER}, "headers must be names and values of text"),
        ({"auth": {"x": None}, "server": SERVER}, "auth must be names and values of text"),
        ({"server": 3}, "server must be text"),
        ({"name": 3}, "name must be text"),
        ({"prefix": 3}, "prefix must be text"),
        ({"document": None}, "the document is missing"),
        ({"document": 3}, "the document is int"),
        ({"document": b"api.json"}, "the document is bytes"),
        ({"document": ""}, "the document is missing"),
    ],
)
def test_what_is_of_the_wrong_kind_is_told_at_once(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        MADE(**{"document": "api.json", **options})


def test_hosts_in_any_form() -> None:
    hosts = ["localhost", "localhost:8000", "10.0.0.1", "[::1]", "[::1]:8000", "::1", "my_host", "münchen.example:80"]
    assert openapi_tools("api.json", private_hosts=hosts).service.private_hosts == tuple(hosts)
