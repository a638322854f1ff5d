"""Where requests go, told before the first is sent, and which key they need there."""

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
    """One line on standard error that names every host; none for models that run in this process."""
    found = dict.fromkeys(host for model in models for host in destinations(model))
    if found:
        err().print(printable(f"The model is asked at {', then '.join(found)}."), style="dim", markup=False)


def destinations(model: ChatModel) -> Iterator[str]:
    """The hosts, with their ports where these are not those of https; a model that does not tell is named instead."""
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
    """Where a key is missing or refused, on standard error: in which variable this provider's keys are by custom."""
    if error is None or error.code != "LA-401" or not isinstance(model, ServedModel):
        return
    provider = provider_at(model.endpoint.address)
    if provider is not None and provider.key != "OPENAI_API_KEY":
        setting = f'api_key = {{ env = "{provider.key}" }}'
        err().print(f"→ A key of {provider.title} in {provider.key} is set by {setting}", style="yellow", markup=False)
