"""The tree of exceptions; each one is a `LightAgentError` with a code, guidance and details.

LightAgentError
├── ProviderError          LA-400 … LA-503: the model's provider refused, or could not be reached
├── ToolError              LA-TOOL, LA-JSON: a tool or its arguments
├── OutputError            LA-OUTPUT: the final answer did not fit the output type
├── PolicyError            LA-GUARDRAIL, LA-HOOK, LA-POLICY: a policy refused
│   ├── RunSuspended       LA-POLICY: the run waits for a human, but its caller expects a text
│   └── AlreadyDecided     LA-POLICY: decided before, or another caller acts on the decision
├── BudgetError            LA-BUDGET: a limit was reached
├── FlowTimeout            LA-FLOW-TIMEOUT
├── StoreError             LA-STORE: a store cannot be read or written
│   ├── StreamConflict     another writer appended meanwhile
│   ├── LeaseHeld          another writer holds the lease
│   ├── Fenced             the lease was lost, so this writer may not append any more
│   ├── IncompleteListing  some of the items to list cannot be read
│   ├── ContentKeyError    the key of encrypted content is missing
│   └── DamagedStream      what is stored is not what was written
│       └── TamperedStream the seal shows that it was changed
└── ConfigurationError     LA-CONFIG (also a ValueError): settings, options, journals that do not fit
    └── MissingExtraError  LA-CONFIG (also an ImportError): a package that is not installed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, TypeAlias

from lightagent.domain.error_codes import ERROR_TAXONOMY, ErrorCode, LightAgentErrorInfo, known_code
from lightagent.domain.json_copies import plain_object
from lightagent.domain.json_types import JsonInput, JsonObject


def format_error_code(code: str, details: object = None) -> str:
    """``LA-429`` → ``[LA-429]``; an unknown code becomes ``[LA-UNKNOWN]``.

    Args:
        details: as in the 0.9 line: with them it is the whole text of the error, and they stand at its end.
    """
    if details is None:
        return f"[{code if code in ERROR_TAXONOMY else 'LA-UNKNOWN'}]"
    return f"{format_lightagent_error(ERROR_TAXONOMY.get(code, ERROR_TAXONOMY['LA-UNKNOWN']))} Details: {details}"


def format_lightagent_error(info: LightAgentErrorInfo) -> str:
    """The text of an error: code, message, and what to do."""
    text = f"{format_error_code(info.code)} {info.message}"
    if not info.guidance:
        return text
    return f"{text if text[-1] in '.!?:' else text + '.'} {info.guidance}"


class LightAgentError(Exception):
    """Any fault of lightagent. Its text starts with ``[CODE]``; `info` is the same as plain data.

    ``ToolError("It rains.", code="LA-TOOL")`` and, as in the 0.9 line, ``LightAgentError("LA-TOOL", "It rains.")``.

    Args:
        text: what happened; or, where it is exactly one of the codes, the error's code.
        message: what happened, where the code came first. The code's standard message unless given.
        guidance: what to do next. The code's standard guidance unless given.
        details: facts for programs. A text becomes ``{"text": …}``, and also the message unless one is given.
        code: the error's code; the standard one of the class unless given. Of a code that is text from elsewhere,
            `ERROR_TAXONOMY[text].code` is the type.
        retryable: whether the same request may succeed later. The code's standard answer unless given.
    """

    default_code: ClassVar[str] = "LA-UNKNOWN"

    def __init__(
        self,
        text: str = "",
        message: str | None = None,
        guidance: str | None = None,
        details: Mapping[str, JsonInput] | str | None = None,
        *,
        code: ErrorCode | None = None,
        retryable: bool | None = None,
    ) -> None:
        if code is None and text in ERROR_TAXONOMY:
            code, text = known_code(text), ""
        told = details if isinstance(details, str) else ""
        standard = ERROR_TAXONOMY.get(code or self.default_code, ERROR_TAXONOMY["LA-UNKNOWN"])
        self.info: LightAgentErrorInfo = LightAgentErrorInfo(
            code=standard.code,
            message=": ".join(filter(None, (text, message))) or told or standard.message,
            guidance=_guidance(standard, text or message or told) if guidance is None else guidance,
            details=_plain_details(details),
            retryable=standard.retryable if retryable is None else retryable,
        )
        super().__init__(format_lightagent_error(self.info))

    def __reduce__(self) -> tuple[_Rebuild, tuple[type[LightAgentError], tuple[object, ...]], dict[str, object]]:
        """Copy and pickle by state. The default would pass the finished text to the constructor: the code would
        appear twice, and everything else would be lost.

        The constructor is not called again, since a subclass may have one with other parameters.
        """
        return _rebuilt, (type(self), self.args), self.__dict__

    @property
    def code(self) -> ErrorCode:
        """The error's code, such as ``LA-429``."""
        return self.info.code

    @property
    def message(self) -> str:
        """What happened, without code and guidance."""
        return self.info.message

    @property
    def guidance(self) -> str:
        """What to do next."""
        return self.info.guidance

    @property
    def details(self) -> JsonObject:
        """Facts for programs."""
        return self.info.details or {}

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.info.retryable


def _plain_details(details: Mapping[str, JsonInput] | str | None) -> JsonObject | None:
    if isinstance(details, str):
        return {"text": details}
    if not isinstance(details, (dict, Mapping)):
        return details
    try:
        return plain_object(details)
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return {}  # A foreign mapping that cannot be read: the error that it describes matters more.


def _guidance(standard: LightAgentErrorInfo, said: str) -> str:
    """The standard guidance; a wrong option that is named needs no sentence that it is to be mended."""
    return "" if standard.code == "LA-CONFIG" and said else standard.guidance


def _rebuilt(kind: type[LightAgentError], args: tuple[object, ...]) -> LightAgentError:
    """An error with its arguments only; the caller restores its state afterwards."""
    return kind.__new__(kind, *args)


_Rebuild: TypeAlias = Callable[[type[LightAgentError], tuple[object, ...]], LightAgentError]


class ProviderError(LightAgentError):
    """The model's provider refused, failed or could not be reached.

    `retry_after` is what the provider asked for, in seconds.
    """

    default_code = "LA-500"
    retry_after: float | None = None


class ToolError(LightAgentError):
    """A tool was missing, got bad arguments, or failed."""

    default_code = "LA-TOOL"


class OutputError(LightAgentError):
    """The final answer did not fit the output type, as often as it was asked."""

    default_code = "LA-OUTPUT"


class PolicyError(LightAgentError):
    """A guardrail, a hook or a capability policy said no."""

    default_code = "LA-POLICY"


class AlreadyDecided(PolicyError):
    """The request was decided before, or another caller acts on the decision. Only the first decision counts, once."""


class BudgetError(LightAgentError):
    """A budget was spent."""

    default_code = "LA-BUDGET"


class RunSuspended(PolicyError):
    """The run waits for a human, and its caller asked for a text; `result_format="object"` gives the journal."""


class FlowTimeout(LightAgentError):
    """A flow step ran out of time."""

    default_code = "LA-FLOW-TIMEOUT"


class StoreError(LightAgentError):
    """A store could not be opened, read or written. What it acknowledged before is kept."""

    default_code = "LA-STORE"


class StreamConflict(StoreError):
    """An append expected another end of the stream: another writer appended meanwhile, and nothing was written.

    Args:
        expected, actual: the sequence of the last entry, as the writer expected it and as it is.
    """

    def __init__(self, expected: int, actual: int) -> None:
        self.expected: int = expected
        self.actual: int = actual
        again = f"The stream ends at entry {actual}, but was pruned, or forgotten and begun again."
        super().__init__(
            again if expected == actual else f"The stream ends at entry {actual}, not {expected}.",
            guidance="Read what was appended meanwhile, and decide anew.",
            details={"expected": expected, "actual": actual},
        )


class LeaseHeld(StoreError):
    """Another writer holds the lease of the stream.

    Args:
        holder: the name that the holder gave itself.
        left: seconds until the lease ends unless it is renewed.
    """

    def __init__(self, holder: str, left: float) -> None:
        self.holder: str = holder
        self.left: float = left
        super().__init__(
            f"{holder!r:.100} holds the lease of the stream for another {left:.1f} s.",
            guidance="Wait until it is released or ends. A run whose async stream was left early holds it until the "
            "stream is closed: leave streams with `async with` or aclose().",
            details={"holder": holder[:100], "left": left},
            retryable=True,
        )


class Fenced(StoreError):
    """The writer's lease was lost to another writer or released: nothing was written, and nothing will be."""

    def __init__(self, token: int | None) -> None:
        self.token = token
        held = "without a lease while somebody holds one" if token is None else f"with the lease {token}, which is over"
        super().__init__(
            f"An append {held} was refused.",
            guidance="Stop this writer: the holder of the lease goes on.",
            details={"token": token},
        )


class IncompleteListing(StoreError):
    """A listing has given all that can be read, and that is not all there is.

    Args:
        unreadable: what cannot be read, a sentence each.
    """

    def __init__(self, unreadable: tuple[str, ...]) -> None:
        self.unreadable = unreadable
        shown = [text[:300] for text in unreadable[:5]]
        more = f" And {len(unreadable) - 5} more." if len(unreadable) > 5 else ""
        super().__init__(
            f"The listing is not complete: {' '.join(shown)}{more}",
            guidance="What was listed before this error is right. Mend or forget what cannot be read.",
            details={"unreadable": list(unreadable[:100])},
        )


class ContentKeyError(StoreError):
    """Content is encrypted with a key that is not among the keys of the store, or has another secret there."""


class DamagedStream(StoreError):
    """What is stored is not what was written: a file was cut, or bytes were flipped. Other streams are not affected."""


class TamperedStream(DamagedStream):
    """The seal of a stream does not fit: something of it was changed behind the store's back."""


class ConfigurationError(LightAgentError, ValueError):
    """Settings, options or a journal do not fit; the text names the place and the remedy."""

    default_code = "LA-CONFIG"


class MissingExtraError(ConfigurationError, ImportError):
    """A package is not installed; the text says what to type."""
