"""What a server of agents costs: beside the endpoint that somebody would write himself, and beside other libraries'.

    python benchmarks/serving.py
    python benchmarks/serving.py --only lightagent,by_hand --reps 5
    python benchmarks/serving.py --peers /path/to/other/bin/python

Every server is a process of its own with one agent, under uvicorn, and asks the same fake model over HTTP. With two
cores the server has one, and the model and the clients the other. Shown are

* a plain run: one question, one whole answer, four clients at once; CPU of the server in µs. AG-UI only streams, so
  there it is a stream of one piece;
* a chunk of a stream, while 1,000 streams (`--streams`) go on, a piece a second each: CPU of the server in µs, how
  long after the model has sent it the client has it (the median and the 99th percentile, in ms), and KiB of memory a
  stream. What it costs to begin a stream is not in it, unless the first ones have ended before the last has begun.

The servers take turns. `starlette` is no agent at all, and `in_process` lightagent with a model in its own process.
`by_hand` is Starlette and the openai client, in some thirty lines without any checks; what the others do for their
price differs. `--peers` names the Python of an environment that has the peers:

    pip install agno sqlalchemy python-multipart 'pydantic-ai-slim[openai,ag-ui]' google-adk litellm
    pip install uvicorn httptools uvloop openai

It needs Linux, whose /proc tells the CPU and the memory of another process.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple
from urllib.parse import urlencode

from processes import HERE, environment, fake_server, own_cores, raise_file_limit, use_core
from streaming_clients import PlainClient, Question, Seen, StreamClient
from table import number

PROMPT = "What is 1 + 2?"
SETTLED = 3
"""Pieces after which a stream is under way: what it costs to begin is no longer counted."""


class Counts(NamedTuple):
    """How much of everything is run."""

    plain: int = 400
    clients: int = 4
    streams: int = 1_000
    pieces: int = 20
    gap: int = 1_000


FULL, QUICK = Counts(), Counts(plain=8, clients=2, streams=20, pieces=8, gap=50)


class Figures(NamedTuple):
    """What one process of a server showed."""

    plain_us: float
    chunk_us: float
    delay_ms: float
    late_ms: float
    stream_kib: float


def chat(number: int, stream: bool) -> Question:
    """A question for the API of OpenAI."""
    message = {"role": "user", "content": PROMPT}
    return Question("/v1/chat/completions", _json({"model": "helper", "messages": [message], "stream": stream}))


def agno_run(number: int, stream: bool) -> Question:
    """A question for AgentOS."""
    form = urlencode({"message": PROMPT, "stream": str(stream).lower()}).encode()
    return Question("/agents/helper/runs", form, "application/x-www-form-urlencoded")


def agui_run(number: int, stream: bool) -> Question:
    """A question for AG-UI."""
    message = {"id": "1", "role": "user", "content": PROMPT}
    known = {"threadId": f"t{number}", "runId": f"r{number}", "messages": [message]}
    body = _json({**known, "tools": [], "context": [], "state": {}, "forwardedProps": {}})
    return Question("/", body, accept="text/event-stream")


def adk_run(number: int, stream: bool) -> Question:
    """A question for `adk api_server`, in a session of its own."""
    message = {"role": "user", "parts": [{"text": PROMPT}]}
    session = {"appName": "helper", "userId": "u", "sessionId": f"s{os.urandom(6).hex()}", "newMessage": message}
    return Question("/run_sse" if stream else "/run", _json({**session, "streaming": stream}))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@dataclass(frozen=True)
class Library:
    """How a library is asked.

    Attributes:
        module: that it needs.
        is_peer: it may be installed in the environment of the peers.
    """

    module: str
    is_peer: bool = True

    def question(self, number: int, *, stream: bool) -> Question:
        """A question."""
        ways = {"agno": agno_run, "pydantic_ai": agui_run, "google.adk": adk_run}
        return ways.get(self.module, chat)(number, stream)


LIBRARIES = {
    "starlette": Library("starlette", is_peer=False),
    "in_process": Library("lightagent", is_peer=False),
    "lightagent": Library("lightagent", is_peer=False),
    "by_hand": Library("openai", is_peer=False),
    "agno": Library("agno"),
    "pydantic_ai": Library("pydantic_ai"),
    "adk": Library("google.adk"),
}


class Server:
    """A server that runs."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self.port = port

    def cpu_us(self) -> float:
        """The CPU that it has taken, all its threads together."""
        tasks = Path(f"/proc/{self._pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e3

    def memory_kib(self) -> float:
        """What it has of the memory of the machine."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


@contextmanager
def running(name: str, python: str, url: str, cores: list[int]) -> Iterator[Server]:
    """The server of a library, on the first core; whoever started it goes on on the last one."""
    use_core(cores[:1])
    command = [python, str(HERE / "served.py"), name, url]
    kept = {key: value for key, value in os.environ.items() if key == "PYTHONPATH" and not LIBRARIES[name].is_peer}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment() | kept) as process:
        use_core(cores[-1:])
        try:
            assert process.stdout is not None
            port = next((line for line in process.stdout if line.strip().isdigit()), "")
            if not port:
                raise SystemExit(f"The server of {name} did not start.")
            yield Server(process.pid, int(port))
        finally:
            process.kill()


async def measured(name: str, python: str, model: str, counts: Counts, cores: list[int]) -> Figures:
    """All figures of one library, from two fresh processes: the model's behaviour is in its address."""
    library = LIBRARIES[name]
    with running(name, python, f"{model}/chunks=1,stamp=1", cores) as server:
        plain = await plain_runs(library, server, counts)
    with running(name, python, f"{model}/chunks={counts.pieces},gap={counts.gap},stamp=1", cores) as server:
        await streams(library, server, counts._replace(streams=max(5, counts.streams // 50)))
        return Figures(plain, *await streams(library, server, counts))


async def plain_runs(library: Library, server: Server, counts: Counts) -> float:
    """CPU of a plain run, in µs."""

    async def some(client: PlainClient, first: int, number: int) -> None:
        for place in range(first, first + number):
            answer = await client.ask(library.question(place, stream=False))
            if b"The answer is 3." not in answer and b"@" not in answer:
                raise SystemExit(f"Another answer: {answer[:300]!r}")

    each = counts.plain // counts.clients
    async with connected(server, counts.clients) as clients:
        await asyncio.gather(*(some(client, 0, max(1, each // 5)) for client in clients))
        began = server.cpu_us()
        await asyncio.gather(*(some(client, place * each, each) for place, client in enumerate(clients)))
        return (server.cpu_us() - began) / (each * counts.clients)


@asynccontextmanager
async def connected(server: Server, number: int) -> AsyncIterator[list[PlainClient]]:
    """Clients with a connection each."""
    found = [PlainClient(*await asyncio.open_connection("127.0.0.1", server.port)) for _ in range(number)]
    try:
        yield found
    finally:
        for client in found:
            client.close()


async def streams(library: Library, server: Server, counts: Counts) -> tuple[float, float, float, float]:
    """CPU of a chunk in µs, its delay in ms (the median and the 99th percentile), and KiB a stream."""
    seen = Seen(pieces=[0] * counts.streams)
    before, began, already = server.memory_kib(), server.cpu_us(), 0
    loop = asyncio.get_running_loop()
    clients = list[StreamClient]()
    for place in range(counts.streams):
        client = StreamClient(place, library.question(place, stream=True), seen, counts.pieces)
        await loop.create_connection(partial(_itself, client), "127.0.0.1", server.port)
        clients.append(client)
    await _until(clients, lambda: min(seen.pieces) >= SETTLED)
    memory = server.memory_kib()
    if max(seen.pieces) < counts.pieces - 1:  # Else the first were done as the last began: all of it is counted.
        began, already = server.cpu_us(), len(seen.delays)
    await _until(clients, lambda: max(seen.pieces) >= counts.pieces - 1)
    chunk = (server.cpu_us() - began) / max(1, len(seen.delays) - already)
    await asyncio.gather(*(client.done for client in clients))
    for client in clients:
        client.close()
    delays = seen.delays[already:]
    return chunk, median(delays) / 1e6, quantiles(delays, n=100)[98] / 1e6, (memory - before) / counts.streams


def _itself(client: StreamClient) -> StreamClient:
    return client


async def _until(clients: list[StreamClient], is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.02)
        for client in clients:
            if client.done.done():
                client.done.result()  # A connection that broke ends the measurement.


def table(results: Mapping[str, list[Figures]]) -> str:
    """The medians, in brackets the ratio to the endpoint by hand."""
    medians = {name: Figures(*map(median, zip(*found, strict=True))) for name, found in results.items()}
    base = medians.get("by_hand")
    lines = [["", *medians], ["---", *["--:"] * len(medians)]]
    for place, title in enumerate(TITLES):
        cells = list[str]()
        for found in medians.values():
            ratio = "" if base is None or base[place] <= 0 else f" ({found[place] / base[place]:.2f}x)"
            cells.append(f"{number(found[place])}{ratio}")
        lines.append([title, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TITLES = (
    "a plain run, CPU µs",
    "a chunk, CPU µs",
    "… delay, median, ms",
    "… delay, 99th percentile, ms",
    "a stream, KiB",
)


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(LIBRARIES), help=f"of {', '.join(LIBRARIES)}")
    parser.add_argument("--reps", type=int, default=3, help="processes a library, of which the medians are shown")
    parser.add_argument("--streams", type=int, default=FULL.streams, help="at once; fewer where the machine is busy")
    parser.add_argument("--peers", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--quick", action="store_true", help="show that it works; the figures mean nothing")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := [name for name in names if name not in LIBRARIES]:
        parser.error(f"no {', '.join(unknown)}; there are {', '.join(LIBRARIES)}")
    if options.reps < 1 or options.streams < 5:
        parser.error("--reps must be at least 1, and --streams 5")
    counts = QUICK if options.quick else FULL._replace(streams=options.streams)
    raise_file_limit()
    pythons = {name: options.peers if LIBRARIES[name].is_peer else sys.executable for name in names}
    there = [name for name in names if has_module(pythons[name], LIBRARIES[name].module)]
    for name in names:
        if name not in there:
            print(f"{name} is not installed in the environment of {pythons[name]}", file=sys.stderr)
    load = os.getloadavg()[0]
    cores, results = own_cores(), {name: list[Figures]() for name in there}
    with fake_server() as model:
        for _ in range(options.reps):
            for name in there:
                gc.collect()
                found = asyncio.run(measured(name, pythons[name], model, counts, cores))
                results[name].append(found)
                print(f"{name}: {', '.join(f'{figure:,.0f}' for figure in found)}", file=sys.stderr, flush=True)
    print(table(results))
    print(f"\n{counts.streams:,} streams at once. Load {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end.")


def has_module(python: str, module: str) -> bool:
    """Whether that Python can import it."""
    command = [python, "-c", f"import importlib.util as u; raise SystemExit(not u.find_spec({module!r}))"]
    return not subprocess.run(command, capture_output=True, check=False).returncode


if __name__ == "__main__":
    main()
