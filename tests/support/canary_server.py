"""An OpenAI-compatible server that makes every user's canary go round, and notes a request that holds two of them.

    python -m tests.support.canary_server

It prints its port, and serves until its input ends; then it prints what it noted.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

from aiohttp import web

CANARY = re.compile(r"canary-\d+-end")


class Server:
    def __init__(self) -> None:
        self.leaks: list[str] = []
        self.requests = 0

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """A call of the tool `echo` with the user's word; then an answer that repeats what the tool said."""
        text = await request.text()
        body, words = json.loads(text), set(CANARY.findall(text))
        self.requests += 1
        if words != {body["user"]}:
            self.leaks.append(f"{body['user']}: {sorted(words)[:5]}")
        await asyncio.sleep(0.05)  # so that many are under way at once
        last = body["messages"][-1]
        if last["role"] == "user":
            arguments = json.dumps({"word": body["user"]})
            call = {
                "index": 0,
                "id": "call_1",
                "type": "function",
                "function": {"name": "echo", "arguments": arguments},
            }
            return await self._answer(request, body, {"role": "assistant", "tool_calls": [call]}, "tool_calls")
        return await self._answer(request, body, {"role": "assistant", "content": f"Tool: {last['content']}"}, "stop")

    async def _answer(
        self, request: web.Request, body: dict[str, object], message: dict[str, object], finish: str
    ) -> web.StreamResponse:
        common = {"id": "x", "created": 1, "model": "m"}
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": finish}
            return web.json_response({**common, "object": "chat.completion", "choices": [choice]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for delta, end in ((message, None), ({}, finish)):
            choice = {"index": 0, "delta": delta, "finish_reason": end}
            chunk = json.dumps({**common, "object": "chat.completion.chunk", "choices": [choice]})
            await response.write(f"data: {chunk}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


async def main() -> None:
    server, app = Server(), web.Application()
    app.router.add_post("/v1/chat/completions", server.complete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
    await site.start()
    host, port = runner.addresses[0][:2]
    sys.stdout.write(f"http://{host}:{port}/v1\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()
    sys.stdout.write(json.dumps({"leaks": server.leaks[:20], "requests": server.requests}))


if __name__ == "__main__":
    asyncio.run(main())
