"""Announce that the offline stand-in answers instead of a model, or refuse it."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.adapters.chat.offline import OfflineModel
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.console import err
from lightagent.ports.models import ChatModel
from lightagent.settings import Settings
from lightagent.settings.origins import printable

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
        raise ConfigurationError("No model is configured, and --strict takes no stand-in.", guidance=_REMEDY)
    err().print(f"No model is configured: the offline stand-in answers, by rules. {_REMEDY}", style="yellow")


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
            f"{printable(at)}: --strict takes no stand-in, and that of {names} is the offline one.",
            guidance="Give each agent of the file a model, or leave --strict out.",
        )
    err().print(f"The offline stand-in answers for {names}, by rules.", style="yellow", markup=False)
