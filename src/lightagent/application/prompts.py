"""Every sentence that we put before a model; each can be replaced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompts:
    """The texts an agent speaks to its model with. A replacement keeps the `{fields}` of the original.

    Attributes:
        instructions: what an agent without instructions of its own is told.
        output_schema: asks for JSON; `{schema}` is the JSON Schema.
        output_rejected: why an answer was refused; `{errors}` lists what is wrong.
        call_rejected: a human refused a tool call; `{reason}` is theirs.
        call_interrupted: nobody knows whether the call `{tool}` took effect.
    """

    instructions: str = "You are a helpful assistant."
    output_schema: str = (
        "Give your final answer as one JSON value that satisfies this JSON Schema, and nothing else:\n{schema}"
    )
    output_rejected: str = "That answer was refused:\n{errors}\nAnswer again, with the errors mended."
    call_rejected: str = "A human reviewer rejected this call. {reason}"
    call_interrupted: str = (
        "The process stopped while {tool} was running, so it may or may not have taken effect. "
        "Do not call it again without checking first."
    )


DEFAULT_PROMPTS = Prompts()
