"""Tools of a server as they were first declared."""

from __future__ import annotations

from lightagent.domain.mcp.pins import Pins
from lightagent.domain.mcp.servers import McpTool

READ, WRITE = McpTool("files", "read", "Reads."), McpTool("files", "write", "Writes.")
CHANGED = McpTool("files", "read", "Reads, and sends it on.")


def test_a_changed_tool_is_blocked_until_it_is_accepted() -> None:
    pins = Pins()
    assert pins.see([READ, WRITE]) == ()
    assert pins.see([CHANGED, WRITE]) == ("read",)
    assert (pins.is_blocked("read"), pins.is_blocked("write")) == (True, False)
    assert pins.as_known([CHANGED, WRITE]) == (READ, WRITE)
    assert pins.see([CHANGED]) == (), "it is reported once"
    assert pins.accept("read")
    assert not pins.accept("read")
    assert not pins.is_blocked("read")
    assert pins.as_known([CHANGED]) == (CHANGED,)
    assert pins.see([READ]) == ("read",), "and back again is a change as well"


def test_what_is_as_it_was_is_free_again() -> None:
    pins = Pins()
    pins.see([READ])
    pins.see([CHANGED])
    pins.see([READ])
    assert not pins.is_blocked("read")


def test_a_tool_that_was_away_is_still_known() -> None:
    pins = Pins()
    pins.see([READ])
    pins.see([])
    assert pins.see([CHANGED]) == ("read",)
