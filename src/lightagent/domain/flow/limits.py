"""How large a run of a flow may become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FlowLimits:
    """The limits of one run, on record with its first event, so that a later default does not apply to past runs.

    Attributes:
        max_items: the maximum number of items of one map.
        max_rounds: the maximum number of rounds of one loop; the loop's own `rounds` may only be lower.
        max_added: the maximum number of steps that all steps of the run together may add below themselves.
        max_depth: the maximum depth of steps that were added by added steps.
        max_value: the maximum size of one input or output, in bytes of JSON.
        max_lost: the maximum number of times in a row that one attempt is started if its process dies each time. Then
            the step fails.
    """

    max_items: int = 10_000
    max_rounds: int = 1_000
    max_added: int = 100
    max_depth: int = 3
    max_value: int = 16_777_216
    max_lost: int = 3


DEFAULT_FLOW_LIMITS: Final = FlowLimits()
