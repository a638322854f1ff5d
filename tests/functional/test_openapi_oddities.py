"""Documents of legal oddities: each operation is called as it should be, or refused by name; none costs another one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("openapi_core", reason="the environment of openai 2 has no openapi_core")

from lightagent import ToolError
from lightagent.application.tool_sources.openapi_tools import OpenApiTools
from lightagent.application.tools.invoke import call_alone
from lightagent.compose.openapi import openapi_tools
from lightagent.domain.origin import NO_ORIGIN
from lightagent.ports.tools import RunContext, Tool
from tests.servers.api_server import ApiServer, api_server
from tests.support.odd_operations import OF_3_0, OF_3_1, Odd, document
from tests.support.openapi_validator import DocumentValidator

ALL = {f"3.0: {name}": ("3.0.3", odd) for name, odd in OF_3_0.items()}
ALL |= {f"3.1: {name}": ("3.1.0", odd) for name, odd in OF_3_1.items()}
DOCUMENTS = {"3.0.3": OF_3_0, "3.1.0": OF_3_1}
CONTEXT: RunContext[object] = RunContext(None, NO_ORIGIN, "", "", False, lambda _text: None, lambda: False)

NOT_READ = {
    "3.0: a label that explodes",
    "3.0: a matrix of an object",
    "3.0: between spaces",
    "3.0: a form as a body",
    "3.0: a text as a body",
    "3.0: a text in another charset",
    "3.0: a body of GET",
    "3.0: one body of several",
    "3.1: a list of types",
    "3.1: an anchor",
    "3.1: the identifier of a schema",
    "3.1: a schema that is True",
}
"""What openapi-core cannot read, or reads in another way than the specification has it."""


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as started:
        yield started


def source(server: ApiServer, version: str) -> OpenApiTools:
    told = document(version, DOCUMENTS[version], f"{server.url}/v1")
    return openapi_tools(told, methods=["*"], private_hosts=[server.host])


async def tool_for(tools: OpenApiTools, odd: Odd) -> Tool[object]:
    listed = (await tools.tools()).tools
    key = f"OpenApiTool({odd.method.upper()} {odd.path})"
    return next(tool for tool in listed.values() if repr(tool) == key)


@pytest.mark.parametrize("case", [name for name, (_, odd) in ALL.items() if odd.target])
async def test_an_operation_is_called_as_it_should_be(case: str, server: ApiServer) -> None:
    version, odd = ALL[case]
    tool = await tool_for(source(server, version), odd)
    assert tool.spec.name == (odd.name or tool.spec.name)
    await call_alone(tool, tool.spec.name, odd.given, CONTEXT)
    (seen,) = server.seen
    assert (seen.method, seen.target) == (odd.method.upper(), f"/v1{odd.target}")
    assert {name: seen.headers.get(name) for name in odd.headers} == odd.headers
    assert seen.content.decode() == (odd.content or "")
    if odd.content is None:
        assert "content-type" not in seen.headers
    for wrong in odd.wrong:
        with pytest.raises(ToolError, match="do not fit"):
            await call_alone(tool, tool.spec.name, wrong, CONTEXT)
    assert len(server.seen) == 1, "what does not fit is not sent"
    if case not in NOT_READ:
        DocumentValidator(document(version, DOCUMENTS[version], f"{server.url}/v1"), server.url).check(seen)


@pytest.mark.parametrize("version", DOCUMENTS)
async def test_what_cannot_be_called_is_named_with_its_reason(version: str, server: ApiServer) -> None:
    tools = source(server, version)
    listed = (await tools.tools()).tools
    refused = {(one.method, one.path): one.reason for one in tools.refused}
    expected = {(odd.method, odd.path): odd.reason for odd in DOCUMENTS[version].values() if odd.reason}
    assert refused.keys() == expected.keys()
    for key, reason in expected.items():
        assert reason in refused[key]
    assert len(listed) + len(refused) == len(DOCUMENTS[version]), "none is lost"
    assert len(tools.problems) == len(expected)


async def test_names_do_not_depend_on_the_order(server: ApiServer) -> None:
    told = document("3.0.3", OF_3_0, server.url)
    paths = told["paths"]
    assert isinstance(paths, dict)
    turned = {**told, "paths": dict(reversed(paths.items()))}
    names = [
        {repr(tool): name for name, tool in (await openapi_tools(one, methods=["*"]).tools()).tools.items()}
        for one in (told, turned)
    ]
    assert names[0] == names[1]
    assert all(len(name) <= 64 for name in names[0].values())
