"""``lightagent serve``: serve agents over HTTP, for chat interfaces and other clients."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from lightagent.adapters.logs import configure_logs
from lightagent.adapters.registry import install_command
from lightagent.agent import LightAgent
from lightagent.bootstrap import open_app
from lightagent.domain.errors import ConfigurationError, MissingExtraError
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.logins import app_logins
from lightagent.entrypoints.cli.notices import announce_stand_in
from lightagent.entrypoints.cli.options import Config, Debug, Model, Profile, Strict, TrustConfig, settings_for
from lightagent.entrypoints.cli.python_files import ObjectKind, load_object
from lightagent.flow import LightFlow
from lightagent.settings import Settings
from lightagent.settings.origins import printable
from lightagent.settings.sections.serve import ServeSettings
from lightagent.swarm import LightSwarm

_WHAT: Final[ObjectKind[LightAgent | LightSwarm | LightFlow]] = ObjectKind(
    "WHAT", (LightAgent, LightSwarm, LightFlow), "agent"
)


@guarded
def serve(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WHAT...]",
            help="FILE.py:NAME or MODULE:NAME of agents, swarms and flows. The file is run. Default: the "
            "agent of the settings.",
        ),
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="The port; 0 for any free one. Default: 8000.")
    ] = None,
    config: Config = None,
    profile: Profile = None,
    model: Model = None,
    strict: Strict = False,
    debug: Debug = False,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Serve agents over HTTP, as models of OpenAI's API.

    Point any chat interface or client to http://127.0.0.1:8000/v1. To listen on an address that other machines can
    reach, create an access key first (`lightagent keys create`). SIGTERM or Ctrl-C stops the server; active runs have
    serve.shutdown_seconds to end.

    **Examples**

    `lightagent serve agents.py:helper`

    `lightagent serve my_package.agents:helper my_package.agents:team --port 9000`

    `lightagent serve`, for the agent of lightagent.toml
    """
    settings = settings_for(config, profile, debug, trust_config, model)
    chosen = _listening(settings, host, port)
    configure_logs("DEBUG" if debug else "INFO", None)
    try:
        from lightagent.entrypoints.serving.listen import listen
        from lightagent.entrypoints.serving.plain_model import UNNAMED, with_name
    except ImportError as exc:
        raise MissingExtraError(
            "lightagent serve needs Starlette and uvicorn.",
            guidance=f"Type: {install_command('serve', 'starlette', 'uvicorn')}",
        ) from exc
    loaded = [(spec, load_object(spec, _WHAT)) for spec in what or ()]
    if not loaded:
        announce_stand_in(settings, strict=strict)
    listen(
        open_app(settings, logins=app_logins(settings)),
        [with_name(one, _last(spec) or UNNAMED) for spec, one in loaded if isinstance(one, LightAgent)],
        {_last(spec) or spec: one for spec, one in loaded if isinstance(one, LightSwarm)},
        [one for _, one in loaded if isinstance(one, LightFlow)],
        chosen,
        _tell,
    )
    return ExitCode.COMPLETED


def _last(spec: str) -> str:
    """Return the NAME in ``FILE.py:NAME``; empty if there is none."""
    return spec.rpartition(":")[2] if ":" in spec else ""


def _tell(address: str) -> None:
    text = f"Listening on {address}; the base URL for clients is {address}/v1. SIGTERM or Ctrl-C stops it."
    err().print(printable(text), markup=False)


def _listening(settings: Settings, host: str | None, port: int | None) -> ServeSettings:
    """Return the section `serve` of the settings, with the host and port of the command line.

    Raises:
        ConfigurationError: the host is empty.
    """
    if host is not None and not host:
        raise ConfigurationError("--host: must not be empty.", guidance="Give an address, such as 127.0.0.1.")
    told = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return settings.serve.model_copy(update=told)
