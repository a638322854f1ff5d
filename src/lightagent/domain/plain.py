"""The test whether a value is what JSON can carry."""

from __future__ import annotations

import json

from lightagent.domain.errors import ConfigurationError


def refuse_unless_json(value: object, at: str) -> None:
    """Nothing, where the value is plain JSON.

    Raises:
        ConfigurationError: it holds another type, a number that is not finite, or itself; `at` names its place.
    """
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigurationError(f"{at}: this is no plain JSON ({exc}).", guidance="") from None
