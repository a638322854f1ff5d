"""Very many runs of very many users over one agent object, as a program of its own, so that its figures are its own.

    python -m tests.support.many_users asyncio|threads|soak|http COUNT [BASE_URL]

It prints one line of JSON: how many runs there were, what leaked from one user to another, and what it cost.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import resource
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from lightagent import (
    ApprovalRequired,
    ChatRequest,
    JsonObject,
    LightAgent,
    LightAgentError,
    RunContext,
    RunResult,
    tool,
)
from lightagent.domain.conversation.messages import UserMessage
from lightagent.testing import Reply, ScriptedModel, call_tool

CANARY = re.compile(r"canary-\d+-end")
WARM_UP = 2_500
AT_ONCE = 100
KINDS = ("echo", "echo", "think", "fails", "asks")


def canary(user: int) -> str:
    return f"canary-{user}-end"


@dataclass
class Deps:
    """What the application hands to the tools of one run."""

    word: str


@dataclass
class Report:
    """What was seen; any entry in `leaks` is one too many."""

    leaks: list[str] = field(default_factory=list)
    answers: int = 0

    def check(self, place: str, text: str, user: str) -> None:
        """Note whatever of another user is in `text`, or that nothing of the user's own is."""
        if set(CANARY.findall(text)) != {user} and len(self.leaks) < 20:
            self.leaks.append(f"{place} of {user}: {sorted(set(CANARY.findall(text)))[:5]}")


class Company:
    """The one agent, and the meeting place where its runs wait for each other."""

    def __init__(self, report: Report, gather: int = 0) -> None:
        self.report = report
        self._missing = gather
        self._everybody = asyncio.Event()
        self.most_in_flight = 0

        @tool
        async def meet(ctx: RunContext[Deps], word: str) -> str:
            """Says the word back once everybody is here."""
            self._missing -= 1
            if self._missing <= 0:
                self.most_in_flight = len(asyncio.all_tasks())
                self._everybody.set()
            await self._everybody.wait()
            return said(ctx, word)

        @tool
        def think(ctx: RunContext[Deps], word: str) -> str:
            """Says the word back from a thread."""
            time.sleep(0.001)
            return said(ctx, word)

        @tool
        async def echo(ctx: RunContext[Deps], word: str) -> str:
            """Says the word back."""
            ctx.report(f"working for {word}")
            await asyncio.sleep(0)
            return said(ctx, word)

        @tool
        async def fails(ctx: RunContext[Deps], word: str) -> str:
            """Raises."""
            raise OSError(word)

        @tool
        async def asks(ctx: RunContext[Deps], word: str) -> str:
            """Wants a human."""
            raise ApprovalRequired(word)

        def said(ctx: RunContext[Deps], word: str) -> str:
            report.check("context", f"{ctx.user_id} {ctx.deps.word}", word)
            return f"{word} {ctx.user_id} {ctx.deps.word}"

        self.tools = [meet, think, echo, fails, asks]

    def model(self, word: str) -> ScriptedModel:
        """Calls the tool `word`, or one of several by the user's number; then answers with what it said."""

        def answer(request: ChatRequest) -> Reply:
            query = next(message.text for message in reversed(request.messages) if isinstance(message, UserMessage))
            self.report.check("request", " ".join(str(message.content) for message in request.messages), query)
            if str(request.params["user"]) != query:
                self.report.leaks.append(f"parameters of {query}")
            last = request.messages[-1]
            if isinstance(last, UserMessage):
                return call_tool(word or KINDS[int(query.split("-")[1]) % len(KINDS)], word=query)
            return f"{query} said {last.content}"

        return ScriptedModel(answer, record=False)

    def agent(self, word: str = "") -> LightAgent[Deps, str]:
        return LightAgent(deps_type=Deps, model=self.model(word), tools=self.tools, capture_content=True)

    def look(self, agent: LightAgent[Deps, str], result: RunResult[str], user: str) -> None:
        """Look for other users in everything that a run leaves."""
        if agent.export_trace() != result.trace or agent.export_journal() != result.journal:
            self.report.leaks.append(f"last run of {user}")
        self.report.check("result", json.dumps(result.to_dict()), user)
        self.report.check("trace", json.dumps(result.trace), user)
        self.report.check("journal", result.journal.to_json(), user)
        self.report.check("history", json.dumps(agent.get_history()), user)
        self.report.answers += user in result.content


def before(user: str) -> list[JsonObject]:
    return [{"role": "user", "content": f"Earlier: {user}"}, {"role": "assistant", "content": f"Well, {user}."}]


async def one(company: Company, agent: LightAgent[Deps, str], number: int) -> None:
    user = canary(number)
    result = await agent.arun(
        user,
        deps=Deps(user),
        user_id=user,
        history=before(user),
        metadata={"user": user},
        trace=True,
        result_format="object",
    )
    company.look(agent, result, user)


async def on_asyncio(count: int, report: Report) -> JsonObject:
    company = Company(report, gather=count)
    agent = company.agent("meet")
    await asyncio.gather(*(one(company, agent, number) for number in range(count)))
    return {"most_in_flight": company.most_in_flight}


def on_threads(count: int, report: Report) -> JsonObject:
    company = Company(report)
    agent = company.agent("think")

    def run(number: int) -> None:
        user = canary(number)
        result = agent.run(
            user,
            deps=Deps(user),
            user_id=user,
            history=before(user),
            metadata={"user": user},
            trace=True,
            result_format="object",
        )
        company.look(agent, result, user)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(count)))
    return {}


async def over_http(count: int, report: Report, base_url: str) -> JsonObject:
    """Half of the users watch a stream."""
    company = Company(report)
    agent = LightAgent(
        deps_type=Deps, model="m", api_key="k", base_url=base_url, tools=company.tools[2:3], capture_content=True
    )

    async def watch(number: int) -> None:
        user = canary(number)
        events = agent.astream(
            user,
            deps=Deps(user),
            user_id=user,
            history=before(user),
            metadata={"user": user},
            result_format="event",
        )
        told = [event async for event in events]
        report.check("stream", json.dumps([event.data for event in told]), user)
        report.answers += told[-1].type == "done" and user in told[-1].data["content"]

    runs = (watch(number) if number % 2 else one(company, agent, number) for number in range(count))
    await asyncio.gather(*runs)
    await agent.aclose()
    return {}


def soak(count: int, report: Report) -> JsonObject:
    """All kinds of runs, plain, streamed and synchronous, a hundred at a time; growth is counted after a warm-up."""
    company = Company(report)
    agent = company.agent()

    async def several(numbers: range) -> None:
        await asyncio.gather(*(one_of_many(company, agent, number) for number in numbers))

    def rounds(first: int, last: int) -> None:
        with asyncio.Runner() as runner:
            for start in range(first, last, AT_ONCE):
                runner.run(several(range(start, min(start + AT_ONCE, last))))
                user = canary(start)
                agent.run(user, deps=Deps(user), metadata={"user": user}, user_id=user)

    rounds(0, WARM_UP)
    before_all = measured()
    rounds(WARM_UP, WARM_UP + count)
    after = measured()
    return {f"{name}_growth": round(after[name] - before_all[name], 2) for name in after}


async def one_of_many(company: Company, agent: LightAgent[Deps, str], number: int) -> None:
    user = canary(number)
    kind = number % 3
    if kind == 0:
        await one(company, agent, number)
    else:
        stream = agent.astream(
            user, deps=Deps(user), user_id=user, history=before(user), metadata={"user": user}, result_format="event"
        )
        async with aclosing(stream):
            async for event in stream:
                if kind == 2 and event.type == "tool_call":
                    break  # gives up in the middle
    company.report.answers += kind != 0


def measured() -> dict[str, float]:
    """Memory in MB, open files and threads, once what is garbage is gone and resting threads have ended."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "rss": pages * os.sysconf("SC_PAGESIZE") / 1e6,
        "files": float(len(list(Path("/proc/self/fd").iterdir()))),
        "threads": float(threading.active_count()),
    }


def main(kind: str, count: int, base_url: str = "") -> None:
    report = Report()
    ways: dict[str, Callable[[], JsonObject]] = {
        "asyncio": lambda: asyncio.run(on_asyncio(count, report)),
        "threads": lambda: on_threads(count, report),
        "http": lambda: asyncio.run(over_http(count, report, base_url)),
        "soak": lambda: soak(count, report),
    }
    began, error = time.monotonic(), ""
    figures: JsonObject = {}
    try:
        figures = ways[kind]()
    except LightAgentError as exc:
        error = str(exc)
    figures |= {
        "error": error,
        "leaks": [*report.leaks],
        "answers": report.answers,
        "seconds": round(time.monotonic() - began, 2),
        "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }
    sys.stdout.write(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
