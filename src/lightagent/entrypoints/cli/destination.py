"""Print the host that requests are sent to, before the first one is sent, and which key it needs."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.adapters.chat._providers import provider_at
from lightagent.adapters.chat.fallback import FallbackModel
from lightagent.adapters.chat.offline import OfflineModel
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.entrypoints.cli.console import err
from lightagent.ports.models import ChatModel, ServedModel
from lightagent.settings.origins import printable


def show_destination(*models: ChatModel) -> None:
    """Print a line with all hosts to standard error; nothing for models that run in this process."""
    found = dict.fromkeys(host for model in models for host in destinations(model))
    if found:
        err().print(printable(f"The model is asked at {', then '.join(found)}."), style="dim", markup=False)


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
        yield f"the usual place of {model.name}"


def key_hint(model: ChatModel, error: LightAgentErrorInfo | None) -> None:
    """If a key is missing or refused, print to standard error which variable usually holds the provider's key."""
    if error is None or error.code != "LA-401" or not isinstance(model, ServedModel):
        return
    provider = provider_at(model.endpoint.address)
    if provider is not None and provider.key != "OPENAI_API_KEY":
        setting = f'api_key = {{ env = "{provider.key}" }}'
        err().print(f"→ A key of {provider.title} in {provider.key} is set by {setting}", style="yellow", markup=False)
