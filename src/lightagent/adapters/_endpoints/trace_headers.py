"""The headers that link a request to the trace of its run."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.domain.origin import TraceHeaders


def sendable(trace: TraceHeaders, taken: Iterable[str]) -> dict[str, str]:
    """The headers of a trace that can be sent beside those which are `taken`.

    Telemetry never influences a request: what would replace another header, or fits into none, is left out.
    """
    if not trace:
        return {}
    own = {name.lower() for name in taken}
    return {name: value for name, value in trace if name.lower() not in own and name and _fits(name) and _fits(value)}


def _fits(text: str) -> bool:
    return text.isascii() and text.isprintable()
