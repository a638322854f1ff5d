"""Moments as clients read them: ISO 8601, which is also the form of RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def moment(since: float, seconds: float | None) -> str | None:
    """The moment so many seconds after another one; None where there is none, or none that can be written.

    Args:
        since: in seconds since 1970.
    """
    if seconds is None or since + seconds > _LAST:
        return None
    return datetime.fromtimestamp(since + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
