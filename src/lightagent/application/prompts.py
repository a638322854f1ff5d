"""Every sentence that we put before a model; each can be replaced."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Prompts:
    """The texts an agent speaks to its model with. A replacement keeps the `{fields}` of the original.

    Attributes:
        instructions: what an agent without instructions of its own is told.
        output_schema: asks for JSON; `{schema}` is the JSON Schema.
        output_rejected: why an answer was refused; `{errors}` lists what is wrong.
        call_rejected: a human refused a tool call; `{reason}` is theirs.
        call_interrupted: nobody knows whether the call `{tool}` took effect.

    Raises:
        ConfigurationError: one has a field that the original has not, or a brace that is not doubled.
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

    def __post_init__(self) -> None:
        fields = {"output_schema": "schema", "output_rejected": "errors", "call_rejected": "reason"}
        for name, known in {**fields, "call_interrupted": "tool"}.items():
            try:
                str.format(getattr(self, name), **{known: ""})
            except (LookupError, ValueError, TypeError, AttributeError) as exc:
                raise ConfigurationError(
                    f"prompts: {name} cannot be filled in ({type(exc).__name__}: {exc}).",
                    guidance=f"Its only field is {{{known}}}; write a brace of its own twice.",
                ) from None


DEFAULT_PROMPTS = Prompts()
