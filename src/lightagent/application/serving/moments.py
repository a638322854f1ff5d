"""Times as clients read them: ISO 8601 in the form of RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def moment(since: float, seconds: float | None) -> str | None:
    """Return the time this many seconds after another; None if `seconds` is None or the time cannot be represented.

    Args:
        since: seconds since 1970.
    """
    if seconds is None or since + seconds > _LAST:
        return None
    return datetime.fromtimestamp(since + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
