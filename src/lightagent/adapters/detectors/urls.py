"""Detector `urls`: addresses that lead elsewhere than to the hosts that are allowed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.detectors._rules import Rule, find_all
from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.policy.findings import Finding
from lightagent.ports.detectors import Detector

_MOST_AUTHORITY: Final = 160
"""Characters of a host with its port; a longer one is never allowed, so that streams need not wait for its end."""
_HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9-]{1,63}){0,8}")

_NAME: Final = rf"[^\s/\\?#<>\"'`()\[\]{{}}]{{1,{_MOST_AUTHORITY}}}"
_WRAPPED: Final = rf"\[[0-9a-f:.%]{{2,60}}\]|[({{\"'`]{_NAME}"
"""Addresses of IPv6, and names that begin with a sign: browsers look them up as they are."""
_MORE: Final = r"[\"'`{}]{1,4}[a-z0-9.-]{0,100}\.[a-z][a-z0-9-]{1,24}(?=[\s/\\?#:.,;!)<>\"'`]|\Z)"
"""What goes on behind such a sign and ends as a host does: then the sign did not end the address."""

# Browsers take any number of slashes, either way round, after the name of a scheme, and none before an address that
# begins with two.
_URL: Final = re.compile(
    r"(?i)(?:(?<![a-z0-9])(?:https?|wss?|ftps?):[/\\]{0,8}|(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}:[/\\]{2}"
    r"|(?<![:/\\a-z0-9])[/\\]{2,8}|(?<=:)[/\\]{2}"
    r"|(?<![a-z0-9.@/-])(?=www\.))"
    rf"(?:{_NAME}|{_WRAPPED})(?:{_MORE})?[^\s<>\"'`)\]}}]{{0,2000}}"
    r"|(?<![a-z0-9])(?:javascript|vbscript):[^\s\"'<>)]{1,2000}|(?<![a-z0-9])data:[a-z]{1,40}/[^\s\"'<>)]{1,2000}"
)
_AUTHORITY: Final = re.compile(
    r"(?i)(?:(?:https?|wss?|ftps?):|[a-z][a-z0-9+.-]{1,20}:(?=[/\\]{2}))?[/\\]{0,8}([^/\\?#]*)([^/?#]*)"
)
_NO_HOST: Final = ("javascript:", "vbscript:", "data:")
_SPECIAL: Final = frozenset("/\\?#@:%")
"""What separates the parts of an address. Some characters become one of these when a host is looked up."""


class UrlDetector(Detector):
    """Finds addresses of other hosts.

    Args:
        hosts: that are allowed; ``*.example.com`` allows the hosts below ``example.com``, and not that one itself.

    Raises:
        ConfigurationError: one is not the name of a host.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        listed = [host.lower().rstrip(".") for host in ((hosts,) if isinstance(hosts, str) else hosts)]
        for host in listed:
            if not _HOST.fullmatch(host):
                raise ConfigurationError(
                    f"hosts: {host!r:.80} is not the name of a host.", guidance="Pass names such as 'docs.example.com'."
                )
        self._hosts = frozenset(host for host in listed if not host.startswith("*."))
        self._below = tuple(host[1:] for host in listed if host.startswith("*."))
        self._rules = (Rule("url", _URL, self._confirm),)

    @property
    def name(self) -> str:
        return "urls"

    @property
    def window(self) -> int:
        return 320  # The name of a scheme, slashes, a host with its port, and what may go on behind a sign.

    def find(self, text: str) -> Sequence[Finding]:
        return list(find_all(self._rules, text))

    def _confirm(self, url: str) -> int:
        return 0 if self._allows(url) else len(url)

    def _allows(self, url: str) -> bool:
        found = _AUTHORITY.match(url)
        authority, behind = (found[1], found[2]) if found else ("", "")
        # A user before the host, or an escape in it, makes one host look like another. Some programs take a backslash
        # for a part of the user.
        if "@" in authority + behind or "%" in authority or url.lower().startswith(_NO_HOST):
            return False
        host, _, port = authority.lower().partition(":")
        host = host.rstrip(".,;!*_")  # A sentence may end behind it.
        if len(authority) > _MOST_AUTHORITY or (port and not port.rstrip(".,;!*_").isdigit()):
            return False
        if not host.isascii() and not _SPECIAL.isdisjoint(unicodedata.normalize("NFKC", host)):
            return False
        return host in self._hosts or host.endswith(self._below)


class Options(BaseModel):
    """What the detector takes."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    hosts: tuple[str, ...] = Field(description="hosts that are allowed; *.example.com for those below it")


ADAPTER = Adapter(Options, lambda options: UrlDetector(options.hosts))
