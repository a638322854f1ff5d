"""Where a model that plans is asked, and with which key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from lightagent import LightAgent
from tests.support.planners import LOOK, QUERY, look, look_back, proposals


@asynccontextmanager
async def endpoints() -> AsyncIterator[tuple[list[str], list[tuple[str, str, str]]]]:
    """The base URLs of two endpoints, and what they were asked: the port, the model and the key."""
    asked: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        asked.append((str(request.url.port), body["model"], request.headers["Authorization"]))
        text = str(body["messages"][-1]["content"])
        content = look_back(LOOK) if "The plan:" in text else proposals(LOOK) if "The tools of" in text else "A cat."
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        return web.json_response({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})

    def app() -> web.Application:
        made = web.Application()
        made.router.add_post("/v1/chat/completions", answer)
        return made

    async with TestServer(app()) as one, TestServer(app()) as other:
        yield [str(server.make_url("/v1")) for server in (one, other)], asked


async def test_a_planner_at_another_endpoint_has_a_key_of_its_own() -> None:
    async with endpoints() as ((here, there), asked):
        agent = LightAgent(
            model="actor",
            api_key="sk-actor",
            base_url=here,
            tools=[look],
            tree_of_thought=True,
            tot_model="thinker",
            tot_api_key="sk-thinker",
            tot_base_url=there,
        )
        assert await agent.arun(QUERY) == "A cat."
        await agent.aclose()
    thinker = (there.split(":")[2].removesuffix("/v1"), "thinker", "Bearer sk-thinker")
    assert asked == [thinker, thinker, (here.split(":")[2].removesuffix("/v1"), "actor", "Bearer sk-actor")]


async def test_a_planner_by_name_has_what_the_agent_has() -> None:
    async with endpoints() as ((here, _), asked):
        agent = LightAgent(
            model="actor", api_key="sk-actor", base_url=here, tools=[look], tree_of_thought=True, tot_model="thinker"
        )
        assert await agent.arun(QUERY) == "A cat."
        await agent.aclose()
    assert [(model, key) for _, model, key in asked] == [
        ("thinker", "Bearer sk-actor"),
        ("thinker", "Bearer sk-actor"),
        ("actor", "Bearer sk-actor"),
    ]
