"""`serve`: build the application that serves agents from the routes of each protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.system import SystemClock
from lightagent.agent import LightAgent
from lightagent.application.serving.callers import Caller
from lightagent.application.serving.keys import AccessKeys
from lightagent.application.serving.served_run_store import ServedRunStore
from lightagent.compose.telemetry import compose_server_sink
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.serving.a2a.routes import A2A_ROUTES
from lightagent.entrypoints.serving.agui import AGUI_ROUTES
from lightagent.entrypoints.serving.authentication import Authentication
from lightagent.entrypoints.serving.catalogue import Catalogue, Served, ServedAgent
from lightagent.entrypoints.serving.chat_completions import CHAT_ROUTES
from lightagent.entrypoints.serving.endpoint import Endpoint
from lightagent.entrypoints.serving.health import HEALTH_ROUTES
from lightagent.entrypoints.serving.mcp.routes import MCP_ROUTES
from lightagent.entrypoints.serving.models import MODEL_ROUTES
from lightagent.entrypoints.serving.origins import cors_middleware
from lightagent.entrypoints.serving.plain_model import UNNAMED, plain_agent, with_name
from lightagent.entrypoints.serving.request_telemetry import RequestTelemetry
from lightagent.entrypoints.serving.requests import ServedRoute
from lightagent.entrypoints.serving.responses.routes import RESPONSE_ROUTES
from lightagent.entrypoints.serving.served_flows import FlowAgent
from lightagent.entrypoints.serving.state import Serving
from lightagent.entrypoints.serving.unknown_paths import WrongAddresses
from lightagent.entrypoints.serving.vercel import VERCEL_ROUTES
from lightagent.flow import LightFlow
from lightagent.ports.journals import JournalStore
from lightagent.ports.server_telemetry import ServerSink
from lightagent.ports.telemetry import TelemetrySink
from lightagent.settings import Settings
from lightagent.settings.sections.serve import ServeSettings
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
"""All routes, most frequent first, since they are tried in order. A new protocol only needs to add its routes here."""


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
    """Return an ASGI application that serves agents to clients of OpenAI's API, AG-UI, A2A, MCP and the AI SDK.

        app = serve(LightAgent(name="helper", model="gpt-4.1"))

    Run it with ``uvicorn module:app``, or mount it in an application of your own; ``lightagent serve`` does the former.

    Args:
        agents: the agents to serve, each as a model with the agent's name; an unnamed one is the model `agent`.
        swarms: the swarms to serve, by model name; the first agent of each gets the request.
        flows: the flows to serve, each as a model; its input is the last message only.
        settings: the section `serve` of the settings, or all settings; by default the defaults of the section.
        store: stores all runs, so that waiting ones survive a restart, and the access keys; without it a limited
            number of waiting runs is kept in memory.
        deps: returns the dependencies of the agents' tools for a caller; not needed for agents without dependencies.
        telemetry: measures the requests, such as an `OpenTelemetrySink`; by default the OpenTelemetry providers that
            the application has set, if any; False turns it off.

    Raises:
        ConfigurationError: two models have the same name, or there is nothing to serve.
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
    kept = ServedRunStore(places, clock, lasts=store is not None)
    authentication = Authentication(AccessKeys(places, clock.now), chosen)
    serving = Serving(catalogue, chosen, kept, authentication, deps)
    return application(serving, find_sink=compose_server_sink(telemetry))


def application(
    serving: Serving, routes: Sequence[ServedRoute] = ROUTES, find_sink: Callable[[], ServerSink | None] = lambda: None
) -> Starlette:
    """Return the ASGI application of a server; its `state.serving` is the server.

    Args:
        find_sink: returns the telemetry sink for a request, or None.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        serving.start()
        yield
        await serving.stop()

    made = [Route(route.path, Endpoint(serving, route), methods=[route.method]) for route in routes]
    watching = Middleware(RequestTelemetry, find_sink, serving.slots)
    app = Starlette(routes=made, middleware=[watching, *cors_middleware(serving.settings)], lifespan=lifespan)
    WrongAddresses(serving).answered_in(app)
    app.state.serving = serving
    return app


def _swarms(swarms: Mapping[str, LightSwarm]) -> Iterator[Served]:
    for name, swarm in swarms.items():
        members = [agent for agent in swarm.registered if isinstance(agent, LightAgent)]
        if not members:
            raise ConfigurationError(f"serve: the swarm {name!r:.100} has no agents.", guidance="Call register_agent.")
        yield Served(name, swarm.member(members[0]), "swarm", plain_agent(members[0]))
