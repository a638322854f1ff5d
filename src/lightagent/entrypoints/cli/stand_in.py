"""What is said, or refused, where no model is configured and the offline stand-in would answer."""

from __future__ import annotations

from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import err
from lightagent.settings import Settings

_REMEDY = "Set OPENAI_API_KEY (and OPENAI_BASE_URL for another server), or name a model in lightagent.toml."


def announce_stand_in(settings: Settings, *, strict: bool) -> None:
    """Say on standard error that the stand-in answers, if nobody chose it.

    Raises:
        ConfigurationError: the caller wants a model or nothing.
    """
    chosen = settings.provenance.origin(("model", "kind")).layer != "built-in"
    if chosen or settings.model.kind != "offline":
        return
    if strict:
        raise ConfigurationError("No model is configured, and --strict takes no stand-in.", guidance=_REMEDY)
    err().print(f"No model is configured: the offline stand-in answers, by rules. {_REMEDY}", style="yellow")
