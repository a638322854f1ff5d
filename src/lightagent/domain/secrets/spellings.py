"""How an endpoint, a URL, a log or a page may spell a secret that it repeats."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator

from lightagent.domain.network.percent_encoding import percent_encode


def usual_spellings(secret: str) -> Iterator[str]:
    """A secret as it is, in URLs, in JSON, in Python's and HTML's text, and in base64."""
    yield secret
    raw = secret.encode("utf-8", "replace")
    yield from (percent_encode(raw), percent_encode(raw, b"/"), percent_encode(raw, b" ").replace(" ", "+"))
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
        yield re.sub("[<>&]", lambda found: f"\\u{ord(found[0]):04x}", escaped)
        yield json.dumps(escaped)[1:-1]
    yield repr(secret)[1:-1]
    yield repr(raw)[2:-1]
    yield html.escape(secret)
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        yield encoded.decode()
        yield encoded.decode().rstrip("=")


def escaped_spellings(secret: str) -> Iterator[str]:
    """JSON's spellings in a text that was escaped once or twice more, such as the `repr` of a body that is no JSON."""
    for spelling in dict.fromkeys(usual_spellings(secret)):
        if "\\" in spelling:
            yield spelling.replace("\\", "\\\\")
            yield spelling.replace("\\", "\\\\\\\\")


def rare_spellings(secret: str) -> Iterator[str]:
    """In other letters, in URLs that were quoted twice or wholly, in HTML's and JSON's numbers, in hex, and in base64
    with something before it (``user:key``).
    """
    raw = secret.encode("utf-8", "replace")
    yield from (secret.upper(), secret.lower(), raw.hex(), raw.hex().upper())
    quoted = percent_encode(raw)
    for one in (quoted, re.sub("%..", lambda found: found[0].lower(), quoted)):
        yield one
        yield one.replace("%", "%25")
    whole = "".join(f"%{byte:02X}" for byte in raw)
    yield from (whole, whole.lower())
    for form in ("&#{:d};", "&#x{:x};", "&#x{:X};", "\\u{:04x}", "\\u{:04X}"):
        for signs in ("[^A-Za-z0-9._-]", "[^A-Za-z0-9]", "(?s:.)"):
            yield re.sub(signs, _numbered(form), secret)
    for before, skipped in ((1, 2), (2, 3)):
        sextets = (before + len(raw)) * 8 // 6
        padded = bytes(before) + raw
        yield base64.b64encode(padded).decode()[skipped:sextets]
        yield base64.urlsafe_b64encode(padded).decode()[skipped:sextets]
    sextets = len(raw) * 8 // 6
    yield from (base64.b64encode(raw).decode()[:sextets], base64.urlsafe_b64encode(raw).decode()[:sextets])


def _numbered(form: str) -> Callable[[re.Match[str]], str]:
    return lambda found: form.format(ord(found[0]))
