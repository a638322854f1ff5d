"""The decision whether, and after how long, a failed model request is made again."""

from __future__ import annotations

from typing import Final

from lightagent.domain.error_codes import LightAgentErrorInfo

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 30.0
JITTER: Final = 1.0
MOST_ADAPTIONS: Final = 16
"""How often one request is sent in another form. A profile has fewer fields that a refusal can change."""

MOST_UNREACHED: Final = 3
UNREACHED_SECONDS: Final = 5.0
"""Attempts, and seconds for all of them, at a server that cannot be reached at all, unless `max_retry=` is given."""
RETRY: Final = "retry"
"""The kind of the note that tells that a request is made again."""


def is_unreached(failure: LightAgentErrorInfo) -> bool:
    """Whether the server was never reached: the connection was refused, or the host name could not be resolved."""
    return "unreached" in (failure.details or {})


def retry_text(attempt: int, most: int, code: str, pause: float) -> str:
    """``attempt 2 of 3, LA-503, waiting 1 s``.

    Args:
        attempt: the number of the attempt that is to come.
        most: attempts that may be made.
        code: of the last failure.
        pause: seconds until the next attempt.
    """
    return f"attempt {attempt} of {most}, {code}, waiting {pause:.2g} s"


def is_adaption(failure: LightAgentErrorInfo) -> bool:
    """Whether the endpoint refused the form of a request, and its model has learnt another one.

    Sending the request again in that form does not count as a retry.
    """
    return failure.retryable and isinstance((failure.details or {}).get("learnt"), str)


def retry_pause(
    failure: LightAgentErrorInfo,
    failures: int,
    most: int,
    *,
    adaptions: int = 0,
    left: float,
    chance: float,
    asked: float | None = None,
) -> float | None:
    """Seconds to wait before the request is made again; None to give up.

    The pause doubles with each failure, plus jitter that spreads clients which failed together (see "Exponential
    Backoff And Jitter", AWS Architecture Blog, 2015). A pause that the provider asked for is kept as it is.

    Args:
        failure: of the last attempt.
        failures: how many attempts have failed, adaptions left out.
        adaptions: how many attempts were refused for their form, as far as is known.
        most: attempts that may be made.
        left: seconds until the request must be over; a longer pause would only hide the failure behind a timeout.
        chance: a number from 0 to 1, drawn for this pause.
        asked: seconds that the provider asked for (Retry-After).
    """
    if is_adaption(failure):
        return 0.0 if adaptions <= MOST_ADAPTIONS else None
    if not failure.retryable or failures >= most:
        return None
    if asked is not None:
        pause = max(asked, 0.0)
    else:
        # The exponent is bounded, since 2.0 ** 1100 overflows.
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 20) + JITTER * chance)
    return pause if pause <= left else None
