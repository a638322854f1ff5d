"""Refusals: what cannot happen in a run of a flow, or not now."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError

RefusalKind: TypeAlias = Literal["form", "unknown", "stale", "status", "definition", "limit"]
"""Why an event is refused.

* form: it is invalid by itself, such as an answer of the wrong kind.
* unknown: no step of the run is at this path.
* stale: it is about work that a rerun has made obsolete, or about a former attempt or request.
* status: the status of the step or the run does not allow it, such as a decision if nothing waits for one.
* definition: the changed definition does not fit what has happened.
* limit: a limit of the run forbids it.
"""

_GUIDANCE: Final[dict[RefusalKind, str]] = {
    "form": "",
    "unknown": "get_run and `lightagent flow show` tell the steps of a run and their paths.",
    "stale": "get_run and `lightagent flow show` tell where the run is now.",
    "status": "get_run and `lightagent flow show` tell where the run is now.",
    "definition": "",
    "limit": "Raise the limit, or make the flow smaller.",
}


class Refused(ConfigurationError):
    """An event cannot happen in this run now; nothing has changed.

    Attributes:
        kind: why, for programs.
        path: the step that it is about; empty if it is about the run.
    """

    def __init__(self, kind: RefusalKind, text: str, *, path: str = "") -> None:
        super().__init__(
            text, guidance=_GUIDANCE[kind], details={"kind": kind, "path": path} if path else {"kind": kind}
        )
        self.kind: RefusalKind = kind
        self.path = path
