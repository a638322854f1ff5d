"""Reads an OpenAPI document: from a file or from an address, as JSON or as YAML, within limits."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.network.http_calls import HttpCall, HttpFault
from lightagent.domain.openapi import OpenApiDocument, read_document
from lightagent.ports.http import HttpSender

MOST_DOCUMENT_BYTES: Final = 32_000_000
"""Bytes of a document. GitHub's has 13 million."""

_ACCEPT: Final = ("Accept", "application/json, application/yaml;q=0.9, */*;q=0.5")
_DOCUMENT_SECONDS: Final = 60.0

ReadYaml: TypeAlias = Callable[[bytes], JsonValue]
"""Reads YAML into what JSON can hold; raises `ValueError`."""


def is_address(document: str) -> bool:
    """Whether it is where a document is, and no path."""
    return document.lower().startswith(("http://", "https://"))


async def load_document(
    document: str | JsonObject, sender: HttpSender, read_yaml: ReadYaml, private_hosts: tuple[str, ...] = ()
) -> tuple[OpenApiDocument, str]:
    """The document, and the address that it comes from; empty for one that comes from none.

    Raises:
        ConfigurationError: it cannot be read, or is none of a version that is known.
    """
    if not isinstance(document, str):
        return read_document(document), ""
    if not is_address(document):
        path = Path(document)
        return await run_in_thread(lambda: read_document(_parsed(_file(path), document, read_yaml), path.name)), ""
    call = HttpCall(
        "GET",
        document,
        (_ACCEPT,),
        timeout=_DOCUMENT_SECONDS,
        max_bytes=MOST_DOCUMENT_BYTES,
        private_hosts=private_hosts,
    )
    try:
        answer = await sender.send(call)
    except HttpFault as exc:
        raise _unreadable(document, exc.message, exc.guidance) from exc
    if answer.status != 200:
        raise _unreadable(document, f"the server answered {answer.status}")
    name = answer.url.partition("?")[0].rpartition("/")[2]
    read = await run_in_thread(lambda: read_document(_parsed(answer.content, document, read_yaml), name))
    return read, answer.url


def _file(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unreadable(str(path), "it is not a regular file")
            content = file.read(MOST_DOCUMENT_BYTES + 1)
    except OSError as exc:
        raise _unreadable(str(path), exc.strerror or type(exc).__name__) from exc
    if len(content) > MOST_DOCUMENT_BYTES:
        raise _unreadable(str(path), f"it is larger than {MOST_DOCUMENT_BYTES:,} bytes")
    return content


def _without_waiting(path: str, flags: int) -> int:
    """Open a file, and do not wait for the writer of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _parsed(content: bytes, name: str, read_yaml: ReadYaml) -> JsonValue:
    """The document as JSON. What begins like JSON is JSON: YAML would take a hundred times as long."""
    text = content.removeprefix(b"\xef\xbb\xbf")
    try:
        if text.lstrip()[:1] == b"{":
            read: JsonValue = json.loads(text, parse_constant=_no_number)
            return read
        return read_yaml(text)
    except RecursionError:
        raise _unreadable(name, "it is nested too deep") from None
    except ValueError as exc:
        raise _unreadable(name, str(exc)[:500]) from exc


def _no_number(written: str) -> float:
    raise ValueError(f"{written} is not a JSON number")


def _unreadable(name: str, why: str, guidance: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"OpenAPI: the document {name[:300]} cannot be read: {why.rstrip('.')}.",
        guidance=guidance or "Check the path or the address, and that it is JSON or YAML.",
    )
