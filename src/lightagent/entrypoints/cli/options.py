"""Options that several commands share, and the settings that result from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from lightagent.settings import LoggingSettings, Settings, load_settings

Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The settings file. Default: LIGHTAGENT_CONFIG, or lightagent.toml here or above."
    ),
]
Profile: TypeAlias = Annotated[
    str | None, typer.Option("--profile", "-p", help="The profile of the settings. Default: LIGHTAGENT_PROFILE.")
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", "-m", help="The model to use instead of the one in the settings."),
]
Strict: TypeAlias = Annotated[
    bool,
    typer.Option("--strict", help="Fail instead of using the offline stand-in if no model is configured."),
]
Tools: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--tools",
        "-t",
        metavar="FILE.py[:name,...]",
        help="Python functions that the model may call. The file is run. Repeatable.",
    ),
]
Instructions: TypeAlias = Annotated[
    str | None, typer.Option("--instructions", "-i", help="Instructions for the agent.")
]
Tenant: TypeAlias = Annotated[str, typer.Option("--tenant", help="The tenant.")]
User: TypeAlias = Annotated[str, typer.Option("--user", "-u", help="Whose run it is.")]
Session: TypeAlias = Annotated[
    str | None,
    typer.Option("--session", "-s", help="Continue this stored conversation of the user, or start it."),
]
TrustConfig: TypeAlias = Annotated[
    bool,
    typer.Option("--trust-config", help="Trust the lightagent.toml that is found, only this time. Read it first."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ShowTrace: TypeAlias = Annotated[bool, typer.Option("--trace", help="Print what happened as a tree to standard error.")]
Debug: TypeAlias = Annotated[bool, typer.Option("--debug", help="Log details to standard error.")]


def settings_for(
    config: Path | None, profile: str | None, debug: bool, trust: bool, model: str | None = None
) -> Settings:
    """Load the settings for a command.

    Args:
        debug: log at level DEBUG.
        model: the name of a model that replaces the one of the settings.

    Raises:
        ConfigurationError: the settings or the options are invalid.
    """
    settings = load_settings(config, profile, trust=trust)
    if model is not None:
        # Applied as environment variables, so that errors name the kind of the model.
        named = {"LIGHTAGENT__MODEL__MODEL": model}
        if settings.model.kind == "offline":
            named["LIGHTAGENT__MODEL__KIND"] = "openai"
        settings = load_settings(config, profile, os.environ | named, trust=trust)
    if not debug:
        return settings
    return settings.model_copy(update={"logging": LoggingSettings(level="DEBUG", file=settings.logging.file)})
