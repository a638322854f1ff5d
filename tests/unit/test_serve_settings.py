"""Names in the settings of a server that nothing would ever match are refused, and not left to be wondered about."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lightagent.settings.sections.serve import ServeSettings


@pytest.mark.parametrize(
    "origin",
    [
        "https://chat.example.org",
        "http://localhost:3000",
        "http://[::1]:3000",
        "chrome-extension://abcdef",
        "tauri://localhost",
    ],
)
def test_origins_are_as_browsers_send_them(origin: str) -> None:
    assert ServeSettings(origins=[origin]).origins == [origin]


@pytest.mark.parametrize(
    "wrong",
    ["*", "", "null", "https://chat.example.org/", "chat.example.org", "https://*.example.org", "HTTPS://A.example"],
)
def test_what_no_browser_sends_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="is not an origin: write each as browsers send it"):
        ServeSettings(origins=["https://fine.example", wrong])


@pytest.mark.parametrize("host", ["example.org", "LOCALHOST", "10.0.0.1", "::1", "my_host", "2001:db8::1"])
def test_hosts_are_names(host: str) -> None:
    assert ServeSettings(hosts=[host]).hosts == [host]


@pytest.mark.parametrize("wrong", ["", "*", "example.org:8000", "https://example.org", "example.org/x", "[::1]", "a b"])
def test_what_no_host_is_called_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="is not the name of a host"):
        ServeSettings(hosts=[wrong])
