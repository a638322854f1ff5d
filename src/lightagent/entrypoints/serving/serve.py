"""`serve`: the application that serves agents, put together from the routes of each protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.system import SystemClock
from lightagent.agent import LightAgent
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.kept_runs import KeptRuns
from lightagent.application.serving.keys import AccessKeys
from lightagent.compose.telemetry import compose_server_sink
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.serving.a2a import A2A_ROUTES
from lightagent.entrypoints.serving.agui import AGUI_ROUTES
from lightagent.entrypoints.serving.authentication import Authentication
from lightagent.entrypoints.serving.catalogue import Catalogue, Served, ServedAgent
from lightagent.entrypoints.serving.chat_completions import CHAT_ROUTES
from lightagent.entrypoints.serving.door import Endpoint
from lightagent.entrypoints.serving.health import HEALTH_ROUTES
from lightagent.entrypoints.serving.mcp_server import MCP_ROUTES
from lightagent.entrypoints.serving.models import MODEL_ROUTES
from lightagent.entrypoints.serving.request_telemetry import RequestTelemetry
from lightagent.entrypoints.serving.requests import ServedRoute
from lightagent.entrypoints.serving.responses import RESPONSE_ROUTES
from lightagent.entrypoints.serving.served_flows import FlowAgent
from lightagent.entrypoints.serving.state import Serving
from lightagent.entrypoints.serving.utility import UNNAMED, plain_agent, with_name
from lightagent.entrypoints.serving.vercel import VERCEL_ROUTES
from lightagent.entrypoints.serving.wrong_addresses import WrongAddresses
from lightagent.flow import LightFlow
from lightagent.ports.journals import JournalStore
from lightagent.ports.server_telemetry import ServerSink
from lightagent.ports.telemetry import TelemetrySink
from lightagent.settings import Settings
from lightagent.settings.serve_schema import ServeSettings
from lightagent.swarm import LightSwarm

ROUTES: Final[tuple[ServedRoute, ...]] = (
    *CHAT_ROUTES,
    *RESPONSE_ROUTES,
    *AGUI_ROUTES,
    *A2A_ROUTES,
    *VERCEL_ROUTES,
    *MCP_ROUTES,
    *MODEL_ROUTES,
    *HEALTH_ROUTES,
)
"""What is served, the most frequent first: they are tried one by one. A further protocol adds its routes here alone."""


def serve(
    agents: ServedAgent | Iterable[ServedAgent] = (),
    *,
    swarms: Mapping[str, LightSwarm] | None = None,
    flows: Iterable[LightFlow] = (),
    settings: Settings | ServeSettings | None = None,
    store: JournalStore | None = None,
    deps: Callable[[Caller], object] | None = None,
    telemetry: TelemetrySink | Literal[False] | None = None,
) -> Starlette:
    """An ASGI application that serves agents to any client that speaks to OpenAI's API.

        app = serve(LightAgent(name="helper", model="gpt-4.1"))

    Run it with ``uvicorn module:app``, or mount it in an application of your own; ``lightagent serve`` does the former.

    Args:
        agents: each is a model that clients name; one without a name is the model `agent`.
        swarms: by the name under which each is a model; its first agent is asked first.
        flows: each is a model; what it is asked is the last message alone.
        settings: the section `serve` of the settings, or all of them; by default what the section has by default.
        store: keeps every run, so that those that wait survive the process, and the keys; without one the few runs that
            wait are kept in memory.
        deps: makes the dependencies of the agents' tools for who asks; agents that depend on nothing need none.
        telemetry: measures the requests, such as an `OpenTelemetrySink`; by default the providers of OpenTelemetry that
            the application has set do, if it has; False: nothing does.

    Raises:
        ConfigurationError: two have one name, or there is nothing to serve.
    """
    chosen = settings.serve if isinstance(settings, Settings) else settings or ServeSettings()
    given = agents if isinstance(agents, Iterable) else (agents,)
    several = [with_name(agent, UNNAMED) for agent in given]
    catalogue = Catalogue(
        [
            *(Served(agent.name, agent, plain=plain_agent(agent)) for agent in several),
            *_swarms(swarms or {}),
            *(Served(flow.name, FlowAgent(flow), "flow") for flow in flows),
        ]
    )
    clock, places = SystemClock(), MemoryJournalStore() if store is None else store
    kept = KeptRuns(places, clock, lasts=store is not None)
    authentication = Authentication(AccessKeys(places, clock.now), chosen)
    serving = Serving(catalogue, chosen, kept, authentication, deps)
    return application(serving, find_sink=compose_server_sink(telemetry))


def application(
    serving: Serving, routes: Sequence[ServedRoute] = ROUTES, find_sink: Callable[[], ServerSink | None] = lambda: None
) -> Starlette:
    """The application of a server; its state has the server as `serving`.

    Args:
        find_sink: gives what sees a request, or None.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        serving.start()
        yield
        await serving.stop()

    made = [Route(route.path, Endpoint(serving, route), methods=[route.method]) for route in routes]
    watching = Middleware(RequestTelemetry, find_sink, serving.slots)
    app = Starlette(routes=made, middleware=[watching, *_middleware(serving.settings)], lifespan=lifespan)
    WrongAddresses(serving).answered_in(app)
    app.state.serving = serving
    return app


def _swarms(swarms: Mapping[str, LightSwarm]) -> Iterator[Served]:
    for name, swarm in swarms.items():
        members = [agent for agent in swarm.registered if isinstance(agent, LightAgent)]
        if not members:
            raise ConfigurationError(f"serve: the swarm {name!r:.100} has no agents.", guidance="Call register_agent.")
        yield Served(name, swarm.member(members[0]), "swarm", plain_agent(members[0]))


def _middleware(settings: ServeSettings) -> list[Middleware]:
    if not settings.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after", "x-should-retry", "mcp-session-id"],
        )
    ]
