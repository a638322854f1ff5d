"""What of the table of flows does not fit together."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.domain.secrets.masking import shown
from lightagent.settings.origins import Problem
from lightagent.settings.schema import Settings


def flow_problems(settings: Settings) -> Iterator[Problem]:
    """What is said of runs in this process, while an engine carries them out."""
    chosen = settings.flow
    if chosen.is_local:
        return
    for option in ("store", "max_parallel", "max_wait"):
        if getattr(chosen, option) is not None:
            yield Problem(
                settings.provenance.place(("flow", option)),
                f"It is for runs in this process, and the engine is {shown(chosen.engine.kind)}.",
                f'Leave {option} out, or choose engine = "local".',
            )
