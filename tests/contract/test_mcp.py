"""The certificates of MCP servers as sources of tools, over the transports of the adapter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lightagent import ToolSource
from lightagent.compose.mcp import mcp_tools
from lightagent.testing.contracts.tool_source import ToolSourceContract
from tests.support.mcp_servers import http_process, http_server, stdio_server


class TestStdio(ToolSourceContract):
    kind = "sdk"

    def make(self) -> ToolSource[object]:
        return mcp_tools(stdio_server("--modern"))


class TestStreamableHttp(ToolSourceContract):
    kind = "sdk"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with http_process(tmp_path_factory.mktemp("mcp")) as child:
            cls.url = child.url
            yield

    url = ""

    def make(self) -> ToolSource[object]:
        return mcp_tools(http_server(self.url))
