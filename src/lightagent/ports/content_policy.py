"""The port to rules about content in telemetry: which texts may be recorded, and in which form."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias, runtime_checkable

ContentKind: TypeAlias = Literal[
    "input_messages",
    "output_messages",
    "system_instructions",
    "tool_definitions",
    "tool_arguments",
    "tool_result",
    "question",
    "answer",
    "error",
    "memory",
]
"""What a text is. Arguments and results of tools, and memories, are called so wherever they stand, also in the messages
of a later request; ``question`` and ``answer`` are those of a whole run."""


@runtime_checkable
class ContentPolicy(Protocol):
    """Says what telemetry may hold of a text. A function of these two arguments is one.

    It is called only where content is captured, in the event loop or in any thread, for many runs at once; it must
    neither wait nor take long. A text comes whole, before it is redacted and cut.
    """

    def __call__(self, kind: ContentKind, text: str, /) -> str | None:
        """The text as it may be recorded, or None to leave it out.

        Where it raises, or gives anything else, the text is left out, which is logged once; the run goes on.

        Args:
            kind: what the text is.
            text: the text; arguments of a call, and declared parameters of a tool, as JSON. What is given for JSON
                should be JSON; else it is recorded as a text.
        """
        ...
