"""What commands print about their surroundings: the host that is asked, the stand-in, lost telemetry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lightagent.adapters.chat._providers import provider_at
from lightagent.adapters.chat.fallback import FallbackModel
from lightagent.adapters.chat.offline import OfflineModel
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.adapters.logs import is_logging
from lightagent.bootstrap import App
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import err
from lightagent.ports.flushable_sink import ProbedSink
from lightagent.ports.models import ChatModel, ServedModel
from lightagent.settings import Settings
from lightagent.settings.origins import printable


def show_destination(*models: ChatModel) -> None:
    """Print a line with all hosts to standard error; nothing for models that run in this process."""
    found = dict.fromkeys(host for model in models for host in destinations(model))
    if found:
        err().print(printable(f"Requests go to {', then '.join(found)}."), style="dim", markup=False)


def destinations(model: ChatModel) -> Iterator[str]:
    """Yield the hosts of a model, with ports other than 443; the model's name if it does not expose its endpoint."""
    if isinstance(model, FallbackModel):
        for each in model.models:
            yield from destinations(each)
        return
    endpoint = model.endpoint if isinstance(model, ServedModel) else None
    if endpoint is not None and endpoint.address:
        yield endpoint.address if endpoint.port in (None, 443) else f"{endpoint.address}:{endpoint.port}"
    elif not isinstance(model, (OfflineModel, ScriptedModel)):
        yield f"the default host of {model.name}"


def key_hint(model: ChatModel, error: LightAgentErrorInfo | None) -> None:
    """If a key is missing or refused, print to standard error which variable usually holds the provider's key."""
    if error is None or error.code != "LA-401" or not isinstance(model, ServedModel):
        return
    provider = provider_at(model.endpoint.address)
    if provider is not None and provider.key != "OPENAI_API_KEY":
        setting = f'api_key = {{ env = "{provider.key}" }}'
        err().print(
            f"→ To use the key of {provider.title} in {provider.key}, set {setting}", style="yellow", markup=False
        )


_REMEDY = "Set OPENAI_API_KEY (and OPENAI_BASE_URL for another server), or name a model in lightagent.toml."


def announce_stand_in(settings: Settings, *, strict: bool) -> None:
    """Print to standard error that the stand-in answers, unless the user has chosen it.

    Raises:
        ConfigurationError: the stand-in would answer, and `strict` is set.
    """
    chosen = settings.provenance.origin(("model", "kind")).layer != "built-in"
    if chosen or settings.model.kind != "offline":
        return
    if strict:
        raise ConfigurationError("No model is configured, and --strict refuses the offline stand-in.", guidance=_REMEDY)
    err().print(f"No model is configured, so the offline stand-in answers, by fixed rules. {_REMEDY}", style="yellow")


def announce_stand_ins(at: str, models: Iterable[tuple[str, ChatModel]], *, strict: bool) -> None:
    """Do the same for the agents of a file, whether they have the stand-in by choice or because no model is named.

    Args:
        at: the option or argument that names the file.
        models: the names of its agents, each with its model.

    Raises:
        ConfigurationError: an agent has the stand-in, and `strict` is set.
    """
    names = ", ".join(dict.fromkeys(printable(name) for name, model in models if isinstance(model, OfflineModel)))
    if not names:
        return
    if strict:
        raise ConfigurationError(
            f"{printable(at)}: --strict refuses the offline stand-in, which is the model of {names}.",
            guidance="Give each agent of the file a model, or leave --strict out.",
        )
    err().print(f"The offline stand-in answers for {names}, by fixed rules.", style="yellow", markup=False)


def show_losses(app: App) -> None:
    """Print to standard error what telemetry a closed app could not send, unless it was logged."""
    sink = app.telemetry
    if isinstance(sink, ProbedSink) and sink.losses and not is_logging():
        err().print(printable(sink.losses), style="yellow", markup=False)
