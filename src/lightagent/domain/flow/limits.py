"""How large a run of a flow may become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FlowLimits:
    """The limits of one run, on record with its first event, so that a later default does not apply to past runs.

    Attributes:
        max_items: of one map.
        max_rounds: of one loop; its own `rounds` may be fewer, and no more.
        max_added: steps that all steps of the run together may add below themselves.
        max_depth: how many steps, one below the other, may add steps.
        max_value: bytes of one input or output, as JSON.
        max_lost: how often one attempt may be begun whose process dies before it ends. Then the step fails.
    """

    max_items: int = 10_000
    max_rounds: int = 1_000
    max_added: int = 100
    max_depth: int = 3
    max_value: int = 16_777_216
    max_lost: int = 3


DEFAULT_FLOW_LIMITS: Final = FlowLimits()
