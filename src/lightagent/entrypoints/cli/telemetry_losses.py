"""Tells at the end of a command what of its telemetry was lost, since that takes seconds and no log need be on."""

from __future__ import annotations

from lightagent.adapters.logs import is_logging
from lightagent.bootstrap import App
from lightagent.entrypoints.cli.console import err
from lightagent.ports.flushable_sink import ProbedSink
from lightagent.settings.origins import printable


def show_losses(app: App) -> None:
    """Say on standard error what an app that is closed could not send, unless a log has said so."""
    sink = app.telemetry
    if isinstance(sink, ProbedSink) and sink.losses and not is_logging():
        err().print(printable(sink.losses), style="yellow", markup=False)
