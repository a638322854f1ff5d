"""Counts the files and functions of lightagent that a query, a tool's argument and a setting pass.

A reader who follows one of them from end to end opens these files. Each path is walked once unobserved, so that what is
done only the first time in a process does not count, and then again under `sys.setprofile`. The model is an HTTP
endpoint in this process.

    query     from creating an agent, through `arun`, to the endpoint and back to the answer
    argument  from the endpoint's reply with a tool call to the first line of the tool
    setting   from reading a TOML file to an open model

Code that other threads run is not observed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from fake_server import Behaviour, FakeServer

import lightagent
from lightagent import LightAgent
from lightagent.bootstrap import open_app
from lightagent.settings import load_settings

PREFIX = f"{Path(lightagent.__file__).parent}{os.sep}"
SETTINGS = """\
[default.model]
kind = "openai"
model = "fake"
api_key = { env = "FAKE_KEY" }
base_url = "http://127.0.0.1:9/v1"
"""
ENVIRON = {"FAKE_KEY": "no-secret"}


@dataclass
class Walk:
    """What was called on the way.

    Attributes:
        functions: the file below `src/lightagent` and the qualified name of each function, in the order of first calls.
    """

    functions: dict[tuple[str, str], None] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """The files, in the order in which they were first entered."""
        return list(dict.fromkeys(file for file, _ in self.functions))

    def observe(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call, as the function that `sys.setprofile` takes."""
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PREFIX):
            self.functions[code.co_filename.removeprefix(PREFIX), code.co_qualname] = None

    @contextmanager
    def observing(self) -> Generator[None]:
        """Observe the calls of this thread."""
        sys.setprofile(self.observe)
        try:
            yield
        finally:
            sys.setprofile(None)


class ObservedServer(FakeServer):
    """An endpoint that starts to observe once it has replied with a tool call."""

    path: Walk | None = None

    def _answer(self, body: bytes, behaviour: Behaviour) -> None:
        super()._answer(body, behaviour)
        if self.path is not None and b'"role":"tool"' not in body.replace(b" ", b""):
            sys.setprofile(self.path.observe)


@asynccontextmanager
async def endpoint(turns: int, path: Walk | None = None) -> AsyncGenerator[str]:
    """The base URL of an endpoint whose first `turns` replies call a tool."""

    def connection() -> ObservedServer:
        protocol = ObservedServer()
        protocol.path = path
        return protocol

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/turns={turns}/v1"


async def query() -> Walk:
    """The path of a query."""
    path = Walk()
    async with endpoint(0) as url:
        with path.observing():
            agent = LightAgent(model="fake", base_url=url, api_key="no-secret")
            await agent.arun("What is 1 + 2?")
        await agent.aclose()
    return path


async def argument() -> Walk:
    """The path of a tool's argument."""
    path = Walk()

    async def add(a: int, b: int) -> str:
        """Add two integers."""
        sys.setprofile(None)
        return str(a + b)

    async with endpoint(1, path) as url:
        agent = LightAgent(model="fake", base_url=url, api_key="no-secret", tools=[add])
        await agent.arun("What is 1 + 2?")
        await agent.aclose()
    return path


async def setting() -> Walk:
    """The path of a setting."""
    path = Walk()
    with tempfile.TemporaryDirectory() as folder:
        with path.observing():
            app = open_app(load_settings(written_settings(folder), environ=ENVIRON), environ=ENVIRON)
        await app.aclose()
    return path


def written_settings(folder: str) -> Path:
    """The file with the settings, in this folder."""
    file = Path(folder, "lightagent.toml")
    file.write_text(SETTINGS, encoding="utf-8")
    return file


PATHS: dict[str, Callable[[], Awaitable[Walk]]] = {"query": query, "argument": argument, "setting": setting}


async def measure(name: str) -> Walk:
    """The path with this name, warm."""
    await PATHS[name]()
    return await PATHS[name]()


def main() -> None:
    """Print the counts of each path, and its files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="query, argument or setting (default: all)")
    parser.add_argument("--functions", action="store_true", help="print the functions of each file, too")
    given = parser.parse_args()
    for name in given.paths:
        if name not in PATHS:
            parser.error(f"Unknown path {name!r}: use {', '.join(PATHS)}.")
    for name in given.paths or PATHS:
        path = asyncio.run(measure(name))
        print(f"{name}: {len(path.files)} files, {len(path.functions)} functions")
        for file in path.files:
            names = ", ".join(function for home, function in path.functions if home == file)
            print(f"    {file}: {names}" if given.functions else f"    {file}")


if __name__ == "__main__":
    main()
