"""What is said, or refused, where the offline stand-in would answer in the place of a model."""

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


def announce_stand_ins(at: str, models: Iterable[tuple[str, ChatModel]], *, strict: bool) -> None:
    """The same for agents that a file makes, which may have the stand-in since it says so, or names no model.

    Args:
        at: the option or argument that names the file.
        models: the names of its agents, each with its model.

    Raises:
        ConfigurationError: one of them has the stand-in, and the caller wants a model or nothing.
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
