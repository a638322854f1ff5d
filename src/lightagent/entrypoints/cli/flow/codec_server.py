"""``lightagent flow codec-server``: decrypt payloads for the people who use Temporal's web interface."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from lightagent.adapters.engines.temporal import EncryptionOptions
from lightagent.adapters.registry import install_command
from lightagent.compose.configured.flows import open_flow_engine
from lightagent.domain.errors import ConfigurationError, MissingExtraError
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.options import Config, Profile, TrustConfig, settings_for
from lightagent.settings import Settings
from lightagent.settings.origins import printable
from lightagent.settings.secrets import Resolver
from lightagent.settings.sections.serve import ServeSettings


@guarded
def codec_server(
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any free one.")] = 8081,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Decode encrypted payloads for Temporal's web interface and command line.

    It decrypts with the keys of the settings. Requests need the key `encryption.server_key`, and web pages must be of
    `encryption.origins`. Put a proxy with TLS in front of it. SIGTERM or Ctrl-C stops it.

    **Examples**

    `lightagent flow codec-server --port 8081`

    `temporal workflow show -w WORKFLOW --codec-endpoint http://127.0.0.1:8081 --codec-auth "Bearer KEY"`
    """
    options = _encryption(settings_for(config, profile, False, trust_config))
    try:
        import uvicorn

        from lightagent.adapters.engines.temporal.codec_server import codec_server as made
        from lightagent.entrypoints.serving.listen import listening
    except ImportError as exc:
        raise MissingExtraError(
            "lightagent flow codec-server needs Starlette and uvicorn.",
            guidance=f"Type: {install_command('serve', 'starlette', 'uvicorn')}",
        ) from exc
    shown = options.model_copy(update={"takes_plain": True})  # Runs from before the encryption can be shown as well.
    application = made(shown.codec(""), key=options.server_key.get_secret_value(), origins=options.origins)
    with listening(ServeSettings(host=host, port=port)) as sock:
        text = f"Listening on http://{host}:{sock.getsockname()[1]}. SIGTERM or Ctrl-C stops it."
        err().print(printable(text), markup=False)
        told = uvicorn.Config(application, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(told).run([sock])
    return ExitCode.COMPLETED


def _encryption(settings: Settings) -> EncryptionOptions:
    """Return the encryption settings of the flow engine, with references to secrets resolved.

    Raises:
        ConfigurationError: no encryption is set, or the key of the codec server is missing.
    """
    open_flow_engine(settings)  # Validates the options of the engine, with the place of each error.
    chosen = settings.flow.engine
    told = Resolver(os.environ).resolve(("encryption",), chosen.options.get("encryption"))
    if chosen.kind != "temporal" or told is None:
        raise ConfigurationError(
            "flow.engine: encryption is not configured.",
            guidance="See docs/temporal.md, Encryption; --profile selects a profile.",
        )
    options = EncryptionOptions.model_validate(told)
    if not options.server_key.get_secret_value():
        raise ConfigurationError(
            "flow.engine.encryption.server_key: required.",
            guidance='Clients of the codec server send this key. Set server_key = { env = "CODEC_SERVER_KEY" }.',
        )
    return options
