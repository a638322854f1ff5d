"""A server's question reaches the user of its call or is refused, and scopes have sessions of their own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lightagent.adapters.mcp.sdk import connection as connection_module
from lightagent.adapters.mcp.sdk import pool
from lightagent.adapters.mcp.sdk.connection import SdkConnection
from lightagent.domain.mcp.exchange import Elicitation, ElicitationAnswer, McpRemark, SamplingAnswer, SamplingRequest
from lightagent.domain.mcp.faults import McpTimedOut, McpUnavailable
from lightagent.domain.mcp.servers import HttpServer, McpServer
from lightagent.domain.scopes import Scope
from lightagent.ports.mcp import Elicitor, McpCaller, Sampler
from tests.servers.leaks import LeakCheck
from tests.servers.polling import ticks
from tests.support.mcp_servers import Watched, effects, http_process, http_server, redirecting, stdio_server, texts


class Asked(Elicitor):
    """Answers with the name of the user who is asked, in the loop in which that one waits."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, str]] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()

    async def elicit(self, question: Elicitation, caller: McpCaller) -> ElicitationAnswer:
        self.questions.append((caller.scope.user, question.message))
        self.loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        if caller.scope.user == "broken":
            raise ValueError("no such user")
        return ElicitationAnswer("accept", {"name": caller.scope.user})


class Model(Sampler):
    """Says what it is asked, backwards."""

    async def sample(self, request: SamplingRequest, caller: McpCaller) -> SamplingAnswer:
        return SamplingAnswer(request.messages[-1].text[::-1], "backwards")


def accepted(user: str) -> dict[str, object]:
    return {"action": "accept", "content": {"name": user}}


@pytest.mark.parametrize("way", ["http", "session"])
async def test_two_users_at_once_each_get_their_own_question(leaks: LeakCheck, tmp_path: Path, way: str) -> None:
    asked = Asked()
    with http_process(tmp_path) as child:
        watched = Watched(http_server(child.url) if way == "http" else stdio_server(scope="session"), asked)
        users = ["ann", "bob"] * 3
        answers = await asyncio.gather(*(watched.text("ask", user, 0.1, user=user) for user in users[:2]))
        assert [json.loads(answer) for answer in answers] == [accepted("ann"), accepted("bob")]
        assert sorted(asked.questions) == [("ann", "Who are you, ann?"), ("bob", "Who are you, bob?")]
        await watched.connection.aclose()


async def test_on_one_pipe_a_question_reaches_the_only_caller_and_is_refused_for_two(
    leaks: LeakCheck,
) -> None:
    asked = Asked()
    watched = Watched(stdio_server(), asked)
    assert json.loads(await watched.text("ask", "ann", user="ann")) == accepted("ann")
    answers = await asyncio.gather(*(watched.text("ask", user, 0.1, user=user) for user in ("ann", "bob")))
    assert all("known" in answer for answer in answers)
    assert asked.questions == [("ann", "Who are you, ann?")]
    assert len(watched.told("question")) == 2
    await watched.connection.aclose()


async def test_on_one_pipe_the_question_of_a_cancelled_call_reaches_no_other_user(leaks: LeakCheck) -> None:
    asked, told = Asked(), list[McpRemark]()
    watched = Watched(stdio_server(), asked)
    await watched.text("echo")
    bob = McpCaller(Scope(user="bob"), tell=told.append)
    cancelled = asyncio.create_task(watched.text("late_ask", "ann", 0.4, user="ann"))
    await asyncio.sleep(0.1)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    for _ in range(50):
        if watched.told("question") or asked.questions:
            break
        assert texts(await watched.connection.call("slow", {"number": 0.2}, bob)) == "slept"
    assert (asked.questions, told) == ([], [])
    assert "about ann" in watched.told("log")
    assert json.loads(await watched.text("ask", "bob", user="bob")) == accepted("bob"), "in a new session"
    await watched.connection.aclose()


async def test_on_one_pipe_a_question_is_refused_while_a_call_of_another_user_took_too_long(leaks: LeakCheck) -> None:
    watched = Watched(stdio_server(call_timeout=1.0), Asked())
    with pytest.raises(McpTimedOut):
        await watched.text("hang", user="ann")
    assert "known" in await watched.text("ask", "bob", user="bob")
    assert json.loads(await watched.text("ask", "bob", user="bob")) == accepted("bob"), "in a new session"
    await watched.connection.aclose()


async def test_on_one_pipe_several_calls_of_one_run_are_asked(leaks: LeakCheck) -> None:
    asked = Asked()
    watched = Watched(stdio_server(), asked)
    answers = await asyncio.gather(*(watched.text("ask", what, 0.1, user="ann", run="1") for what in ("a", "b")))
    assert [json.loads(answer) for answer in answers] == [accepted("ann")] * 2
    answers = await asyncio.gather(*(watched.text("ask", run, 0.1, user="ann", run=run) for run in ("1", "2")))
    assert all("known" in answer for answer in answers)
    await watched.connection.aclose()


async def test_a_question_is_asked_in_the_loop_of_its_caller(leaks: LeakCheck) -> None:
    asked = Asked()
    watched = Watched(stdio_server(), asked)
    await watched.text("echo", "here")

    async def elsewhere() -> tuple[str, asyncio.AbstractEventLoop]:
        return await watched.text("ask", "bob", user="bob"), asyncio.get_running_loop()

    answer, loop = await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
    assert json.loads(answer) == accepted("bob")
    assert asked.loops == {loop}
    await watched.connection.aclose()


async def test_a_question_without_an_answerer_or_with_a_broken_one_is_refused(leaks: LeakCheck) -> None:
    for elicitor, user in ((Asked(), "broken"), (None, "ann")):
        watched = Watched(stdio_server(), elicitor)
        assert "accept" not in await watched.text("ask", "ann", user=user)
        assert await watched.text("echo", "hello") == "hello"
        await watched.connection.aclose()


async def test_models_and_folders_are_there_for_servers_that_ask(leaks: LeakCheck, tmp_path: Path) -> None:
    watched = Watched(stdio_server(), sampler=Model(), roots=(tmp_path.as_uri(),))
    sampled = json.loads(await watched.text("sample", "abc"))
    assert (sampled["content"]["text"], sampled["model"]) == ("cba", "backwards")
    assert json.loads(await watched.text("roots"))["roots"] == [{"uri": tmp_path.as_uri()}]
    await watched.connection.aclose()


async def test_a_server_with_a_scope_has_a_session_for_each(leaks: LeakCheck) -> None:
    shared, talks, runs = (Watched(stdio_server(scope=scope)) for scope in ("app", "session", "run"))
    for watched, different in ((shared, 1), (talks, 2), (runs, 4)):
        callers = [(user, run) for user in ("ann", "bob") for run in ("1", "2")]
        processes = [await watched.text("pid", user=user, run=f"{user}{run}") for user, run in callers * 2]
        assert len(set(processes)) == different
        assert processes[:4] == processes[4:]
        await watched.connection.aclose()


async def test_an_idle_session_of_a_run_ends_and_is_opened_again(
    leaks: LeakCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "IDLE_SECONDS", 0.2)
    watched = Watched(stdio_server(scope="run"))
    first = await watched.text("pid", run="1")
    assert await watched.text("slow", number=0.5, run="1") == "slept", "a call under way is use"
    for pause in ticks(10.0):
        if watched.told("lost"):
            break
        await asyncio.sleep(pause)
    assert watched.told("lost") == ["the session has ended: it was idle for too long"]
    assert await watched.text("pid", run="1") != first
    await watched.connection.aclose()


async def test_connections_are_bounded_and_the_one_idle_for_longest_gives_way(
    leaks: LeakCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST_SEATS", 2)
    watched = Watched(stdio_server(scope="run"))
    first = await watched.text("pid", run="1")
    second = await watched.text("pid", run="2")
    assert await watched.text("pid", run="1") == first
    await watched.text("pid", run="3")
    assert await watched.text("pid", run="1") == first
    assert await watched.text("pid", run="2") != second
    busy = [asyncio.create_task(watched.text("slow", number=0.5, run=run)) for run in ("1", "2")]
    await asyncio.sleep(0.1)
    with pytest.raises(McpUnavailable, match="in use"):
        await watched.text("pid", run="4")
    assert await asyncio.gather(*busy) == ["slept", "slept"]
    await watched.connection.aclose()


@pytest.mark.parametrize("options", [(), ("--modern",), ("--json",)])
async def test_each_request_carries_the_headers_of_its_user_also_where_they_change(
    leaks: LeakCheck, tmp_path: Path, options: tuple[str, ...]
) -> None:
    asked: dict[tuple[str, bool], int] = {}
    numbers: dict[str, int] = {}

    async def headers(scope: Scope, refused: bool) -> dict[str, str]:
        asked[scope.user, refused] = asked.get((scope.user, refused), 0) + 1
        numbers[scope.user] = numbers.get(scope.user, 0) + refused
        return {"Authorization": f"{scope.user} {numbers[scope.user]}"}

    with http_process(tmp_path, "--tokens", "3", *options) as child:
        connection = SdkConnection(http_server(child.url), headers=headers, per_user=True)

        async def calls(user: str) -> list[str]:
            caller = McpCaller(Scope(user=user))
            return [texts(await connection.call("whoami", {}, caller)) for _ in range(7)]

        for user, found in zip(("ann", "bob"), await asyncio.gather(calls("ann"), calls("bob")), strict=True):
            assert all(one.startswith(f"{user} ") for one in found)
            assert asked[user, True] >= 2
        await connection.aclose()


async def test_headers_that_cannot_be_had_are_the_fault_of_one_call(leaks: LeakCheck, tmp_path: Path) -> None:
    broken = False

    async def headers(scope: Scope, refused: bool) -> dict[str, str]:
        if broken:
            raise KeyError("no token")
        return {"Authorization": "token"}

    with http_process(tmp_path, "--effects", str(tmp_path / "effects")) as child:
        connection = SdkConnection(http_server(child.url), headers=headers)
        assert texts(await connection.call("whoami", {}, McpCaller())) == "token"
        broken = True
        with pytest.raises(McpUnavailable, match="no token"):
            await connection.call("effect", {"text": "e"}, McpCaller())
        broken = False
        assert texts(await connection.call("whoami", {}, McpCaller())) == "token"
        assert "e" not in effects(tmp_path / "effects")
        await connection.aclose()


async def test_no_header_follows_a_redirect_to_another_host(leaks: LeakCheck, tmp_path: Path) -> None:
    with http_process(tmp_path, "--effects", str(tmp_path / "effects")) as other, redirecting(other.url) as place:
        connection = SdkConnection(McpServer("moved", HttpServer(place, headers={"Authorization": "secret"})))
        with pytest.raises(McpUnavailable):
            await connection.tools()
        assert effects(tmp_path / "effects") == []
        await connection.aclose()
