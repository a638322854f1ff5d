"""An MCP server that does what real ones do wrong, in either era of the protocol. It knows only the standard library.

`python -m tests.servers.mcp.stdio_server OPTIONS` and `python -m tests.servers.mcp.http_server OPTIONS` speak with it.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
Message = dict[str, Any]
Write = Callable[[Message], None]


def options() -> argparse.Namespace:
    """What goes wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--modern", action="store_true", help="speak 2026-07-28 as well")
    parser.add_argument("--unknown", choices=["refuse", "ignore", "die"], default="refuse", help="unknown methods")
    parser.add_argument("--hang", action="store_true", help="answer nothing")
    parser.add_argument("--effects", default="", help="a file that takes a line for each call")
    parser.add_argument("--description", default="", help="a file with the description of the tool echo")
    parser.add_argument("--pages", type=int, default=1, help="pages of tools; 0: pages without an end")
    parser.add_argument("--helper", default="", help="start a helper that outlives us, its process id in this file")
    parser.add_argument("--stay", action="store_true", help="do not end with the input")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="HTTP: answer in JSON and not in events")
    parser.add_argument("--tokens", type=int, default=0, help="HTTP: a token holds for so many requests")
    return parser.parse_args()


@dataclass
class Call:
    """One call of a tool."""

    arguments: Message
    meta: Message
    write: Write
    headers: dict[str, str] = field(default_factory=dict)


class Faulty:
    """Answers messages; the answers of tools come from threads of their own."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.deaf = False
        self.waiting: dict[str, Queue[Message]] = {}
        self.tools: dict[str, Callable[[Call], Message]] = {
            name.removeprefix("tool_"): getattr(self, name) for name in dir(self) if name.startswith("tool_")
        }
        if given.helper:
            helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            Path(given.helper).write_text(f"{os.getpid()} {helper.pid}")

    def effect(self, text: str) -> None:
        """Something happened in the world."""
        if self.given.effects:
            with Path(self.given.effects).open("a") as file:
                file.write(f"{text}\n")

    def take(self, message: Message, write: Write, headers: dict[str, str] | None = None) -> None:
        """Answer a message, now or later."""
        method, ident = message.get("method"), message.get("id")
        if self.given.hang or (message.get("params") or {}).get("uri") == "note://hang":
            return
        if method is None:
            self.waiting[str(ident)].put(message)
        elif ident is None:
            if method == "notifications/cancelled":
                self.effect("cancelled")
        elif method == "tools/call" and message["params"]["name"] == "deaf":
            self.call(message, write, headers or {})  # Here, so that nothing more is read.
        elif method == "tools/call":
            threading.Thread(target=self.call, args=(message, write, headers or {}), daemon=True).start()
        elif (result := self.plain(method, message.get("params") or {})) is not None:
            write({"jsonrpc": "2.0", "id": ident, "result": result})
        elif self.given.unknown == "die":
            os._exit(1)
        elif self.given.unknown == "refuse":
            write({"jsonrpc": "2.0", "id": ident, "error": {"code": -32601, "message": "Method not found"}})

    def plain(self, method: str, params: Message) -> Message | None:
        """The result of a method that needs no thread."""
        capabilities = {"tools": {"listChanged": True}, "resources": {}, "prompts": {}}
        match method:
            case "initialize":
                info = {"name": "faulty", "version": "1"}
                return {"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": info}
            case "server/discover" if self.given.modern:
                capabilities["tools"] = {}
                return {**self.complete(), "supportedVersions": ["2026-07-28"], "capabilities": capabilities}
            case "tools/list":
                return self.listed(params.get("cursor"))
            case "resources/list":
                return {"resources": [{"uri": "note://1", "name": "note"}], **self.complete()}
            case "resources/templates/list":
                return {"resourceTemplates": [{"uriTemplate": "note://{n}", "name": "notes"}], **self.complete()}
            case "resources/read":
                return {"contents": [{"uri": params["uri"], "text": f"text of {params['uri']}"}], **self.complete()}
            case "prompts/list":
                argument = {"name": "who", "required": True}
                return {"prompts": [{"name": "greet", "arguments": [argument]}], **self.complete()}
            case "prompts/get":
                content = {"type": "text", "text": f"Hello {params['arguments']['who']}"}
                return {"messages": [{"role": "user", "content": content}], "resultType": "complete"}
            case _:
                return None

    def complete(self) -> Message:
        """What the newer era wants in results besides."""
        return {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if self.given.modern else {}

    def listed(self, cursor: str | None) -> Message:
        described = Path(self.given.description).read_text() if self.given.description else "Says it again."
        tools = [self.declared(name, described if name == "echo" else "") for name in self.tools]
        tools.append({"name": "no_schema", "description": "A tool without a schema."})
        tools.append({"name": "beyond_repair", "inputSchema": {"type": "array", "items": {}}})
        pages: int = self.given.pages
        if pages == 1:
            return {"tools": tools, **self.complete()}
        page = int(cursor or 0)
        following = (
            {"nextCursor": str((page + 1) % 3 if pages == 0 else page + 1)} if page + 1 < pages or not pages else {}
        )
        return {"tools": tools[page :: pages or 3], **following, **self.complete()}

    def declared(self, name: str, description: str) -> Message:
        properties = {"text": {"type": "string"}, "number": {"type": "number"}}
        return {
            "name": name,
            "description": description or name,
            "inputSchema": {"type": "object", "properties": properties, "additionalProperties": False},
        }

    def call(self, message: Message, write: Write, headers: dict[str, str]) -> None:
        params: Message = message["params"]
        tool = self.tools.get(params["name"])
        if tool is None:
            write({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32602, "message": "Unknown tool"}})
            return
        result = tool(Call(params.get("arguments") or {}, params.get("_meta") or {}, write, headers))
        if result:
            write({"jsonrpc": "2.0", "id": message["id"], "result": {**result, "resultType": "complete"}})

    def tool_echo(self, call: Call) -> Message:
        return text(call.arguments.get("text", ""))

    def tool_effect(self, call: Call) -> Message:
        self.effect(call.arguments["text"])
        return text("done")

    def tool_deaf(self, call: Call) -> Message:
        self.deaf = True
        return text("I hear no more")

    def tool_slow(self, call: Call) -> Message:
        self.effect("slow")
        time.sleep(call.arguments["number"])
        return text("slept")

    def tool_hang(self, call: Call) -> Message:
        self.effect("hang")
        return {}

    def tool_die(self, call: Call) -> Message:
        self.effect("die")
        os._exit(3)

    def tool_big(self, call: Call) -> Message:
        return text("x" * int(call.arguments["number"]))

    def tool_cut(self, call: Call) -> Message:
        return text("half of a \ud83d")

    def tool_late_big(self, call: Call) -> Message:
        time.sleep(0.3)
        return self.tool_big(call)

    def tool_fail(self, call: Call) -> Message:
        return {**text("out of paper"), "isError": True}

    def tool_image(self, call: Call) -> Message:
        link = {"type": "resource_link", "uri": "note://1", "name": "note"}
        return {"content": [{"type": "image", "data": PIXEL, "mimeType": "image/png"}, link]}

    def tool_pid(self, call: Call) -> Message:
        return text(str(os.getpid()))

    def tool_whoami(self, call: Call) -> Message:
        return text(call.headers.get("authorization", ""))

    def tool_meta(self, call: Call) -> Message:
        return text(json.dumps(call.meta))

    def tool_environment(self, call: Call) -> Message:
        return text(json.dumps(dict(os.environ)))

    def tool_steps(self, call: Call) -> Message:
        token = call.meta.get("progressToken")
        for step in (1, 2):
            params = {"progressToken": token, "progress": step, "total": 2, "message": f"step {step}"}
            call.write({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        log = {"level": "info", "data": "almost done"}
        call.write({"jsonrpc": "2.0", "method": "notifications/message", "params": log})
        return text("both")

    def tool_changed(self, call: Call) -> Message:
        self.tools["late"] = self.tool_echo
        call.write({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
        return text("changed")

    def tool_ask(self, call: Call) -> Message:
        ident = f"q{time.monotonic_ns()}"
        self.waiting[ident] = Queue()
        schema = {"type": "object", "properties": {"name": {"type": "string"}}}
        params = {"message": f"Who are you, {call.arguments['text']}?", "requestedSchema": schema}
        call.write({"jsonrpc": "2.0", "id": ident, "method": "elicitation/create", "params": params})
        time.sleep(call.arguments.get("number", 0))
        answer = self.waiting[ident].get()
        return text(json.dumps(answer.get("result") or answer["error"]["message"]))

    def tool_late_ask(self, call: Call) -> Message:
        time.sleep(call.arguments.pop("number"))
        log = {"level": "info", "data": f"about {call.arguments['text']}"}
        call.write({"jsonrpc": "2.0", "method": "notifications/message", "params": log})
        return self.tool_ask(call)

    def tool_sample(self, call: Call) -> Message:
        ident = f"s{time.monotonic_ns()}"
        self.waiting[ident] = Queue()
        content = {"type": "text", "text": call.arguments["text"]}
        params = {"messages": [{"role": "user", "content": content}], "maxTokens": 10}
        call.write({"jsonrpc": "2.0", "id": ident, "method": "sampling/createMessage", "params": params})
        answer = self.waiting[ident].get()
        return text(json.dumps(answer.get("result") or answer["error"]["message"]))

    def tool_roots(self, call: Call) -> Message:
        ident = f"r{time.monotonic_ns()}"
        self.waiting[ident] = Queue()
        call.write({"jsonrpc": "2.0", "id": ident, "method": "roots/list"})
        return text(json.dumps(self.waiting[ident].get()["result"]))


def text(value: str) -> Message:
    """A result that is a text."""
    return {"content": [{"type": "text", "text": value}]}
