"""Detector `urls`: addresses that lead elsewhere than to the hosts that are allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.detectors._rules import Rule, find_all
from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.findings import Finding
from lightagent.ports.detectors import Detector

_MOST_AUTHORITY: Final = 300
_HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,62})(?:\.[a-z0-9-]{1,63}){0,8}")

# Browsers take any number of slashes, either way round, after the name of a scheme, and none before an address that
# begins with two.
_URL: Final = re.compile(
    r"(?i)(?:(?<![a-z0-9])(?:https?|wss?|ftps?):[/\\]{0,8}|(?<![:/\\a-z0-9])[/\\]{2}|(?<![a-z0-9.@/-])(?=www\.))"
    rf"[^\s/\\?#<>\"'`()\[\]{{}}]{{1,{_MOST_AUTHORITY}}}[^\s<>\"'`)\]}}]{{0,2000}}"
    r"|(?<![a-z0-9])(?:javascript|vbscript):[^\s\"'<>)]{1,2000}|(?<![a-z0-9])data:[a-z]{1,40}/[^\s\"'<>)]{1,2000}"
)
_AUTHORITY: Final = re.compile(r"(?i)(?:(?:https?|wss?|ftps?):)?[/\\]{0,8}([^/\\?#]*)")


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
        return _MOST_AUTHORITY + 20

    def find(self, text: str) -> Sequence[Finding]:
        return list(find_all(self._rules, text))

    def _confirm(self, url: str) -> int:
        return 0 if self._allows(url) else len(url)

    def _allows(self, url: str) -> bool:
        found = _AUTHORITY.match(url)
        authority = found[1] if found else ""
        # A user before the host, or an escape in it, makes one host look like another.
        if "@" in authority or "%" in authority or url.lower().startswith(("javascript:", "vbscript:", "data:")):
            return False
        host, _, port = authority.lower().partition(":")
        host = host.rstrip(".,;!*_")  # A sentence may end behind it.
        if port and not port.rstrip(".,;!*_").isdigit():
            return False
        return host in self._hosts or host.endswith(self._below)


class Options(BaseModel):
    """What the detector takes."""

    model_config = ConfigDict(extra="forbid")

    hosts: tuple[str, ...] = Field(description="hosts that are allowed; *.example.com for those below it")


ADAPTER = Adapter(Options, lambda options: UrlDetector(options.hosts))
