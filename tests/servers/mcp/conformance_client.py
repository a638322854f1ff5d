"""A client for the official conformance suite: lists the tools of the server it is given, and calls each of them.

The suite starts it as a process, with the address of its server as the last argument. It logs in where it is asked to.
"""

import asyncio
import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2

from lightagent.adapters.mcp.sdk.connection import SdkConnection
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.mcp.exchange import (
    Elicitation,
    ElicitationAnswer,
    LoginAnswer,
    McpRemark,
    SamplingAnswer,
    SamplingRequest,
)
from lightagent.domain.mcp.faults import McpFault
from lightagent.domain.mcp.servers import HttpServer, McpServer
from lightagent.domain.scopes import Scope
from lightagent.ports.mcp import Elicitor, Logins, McpCaller, Sampler

CALL_SECONDS = 20.0


class User(Elicitor):
    """Accepts what a form proposes."""

    async def elicit(self, question: Elicitation, caller: McpCaller) -> ElicitationAnswer:
        return ElicitationAnswer("accept", proposed(question.schema))


class Model(Sampler):
    async def sample(self, request: SamplingRequest, caller: McpCaller) -> SamplingAnswer:
        return SamplingAnswer("said", "a model")


class Browser(Logins):
    """Opens the login page, which sends it back at once."""

    redirect_uri = "http://localhost:3000/callback"

    def __init__(self) -> None:
        given: dict[str, str] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
        self.kept: JsonObject | None = None
        if "client_id" in given:
            how: JsonValue = "client_secret_basic"
            kept: JsonObject = {"redirect_uris": [self.redirect_uri], "token_endpoint_auth_method": how}
            self.kept = {"client": {**kept, "client_id": given["client_id"], "client_secret": given["client_secret"]}}

    async def log_in(self, server: str, scope: Scope, address: str) -> LoginAnswer:
        async with httpx2.AsyncClient() as client:
            response = await client.get(address, follow_redirects=False)
        back = {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}
        return LoginAnswer(back["code"], back.get("state", ""), back.get("iss", ""))

    async def load(self, server: str, scope: Scope) -> JsonObject | None:
        return self.kept

    async def save(self, server: str, scope: Scope, secrets: JsonObject) -> None:
        self.kept = secrets


def proposed(schema: JsonValue) -> JsonObject:
    """The values that the properties of a schema propose, or some that they allow."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return {name: _value(one) for name, one in properties.items()} if isinstance(properties, dict) else {}


def _value(schema: JsonValue) -> JsonValue:
    if not isinstance(schema, dict):
        return "x"
    choices = schema.get("enum")
    if "default" in schema:
        return schema["default"]
    if isinstance(choices, list) and choices:
        return choices[0]
    kinds: dict[JsonValue, JsonValue] = {"number": 2, "integer": 2, "boolean": True, "array": [], "object": {}}
    return kinds.get(schema.get("type"), "x") if isinstance(schema.get("type"), str) else "x"


def tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def heard(remark: McpRemark) -> None:
    tell(f"{remark.kind}: {remark.text}")


async def main(url: str) -> None:
    """List, and call."""
    server = McpServer("conformance", HttpServer(url), call_timeout=CALL_SECONDS)
    connection = SdkConnection(
        server, logins=Browser(), elicitor=User(), sampler=Model(), roots=("file:///",), listener=heard
    )
    try:
        for tool in await connection.tools():
            try:
                tell(f"{tool.name}: {await connection.call(tool.name, proposed(tool.schema), McpCaller())}")
            except McpFault as fault:
                tell(f"{tool.name}: {fault}")
    except McpFault as fault:
        tell(str(fault))
    finally:
        await connection.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1]))
