"""Masks credentials in the logs of HTTP clients, which write what they send at DEBUG, and URLs at INFO."""

from __future__ import annotations

import logging
import traceback
from weakref import WeakSet

from lightagent.adapters._endpoints.credentials import Credentials

_CLIENTS = frozenset({"openai", "httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "LiteLLM", "litellm", "hpack"})

# Listed by name, since their modules create them only with the first connection.
_LATE = (
    *("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"),
    *("httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy"),
)

_live: WeakSet[Credentials] = WeakSet()
_FILTER_NAME = "lightagent credentials"


class _CredentialFilter(logging.Filter):
    """Masks the credentials of every open model in a log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        masks = [credentials.mask for credentials in _live.copy()]
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # The arguments do not fit the message; logging reports that itself.
            return True
        safe = text
        for mask in masks:
            safe = mask.text(safe)
        if safe != text:
            record.msg, record.args = safe, None
        if record.exc_info and record.exc_info[1] is not None:
            text = safe = "".join(traceback.format_exception(record.exc_info[1]))
            for mask in masks:
                safe = mask.text(safe)
            if safe != text:
                record.exc_info, record.exc_text = None, safe
        return True


_filter = _CredentialFilter(_FILTER_NAME)


def mask_logs(credentials: Credentials) -> None:
    """Mask these credentials in the records of the HTTP clients' loggers, as long as the object exists.

    A filter counts for the one logger it is added to, so it is added to each that the clients have.
    """
    _live.add(credentials)
    for name in (*_CLIENTS, *_LATE, *logging.root.manager.loggerDict):
        if name.partition(".")[0] in _CLIENTS:
            logging.getLogger(name).addFilter(_filter)  # Adding it twice has no effect.
