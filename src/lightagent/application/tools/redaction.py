"""Describe a tool's exception for the model: name and message, shortened, without traceback, secrets masked."""

from __future__ import annotations

import re
from contextlib import suppress

from lightagent.application.tools.arguments import clip
from lightagent.domain.secrets.forms import mask_tokens
from lightagent.domain.secrets.masking import MASK, mask_urls
from lightagent.domain.secrets.names import PASSWORD

MOST_CHARACTERS = 500

# Credentials in the forms in which they commonly appear in exceptions, besides the tokens of well-known services. This
# catches accidents only: a tool should not put anything into its exceptions that a model must not read.
_MASKS = (
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(
            rf"([\w-]{{0,40}}(?:{PASSWORD}|secret|token|api[_-]?key|authorization)[\"']?\s{{0,3}}[=:]\s{{0,3}})"
            r"(?!\*\*\*)(?:\"[^\"]*\"|'[^']*'|(?:(?:bearer|basic) )?[^\s,;&)}\]]+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
)


def describe_failure(exc: BaseException) -> str:
    """Return ``ValueError: no such city``; for a group with a single exception, describe that exception."""
    exc = innermost(exc)
    name = type(exc).__name__
    # Cut first, so that no pattern scans megabytes; keep a little more, so that no secret is cut in two.
    text = mask_secrets(_text(exc)[: MOST_CHARACTERS * 4])
    return clip(f"{name}: {text}" if text else name, MOST_CHARACTERS)


def innermost(exc: BaseException) -> BaseException:
    """Unwrap exception groups with a single exception, as task groups raise them."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def mask_secrets(text: str) -> str:
    """Return `text` with everything that looks like a credential replaced by asterisks."""
    text = mask_tokens(mask_urls(text), MASK)
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def _text(exc: BaseException) -> str:
    if isinstance(exc, BaseExceptionGroup):
        return f"{exc.message}: " + "; ".join(f"{type(one).__name__}: {_text(one)}" for one in exc.exceptions[:5])
    with suppress(Exception):  # `__str__` of an exception may be user code and may fail too.
        return str(exc)
    return ""
