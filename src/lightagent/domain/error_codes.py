"""The closed list of error codes, what each means and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from lightagent.domain.json_types import JsonObject

ErrorCode: TypeAlias = Literal[
    "LA-400",
    "LA-401",
    "LA-403",
    "LA-404",
    "LA-408",
    "LA-413",
    "LA-429",
    "LA-500",
    "LA-503",
    "LA-JSON",
    "LA-TOOL",
    "LA-GUARDRAIL",
    "LA-HOOK",
    "LA-POLICY",
    "LA-BUDGET",
    "LA-FLOW-TIMEOUT",
    "LA-FLOW-LOST",
    "LA-FLOW-LOST",
    "LA-OUTPUT",
    "LA-STORE",
    "LA-CONFIG",
    "LA-UNKNOWN",
]
"""What an error is, for programs; `ERROR_TAXONOMY` says what each means."""

if TYPE_CHECKING:
    _Code: TypeAlias = ErrorCode
else:
    # Journals must be readable even with error codes of a later version or of a custom policy.
    _Code = str


@dataclass(frozen=True, slots=True)
class LightAgentErrorInfo:
    """One error as plain data: it can be stored in a journal, shown, or raised again.

    Attributes:
        code: one of the codes of `ERROR_TAXONOMY`, such as ``LA-429``.
        message: what happened, in one or two sentences.
        guidance: what the reader can do next.
        details: facts for programs (status, field, tool …), plain JSON.
        retryable: whether the same request may succeed later.
    """

    code: _Code
    message: str
    guidance: str = ""
    details: JsonObject | None = None
    retryable: bool = False


def _info(
    code: ErrorCode, message: str, guidance: str, *, retryable: bool = False
) -> tuple[ErrorCode, LightAgentErrorInfo]:
    return code, LightAgentErrorInfo(code, message, guidance, None, retryable)


ERROR_TAXONOMY: Final[dict[str, LightAgentErrorInfo]] = dict(
    (
        _info("LA-400", "The provider refused the request as invalid.", "Check the model's options and the history."),
        _info("LA-401", "The API key is missing or was refused.", "Set OPENAI_API_KEY or pass api_key=."),
        _info("LA-403", "The provider does not permit this.", "Check the account's rights and the content policy."),
        _info("LA-404", "No such endpoint or model.", "Check base_url (most end in /v1) and the model's name."),
        _info("LA-408", "The provider did not answer in time.", "Try again, or raise timeout=.", retryable=True),
        _info("LA-413", "The request or the answer was too large.", "Shorten the input or raise max_tokens."),
        _info("LA-429", "The provider limits the rate of requests.", "Wait, or spread the load.", retryable=True),
        _info("LA-500", "The provider failed.", "Try again; if it stays, ask the provider.", retryable=True),
        _info("LA-503", "The provider cannot be reached.", "Check the network and base_url.", retryable=True),
        _info("LA-JSON", "Tool-call arguments were no JSON.", "The model was told; a stronger model errs less."),
        _info("LA-TOOL", "A tool was missing, got bad arguments, or failed.", "See details; the model was told."),
        _info("LA-GUARDRAIL", "A guardrail said no.", "Change the input, or the guardrail."),
        _info("LA-HOOK", "A hook said no.", "Change the request, or the hook."),
        _info("LA-POLICY", "A policy said no.", "Ask for the right, or change the policy."),
        _info("LA-BUDGET", "A budget was spent.", "Raise the limit, or make the task smaller."),
        _info("LA-FLOW-TIMEOUT", "A flow step ran out of time.", "Raise the step's timeout=."),
        _info("LA-FLOW-LOST", "A flow step was lost with its process, again and again.", "See what ends the process."),
        _info("LA-OUTPUT", "The answer did not fit output_type.", "Simplify the type or use a stronger model."),
        _info("LA-STORE", "A store could not be read or written.", "See details; what was acknowledged is kept."),
        _info("LA-CONFIG", "The configuration is wrong.", "`lightagent config check` checks a settings file."),
        _info("LA-UNKNOWN", "Something unexpected happened.", "See the cause."),
    )
)
"""Every code with its standard message, guidance and whether it may be retried."""


def known_code(code: str) -> ErrorCode:
    """Return the code itself, or ``LA-UNKNOWN`` if it is not a code."""
    return ERROR_TAXONOMY.get(code, ERROR_TAXONOMY["LA-UNKNOWN"]).code
