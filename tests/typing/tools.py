"""Tools: a decorated function stays callable as it was, and says which dependencies it needs."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import assert_type

from lightagent import (
    AgentOptions,
    ApprovalDecision,
    FunctionTool,
    JsonObject,
    LightAgent,
    McpServer,
    RunContext,
    RunOptions,
    StdioServer,
    Tool,
    ToolLike,
    ToolSpec,
    as_tool,
    mcp_tools,
    tool,
)
from lightagent.domain.mcp.exchange import McpResource


class Deps:
    token: str


@tool
def plain(city: str, days: int = 1) -> dict[str, int]:
    """A forecast."""
    return {city: days}


@tool(timeout=5, requires_approval=True)
def with_options(city: str) -> str:
    """A forecast."""
    return city


@tool
async def asynchronous(city: str) -> float:
    """A forecast."""
    return float(len(city))


@tool
def generating(city: str) -> Iterator[str]:
    """A forecast in pieces."""
    yield city


@tool(idempotent=True)
async def with_context(ctx: RunContext[Deps], city: str) -> str:
    """A forecast."""
    assert_type(ctx.deps, Deps)
    assert_type(ctx.user_id, str)
    assert_type(ctx.approved, bool)
    ctx.report("half way")
    return ctx.deps.token + city


class Own:
    """Satisfies the port by its shape."""

    @property
    def spec(self) -> ToolSpec:
        return ToolSpec("own", "", {})

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return arguments

    async def call(self, arguments: Mapping[str, object], context: RunContext[Deps]) -> object:
        return context.deps.token


def undecorated(city: str) -> str:
    return city


def calls_stay_typed(ctx: RunContext[Deps]) -> None:
    assert_type(plain("Bern"), dict[str, int])
    assert_type(plain("Bern", days=2), dict[str, int])
    assert_type(with_options("Bern"), str)
    waiting: Awaitable[float] = asynchronous("Bern")
    context: Callable[[RunContext[Deps], str], Coroutine[object, object, str]] = with_context
    assert_type(generating("Bern"), Iterator[str])
    del waiting, context


def tools_say_what_they_need() -> None:
    needs: Tool[Deps] = with_context
    own: Tool[Deps] = Own()
    anything: Tool[None] = plain
    assert_type(as_tool(needs), Tool[Deps])
    assert_type(as_tool(undecorated), FunctionTool[object])
    del own, anything


def what_can_be_a_tool() -> None:
    every: list[ToolLike[Deps]] = [plain, with_options, asynchronous, generating, with_context, Own(), undecorated, len]
    LightAgent(deps_type=Deps, tools=every)
    some: list[ToolLike] = [plain, with_options, undecorated, len]
    LightAgent(tools=some)


def options_are_types(agent: LightAgent) -> None:
    chosen: AgentOptions = {"name": "a", "tools": [plain]}
    given = RunOptions(user_id="u", trace=True)
    assert_type(LightAgent(**chosen).run("?", **given), str)


def decisions() -> None:
    assert_type(ApprovalDecision.edit({"city": "Bern"}, actor="me"), ApprovalDecision)


async def pieces(items: AsyncIterator[str]) -> str:
    return "".join([item async for item in items])


async def what_an_mcp_server_has_besides_tools() -> None:
    connection = mcp_tools(McpServer("notes", StdioServer("notes"))).connection
    assert_type(await connection.resources(), tuple[McpResource, ...])
