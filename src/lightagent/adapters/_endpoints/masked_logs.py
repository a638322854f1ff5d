"""Keeps credentials out of the logs of HTTP clients, which at DEBUG, and for URLs at INFO, write what they send."""

from __future__ import annotations

import logging
import traceback
from weakref import WeakSet

from lightagent.adapters._endpoints.credentials import Credentials

_CLIENTS = frozenset({"openai", "httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "LiteLLM", "litellm", "hpack"})

# Made by their modules when a first connection is, which is too late.
_LATE = (
    *("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"),
    *("httpcore2.connection", "httpcore2.http11", "httpcore2.http2", "httpcore2.proxy"),
)

_live: WeakSet[Credentials] = WeakSet()
_FILTER_NAME = "lightagent credentials"


class _CredentialFilter(logging.Filter):
    """Takes what is known of any open model out of a record; a record without it stays as it is."""

    def filter(self, record: logging.LogRecord) -> bool:
        masks = [credentials.mask for credentials in _live.copy()]
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # The logger's own mistake, which logging tells by itself.
            return True
        safe = text
        for mask in masks:
            safe = mask.text(safe)
        if safe != text:
            record.msg, record.args = safe, None
        if record.exc_info and record.exc_info[1] is not None:
            told = safe = "".join(traceback.format_exception(record.exc_info[1]))
            for mask in masks:
                safe = mask.text(safe)
            if safe != told:
                record.exc_info, record.exc_text = None, safe
        return True


_filter = _CredentialFilter(_FILTER_NAME)


def mask_logs(credentials: Credentials) -> None:
    """From now on, as long as they live, these credentials appear in no record of an HTTP client's loggers.

    A filter counts for the one logger it is added to, so it is added to each that the clients have.
    """
    _live.add(credentials)
    for name in (*_CLIENTS, *_LATE, *logging.root.manager.loggerDict):
        if name.partition(".")[0] in _CLIENTS:
            logging.getLogger(name).addFilter(_filter)  # Adding it again does nothing.
