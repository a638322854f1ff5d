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
    """Return the code in brackets: ``LA-429`` becomes ``[LA-429]``, an unknown code ``[LA-UNKNOWN]``.

    Args:
        details: if given, return the code's whole standard text with these details at its end, as release 0.9 did.
    """
    if details is None:
        return f"[{code if code in ERROR_TAXONOMY else 'LA-UNKNOWN'}]"
    return f"{format_lightagent_error(ERROR_TAXONOMY.get(code, ERROR_TAXONOMY['LA-UNKNOWN']))} Details: {details}"


def format_lightagent_error(info: LightAgentErrorInfo) -> str:
    """Return the text of an error: code, message and guidance."""
    text = f"{format_error_code(info.code)} {info.message}"
    if not info.guidance:
        return text
    return f"{text if text[-1] in '.!?:' else text + '.'} {info.guidance}"


class LightAgentError(Exception):
    """The base class of all errors of lightagent. The text starts with ``[CODE]``; `info` has its parts as plain data.

    Two forms are accepted: ``ToolError("It rains.", code="LA-TOOL")`` and, as in release 0.9,
    ``LightAgentError("LA-TOOL", "It rains.")``.

    Args:
        text: the message; in the form of release 0.9, the error's code.
        message: the message in the form of release 0.9; beside another `text`, it is added after a colon. Without
            any message, the code's standard message is used.
        guidance: what the reader of the error can do. Default: the code's standard guidance.
        details: facts for programs. A text becomes ``{"text": …}``, and is also the message unless one is given.
        code: the error's code. Default: the class's `default_code`. To pass a code that is an ordinary `str`, use
            `ERROR_TAXONOMY[text].code`.
        retryable: whether the same request may succeed later. Default: that of the code.
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
        detail_text = details if isinstance(details, str) else ""
        standard = ERROR_TAXONOMY.get(code or self.default_code, ERROR_TAXONOMY["LA-UNKNOWN"])
        self.info: LightAgentErrorInfo = LightAgentErrorInfo(
            code=standard.code,
            message=": ".join(filter(None, (text, message))) or detail_text or standard.message,
            guidance=_guidance(standard, text or message or detail_text) if guidance is None else guidance,
            details=_plain_details(details),
            retryable=standard.retryable if retryable is None else retryable,
        )
        super().__init__(format_lightagent_error(self.info))

    def __reduce__(self) -> tuple[_Rebuild, tuple[type[LightAgentError], tuple[object, ...]], dict[str, object]]:
        """Copy and pickle the attributes without calling the constructor, whose parameters a subclass may change.

        The default of `Exception` would call the constructor with the finished text: the code would appear twice in
        the new text, and guidance and details would be lost.
        """
        return _rebuilt, (type(self), self.args), self.__dict__

    @property
    def code(self) -> ErrorCode:
        """The error's code, such as ``LA-429``."""
        return self.info.code

    @property
    def message(self) -> str:
        """The message, without code and guidance."""
        return self.info.message

    @property
    def guidance(self) -> str:
        """What the reader of the error can do."""
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
        return {}  # The mapping is foreign code that raised. The error itself must still be reported.


def _guidance(standard: LightAgentErrorInfo, message: str) -> str:
    """Return the standard guidance; empty for a configuration error whose own message names the wrong option."""
    return "" if standard.code == "LA-CONFIG" and message else standard.guidance


def _rebuilt(kind: type[LightAgentError], args: tuple[object, ...]) -> LightAgentError:
    """An error with its arguments only; the caller restores its state afterwards."""
    return kind.__new__(kind, *args)


_Rebuild: TypeAlias = Callable[[type[LightAgentError], tuple[object, ...]], LightAgentError]


class ProviderError(LightAgentError):
    """The model's provider refused a request, failed, or could not be reached.

    Attributes:
        retry_after: the pause before a retry that the provider asked for, in seconds; None without such a request.
    """

    default_code = "LA-500"
    retry_after: float | None = None


class ToolError(LightAgentError):
    """A tool was missing, got bad arguments, or failed."""

    default_code = "LA-TOOL"


class OutputError(LightAgentError):
    """The final answer still did not fit the output type after the last permitted retry."""

    default_code = "LA-OUTPUT"


class PolicyError(LightAgentError):
    """A guardrail, a hook or a capability policy refused."""

    default_code = "LA-POLICY"


class AlreadyDecided(PolicyError):
    """The approval request was decided before, or another caller acts on the decision. Only the first one counts."""


class BudgetError(LightAgentError):
    """A limit of a budget was reached."""

    default_code = "LA-BUDGET"


class RunSuspended(PolicyError):
    """The run waits for a human, but its caller expects a text. With `result_format="object"` the call returns the
    run's journal instead of raising this.
    """


class FlowTimeout(LightAgentError):
    """A step of a flow exceeded its time limit."""

    default_code = "LA-FLOW-TIMEOUT"


class StoreError(LightAgentError):
    """A store could not be opened, read or written. Earlier writes that it acknowledged are not lost."""

    default_code = "LA-STORE"


class StreamConflict(StoreError):
    """An append was refused because another writer changed the stream meanwhile. Nothing was written.

    Args:
        expected: the sequence number of the last entry that the writer expected.
        actual: the sequence number of the last entry in the store.
    """

    def __init__(self, expected: int, actual: int) -> None:
        self.expected: int = expected
        self.actual: int = actual
        replaced = f"The stream ends at entry {actual}, but was pruned, or forgotten and created again."
        super().__init__(
            replaced if expected == actual else f"The stream ends at entry {actual}, not {expected}.",
            guidance="Read the stream again before you append.",
            details={"expected": expected, "actual": actual},
        )


class LeaseHeld(StoreError):
    """Another writer holds the lease of the stream.

    Args:
        holder: the name under which the other writer took the lease.
        left: seconds until the lease expires, unless it is renewed.
    """

    def __init__(self, holder: str, left: float) -> None:
        self.holder: str = holder
        self.left: float = left
        super().__init__(
            f"{holder!r:.100} holds the lease of the stream for another {left:.1f} s.",
            guidance="Wait until the lease is released or expires. A run whose async stream was not read to its end "
            "holds the lease until the stream is closed: use `async with`, or call aclose().",
            details={"holder": holder[:100], "left": left},
            retryable=True,
        )


class Fenced(StoreError):
    """A write was refused because the writer does not hold the stream's lease. Nothing was written.

    Args:
        token: the token of the lease that was lost or released; None if the writer has none but another writer does.
    """

    def __init__(self, token: int | None) -> None:
        self.token = token
        reason = "another writer holds the lease" if token is None else f"its lease {token} was lost or released"
        super().__init__(
            f"A write to the stream was refused: {reason}.",
            guidance="Stop this writer; the holder of the lease continues.",
            details={"token": token},
        )


class IncompleteListing(StoreError):
    """Some of the items to list cannot be read. Raised after all other items have been returned.

    Args:
        unreadable: one sentence for each item that cannot be read.
    """

    def __init__(self, unreadable: tuple[str, ...]) -> None:
        self.unreadable = unreadable
        shown = [text[:300] for text in unreadable[:5]]
        more = f" And {len(unreadable) - 5} more." if len(unreadable) > 5 else ""
        super().__init__(
            f"The listing is not complete: {' '.join(shown)}{more}",
            guidance="The items listed before this error are correct. Repair or forget the unreadable ones.",
            details={"unreadable": list(unreadable[:100])},
        )


class ContentKeyError(StoreError):
    """The store's keys lack the key with which content was encrypted, or have another secret under its id."""


class DamagedStream(StoreError):
    """A stream's content differs from what was written: a file was cut, or bytes were flipped. Other streams are not
    affected.
    """


class TamperedStream(DamagedStream):
    """The seal of a stream does not match its content: it was changed by other means than through the store."""


class ConfigurationError(LightAgentError, ValueError):
    """Settings, options or a journal are invalid; the text names the place and the remedy."""

    default_code = "LA-CONFIG"


class MissingExtraError(ConfigurationError, ImportError):
    """An optional package is not installed; the text has the command that installs it."""
