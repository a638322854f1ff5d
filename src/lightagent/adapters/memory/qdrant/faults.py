"""What goes wrong with a Qdrant server, as typed errors."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError
from lightagent.domain.secrets.masking import Mask

_MOST: Final = 500


@contextmanager
def translate_errors(place: str, mask: Mask) -> Generator[None, None, None]:
    """Within it, what the client raises is raised as errors that say what to do.

    Args:
        place: the server, as error texts name it.
        mask: hides the key.
    """
    try:
        yield
    except UnexpectedResponse as exc:
        raise _refused(exc, place, mask) from exc
    except ResponseHandlingException as exc:
        said = mask.text(" ".join(str(exc.source).split()))[:_MOST] or type(exc.source).__name__
        raise StoreError(
            f"{place} cannot be reached: {said}",
            guidance="Check the URL, that the server runs, and that a firewall lets it be reached.",
            retryable=True,
        ) from exc
    except QdrantException as exc:  # It answered 429, and said when to try again.
        said = mask.text(" ".join(str(exc).split()))[:_MOST]
        raise StoreError(f"{place} has too much to do: {said}", guidance="Try again later.", retryable=True) from exc
    except ApiException as exc:
        said = mask.text(" ".join(str(exc).split()))[:_MOST] or type(exc).__name__
        raise StoreError(
            f"{place}: {said}", guidance="Check that the server and the client fit in their versions.", retryable=True
        ) from exc
    except json.JSONDecodeError as exc:
        raise StoreError(
            f"{place} answered with something else than JSON.",
            guidance="Check that the URL is that of Qdrant's REST API, and that no proxy answers in its place.",
            retryable=True,
        ) from exc


def _refused(exc: UnexpectedResponse, place: str, mask: Mask) -> LightAgentError:
    said = mask.text(" ".join(exc.content.decode("utf-8", "replace").split()))[:_MOST]
    told = f"{place} answered {exc.status_code}: {said}"
    if exc.status_code in (401, 403):
        return ConfigurationError(told, guidance="Check api_key, and what it permits.")
    if exc.status_code == 404:
        return StoreError(
            told, guidance="The collection was removed. Close the memory: its next use creates the collection again."
        )
    may_pass = exc.status_code in (408, 429) or (exc.status_code or 0) >= 500
    return StoreError(told, guidance="Try again in a moment." if may_pass else "", retryable=may_pass)
