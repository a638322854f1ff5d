"""Report lost telemetry at the end of a command, since it is only known then, and logging may be off."""

from __future__ import annotations

from lightagent.adapters.logs import is_logging
from lightagent.bootstrap import App
from lightagent.entrypoints.cli.console import err
from lightagent.ports.flushable_sink import ProbedSink
from lightagent.settings.origins import printable


def show_losses(app: App) -> None:
    """Print to standard error what telemetry a closed app could not send, unless it was logged."""
    sink = app.telemetry
    if isinstance(sink, ProbedSink) and sink.losses and not is_logging():
        err().print(printable(sink.losses), style="yellow", markup=False)
