"""How the settings have runs look."""

from __future__ import annotations

from lightagent.application.serving.run_view import ChatView
from lightagent.settings.serve_schema import ServeSettings


def view_of(settings: ServeSettings, *, usage: bool = False) -> ChatView:
    """The view that these settings ask for.

    Args:
        usage: a stream of chunks ends with the tokens.
    """
    return ChatView(
        settings.tools_shown, settings.reasoning, usage, settings.chat_approvals, settings.console_url or ""
    )
