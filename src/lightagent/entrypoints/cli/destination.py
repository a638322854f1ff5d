"""Where a run's requests go, told before the first is sent."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.adapters.chat.fallback import FallbackModel
from lightagent.adapters.chat.offline import OfflineModel
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.entrypoints.cli.console import err
from lightagent.ports.models import ChatModel, ServedModel
from lightagent.settings.origins import printable


def show_destination(model: ChatModel) -> None:
    """One line on standard error that names every host; none for a model that runs in this process."""
    found = dict.fromkeys(destinations(model))
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
