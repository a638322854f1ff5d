"""Read an AG-UI client's answers to interrupts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ag_ui.core import ResumeEntry

from lightagent.application.serving.person_answers import PersonAnswer, read_answer

_CANCELLED: Final = "The user cancelled it."


def read_answers(entries: list[ResumeEntry]) -> Iterator[PersonAnswer]:
    """Yield the answers in a request. Only an explicit true approves a call.

    Raises:
        RequestRefused: an answer does not match its form.
    """
    for place, entry in enumerate(entries):
        if entry.status == "cancelled":
            yield PersonAnswer(entry.interrupt_id, approved=False, reason=_CANCELLED)
        else:
            yield read_answer(entry.interrupt_id, entry.payload, f"resume[{place}].payload")
