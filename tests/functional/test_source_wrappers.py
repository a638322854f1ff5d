"""Wrappers of tool sources, one in another: names, declarations, offers, and that a tool behaves as before."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from lightagent import (
    ApprovalDecision,
    ApprovalRequiredTools,
    ConfigurationError,
    DeclaredTools,
    FilteredTools,
    LightAgent,
    Limits,
    ListedTools,
    PrefixedTools,
    RenamedTools,
    RunContext,
    ToolAnswer,
    ToolList,
    ToolSource,
    sensitive_tool_confirmation_guardrail,
    tool,
)
from lightagent.domain.tools.foreign_names import model_name
from lightagent.testing import ScriptedModel, call_tool


def search(query: str) -> str:
    """Search."""
    return f"found {query}"


def buy(item: str) -> str:
    """Buy."""
    return f"bought {item}"


def offer() -> ToolAnswer:
    """Offer more."""
    return ToolAnswer("more", offer=("search", "buy"))


def shop() -> ListedTools:
    return ListedTools([search, buy], name="shop")


async def names(source: ToolSource[object]) -> list[str]:
    return list((await source.tools()).tools)


class Shy(ToolSource[object]):
    """Offers one of its tools, and tells how often it is listed and closed."""

    name = "shy"
    version = 0

    def __init__(self) -> None:
        self.told: list[str] = []

    async def tools(self) -> ToolList[object]:
        self.told.append("listed")
        listed = await ListedTools([search, buy, offer]).tools()
        return ToolList(listed.tools, ("offer",))

    async def aclose(self) -> None:
        self.told.append("closed")


async def test_each_wrapper_alone() -> None:
    assert await names(PrefixedTools(shop(), "shop_")) == ["shop_search", "shop_buy"]
    assert await names(FilteredTools(shop(), ["buy"])) == ["buy"]
    assert await names(FilteredTools(shop(), lambda name: name != "buy")) == ["search"]
    assert await names(RenamedTools(shop(), {"buy": "purchase"})) == ["search", "purchase"]
    listed = (await ApprovalRequiredTools(shop(), ["buy"]).tools()).tools
    assert {name: one.spec.requires_approval for name, one in listed.items()} == {"search": False, "buy": True}
    listed = (await ApprovalRequiredTools(shop()).tools()).tools
    assert all(one.spec.requires_approval for one in listed.values())
    listed = (await ApprovalRequiredTools(shop(), lambda name: name == "search").tools()).tools
    assert [one.spec.requires_approval for one in listed.values()] == [True, False]


async def test_wrappers_wrap_wrappers_and_calls_reach_the_tool() -> None:
    source = ApprovalRequiredTools(
        PrefixedTools(RenamedTools(FilteredTools(shop(), {"buy"}), {"buy": "purchase"}), "shop_"), ["shop_purchase"]
    )
    model = ScriptedModel([call_tool("shop_purchase", item="tea"), "done"])
    agent = LightAgent(model=model, tools=[source])
    waiting = await agent.arun("?", result_format="object")
    assert waiting.outcome.kind == "suspended"
    assert [spec.name for spec in model.requests[0].tools] == ["shop_purchase"]
    result = await agent.aresume(waiting.journal, ApprovalDecision.approve())
    assert [(call.name, call.output) for call in result.tool_calls] == [("shop_purchase", "bought tea")]


async def test_two_sources_with_one_name_go_together_with_a_prefix() -> None:
    other = ListedTools([search], name="library")
    clash = await LightAgent(model=ScriptedModel([]), tools=[shop(), other]).arun("?", result_format="object")
    assert clash.error is not None
    assert "'search' is the name of a tool in the source 'shop' and in the source 'library'" in clash.error.message
    both = [PrefixedTools(shop(), "shop_"), PrefixedTools(other, "library_")]
    model = ScriptedModel([[call_tool("shop_search", query="a"), call_tool("library_search", query="b")], "done"])
    result = await LightAgent(model=model, tools=both).arun("?", result_format="object")
    assert [call.output for call in result.tool_calls] == ["found a", "found b"]
    same = [PrefixedTools(shop(), "x_"), PrefixedTools(other, "x_")]
    clash = await LightAgent(model=ScriptedModel([]), tools=same).arun("?", result_format="object")
    assert clash.error is not None
    assert "'x_search' is the name of a tool in the source 'shop' and in the source 'library'" in clash.error.message


async def test_offers_go_by_the_names_that_the_wrapper_shows() -> None:
    shy = Shy()
    source = FilteredTools(PrefixedTools(shy, "a_"), lambda name: name != "a_buy")
    model = ScriptedModel([call_tool("a_offer"), call_tool("a_search", query="tea"), "done"])
    agent = LightAgent(model=model, tools=[source])
    result = await agent.arun("?", result_format="object")
    assert [[spec.name for spec in request.tools] for request in model.requests] == [
        ["a_offer"],
        ["a_offer", "a_search"],
        ["a_offer", "a_search"],
    ]
    assert [call.status for call in result.tool_calls] == ["ok", "ok"]
    await agent.aclose()
    assert shy.told == ["listed", "closed"]


async def test_a_wrapper_is_listed_again_when_its_source_changes() -> None:
    shy = Shy()
    model = ScriptedModel(lambda request: "yes")
    agent = LightAgent(model=model, tools=[PrefixedTools(shy, "a_")])
    await agent.arun("?")
    await agent.arun("?")
    shy.version += 1
    await agent.arun("?")
    assert shy.told == ["listed", "listed"]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: FilteredTools(shop(), ["bye"]), "FilteredTools: the source 'shop' has no tool 'bye'"),
        (lambda: ApprovalRequiredTools(shop(), ["bye"]), "ApprovalRequiredTools: the source 'shop' has no tool 'bye'"),
        (lambda: RenamedTools(shop(), {"bye": "x"}), "RenamedTools: the source 'shop' has no tool 'bye'"),
        (
            lambda: RenamedTools(shop(), {"buy": "search"}),
            "'search' and 'buy' of the source 'shop' would both be",
        ),
        (lambda: RenamedTools(shop(), {"buy": "no good"}), "'no good' has not"),
        (lambda: PrefixedTools(shop(), "shop."), "the source 'shop' would be called 'shop.search'"),
        (lambda: PrefixedTools(shop(), "x" * 60), "which providers refuse"),
        (lambda: FilteredTools(shop(), "buy"), "got the text 'buy'"),
        (lambda: ApprovalRequiredTools(shop(), "buy"), "got the text 'buy'"),
        (lambda: ListedTools([search, search, lambda: 1]), "<lambda>"),
    ],
)
async def test_what_does_not_fit_is_an_error_that_names_it(make: Callable[[], ToolSource[object]], told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await make().tools()
    assert told in str(caught.value)


async def test_names_may_be_exchanged() -> None:
    assert await names(RenamedTools(shop(), {"buy": "search", "search": "buy"})) == ["buy", "search"]


async def test_a_wrapped_synchronous_tool_that_is_given_up_may_still_take_effect() -> None:
    gate = threading.Event()

    @tool(timeout=0.01)
    def slow() -> str:
        """Takes its time."""
        gate.wait(10)
        return ""

    model = ScriptedModel([call_tool("a_slow"), "done"])
    try:
        agent = LightAgent(model=model, tools=[PrefixedTools(ListedTools([slow]), "a_")])
        result = await agent.arun("?", result_format="object")
    finally:
        gate.set()
    assert [call.status for call in result.tool_calls] == ["unknown"]
    assert "a_slow took longer" in str(result.tool_calls[0].output)


async def test_a_wrapped_synchronous_tool_that_the_end_of_the_run_cuts_off_is_unknown() -> None:
    gate = threading.Event()

    def slow(ctx: RunContext[None]) -> str:
        """Takes its time."""
        ctx.report("begun")
        gate.wait(10)
        return ""

    agent = LightAgent(
        model=ScriptedModel([call_tool("a_slow"), "done"]),
        tools=[PrefixedTools(ListedTools([slow]), "a_")],
        limits=Limits(timeout=0.2),
    )
    try:
        result = await agent.arun("?", result_format="object")
    finally:
        gate.set()
    assert [call.status for call in result.tool_calls] == ["unknown"]


async def test_a_wrapped_agent_still_nests_waits_and_goes_on() -> None:
    @tool(requires_approval=True)
    def refund(order: str) -> str:
        """Refund."""
        return f"refunded {order}"

    clerk = LightAgent(name="clerk", model=ScriptedModel([call_tool("refund", order="1"), "Done."]), tools=[refund])
    source = PrefixedTools(ListedTools([clerk.as_tool("ask", "Asks the clerk.")]), "a_")
    desk = LightAgent(name="desk", model=ScriptedModel([call_tool("a_ask", query="?"), "Yes."]), tools=[source])
    waiting = await desk.arun("?", result_format="object")
    assert waiting.outcome.kind == "suspended"
    assert "nested" in {event.type for event in waiting.journal.events}
    result = await desk.aresume(waiting.journal, ApprovalDecision.approve())
    assert result.content == "Yes."
    assert [call.name for call in result.tool_calls] == ["a_ask"]


async def test_wrapped_tools_are_described_only_when_they_are_offered() -> None:
    looks: list[str] = []

    def make(number: int) -> Callable[..., object]:
        def one() -> str:
            return str(number)

        one.__name__ = f"tool_{number}"
        return one

    class Many(ToolSource[object]):
        name = "many"
        version = 0

        async def tools(self) -> ToolList[object]:
            listed = await ListedTools([make(number) for number in range(1_000)]).tools()
            return ToolList(listed.tools, ("tool_7",))

        async def aclose(self) -> None:
            """Nothing is open."""

    def approve(name: str) -> bool:
        looks.append(name)
        return False

    model = ScriptedModel(["done"])
    agent = LightAgent(model=model, tools=[PrefixedTools(ApprovalRequiredTools(Many(), approve), "a_")])
    assert await agent.arun("?") == "done"
    assert [spec.name for spec in model.requests[0].tools] == ["a_tool_7"]
    assert looks == ["tool_7"]


async def test_tools_of_servers_are_known_by_their_own_names() -> None:
    @tool(name=model_name("gh", "repos.create"))
    def create(title: str) -> str:
        """Create a repository."""
        return f"created {title}"

    source = ListedTools([create, search, buy], name="gh")
    seen = RenamedTools(FilteredTools(source, ["gh/repos.create", "search"]), {"gh/repos.create": "create"})
    waits = ApprovalRequiredTools(source, ["gh/repos.create"])

    assert await names(seen) == ["create", "search"]
    required = {name: one.spec.requires_approval for name, one in (await waits.tools()).tools.items()}
    assert required == {"gh__repos_create_d397e6a6": True, "search": False, "buy": False}
    declared = await DeclaredTools(source, ["gh/repos.create"], risk="high").tools()
    assert [name for name, one in declared.tools.items() if one.spec.risk == "high"] == ["gh__repos_create_d397e6a6"]
    with pytest.raises(ConfigurationError, match=r"has no tool 'gh/repos\.delete'"):
        await FilteredTools(source, ["gh/repos.delete"]).tools()


async def test_a_guardrail_knows_the_tool_of_a_server_by_its_own_name() -> None:
    called = model_name("gh", "repos.create")

    @tool(name=called)
    def create(title: str) -> str:
        """Create a repository."""
        return f"created {title}"

    model = ScriptedModel([call_tool(called, title="x"), "Done."])
    guardrail = sensitive_tool_confirmation_guardrail(["gh/repos.create"])
    agent = LightAgent(model=model, tools=[create], tool_guardrails=[guardrail])
    result = await agent.arun("Go.", result_format="object")

    assert "[LA-GUARDRAIL]" in str(result.tool_calls[0].output)
