"""The text of a tool's exception for the model: its name and message, shortened, no traceback, secrets masked."""

from __future__ import annotations

import re
from contextlib import suppress

from lightagent.application.tools.argument_errors import clip
from lightagent.domain.masking import MASK, mask_urls
from lightagent.domain.secret_forms import mask_tokens

MOST_CHARACTERS = 500

# Credentials as they commonly turn up in the texts of exceptions, besides the tokens of well-known services. This
# catches accidents only: a tool should not put into its exceptions what a model must not read.
_MASKS = (
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(
            r"([\w-]{0,40}(?:password|passwd|pwd|secret|token|api[_-]?key|authorization)[\"']?\s{0,3}[=:]\s{0,3})"
            r"(?!\*\*\*)(?:\"[^\"]*\"|'[^']*'|(?:(?:bearer|basic) )?[^\s,;&)}\]]+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
)


def describe_failure(exc: BaseException) -> str:
    """``ValueError: no such city``; of a group with one exception, that one."""
    exc = innermost(exc)
    name = type(exc).__name__
    # Cut first: a pattern need not look through megabytes. A little longer, so that no secret is cut in two.
    text = mask_secrets(_text(exc)[: MOST_CHARACTERS * 4])
    return clip(f"{name}: {text}" if text else name, MOST_CHARACTERS)


def innermost(exc: BaseException) -> BaseException:
    """Out of groups that hold one exception, as task groups make them, the one."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def mask_secrets(text: str) -> str:
    """`text` with what looks like a credential replaced by asterisks."""
    text = mask_tokens(mask_urls(text), MASK)
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def _text(exc: BaseException) -> str:
    if isinstance(exc, BaseExceptionGroup):
        return f"{exc.message}: " + "; ".join(f"{type(one).__name__}: {_text(one)}" for one in exc.exceptions[:5])
    with suppress(Exception):  # Its text may be code of the user's own, and that may fail too.
        return str(exc)
    return ""
