"""How a journal tells that text beside the call that hands over is not for the user."""

from __future__ import annotations

from typing import Final

from lightagent.domain.policy import Decision

_BY: Final = "handoff_text"

KEPT_BACK: Final = Decision("model_reply", _BY, "allow", "What is said beside a handoff is not shown to the user.")
"""For a reply whose text is recorded, for the agent that takes over, and not shown to the user."""

DROPPED: Final = Decision("model_reply", _BY, "rewrite", "What is said beside a handoff is dropped.")
"""For a reply whose text is not recorded."""
