"""The behaviours by name: a content, and defaults for the options of the content, the stream and the delivery.

Any option may be given with any behaviour. Contents: fault_behaviours; stream options: fault_wire.sse_reply;
delivery options: fault_delivery.deliver; and for all of them `times=N`: only the first N requests of the scenario are
treated so, later ones get behaviour `then` (default "ok").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.servers import fault_behaviours as content
from tests.servers.fault_options import Option

FOREVER = 3600


@dataclass(frozen=True)
class Behaviour:
    content: content.Content
    defaults: Mapping[str, Option] = field(default_factory=dict)


CATALOGUE: Mapping[str, Behaviour] = {
    # well-formed
    "ok": Behaviour(content.ok),
    "tools": Behaviour(content.tools),
    "packed-tools": Behaviour(content.tools, {"calls": 3, "layout": "packed", "burst": 1}),
    "length": Behaviour(content.ok, {"finish": "length"}),
    "content-filter": Behaviour(content.ok, {"finish": "content_filter"}),
    "comments": Behaviour(content.ok, {"comments": 1, "eol": "crlf"}),
    "no-space": Behaviour(content.ok, {"space": 0}),
    "split": Behaviour(content.ok, {"pieces": 3, "gap_ms": 0.1}),
    # questionable
    "duplicate-finish": Behaviour(content.ok, {"finishes": 2}),
    "no-done": Behaviour(content.ok, {"done": 0}),
    "no-finish": Behaviour(content.ok, {"finishes": 0, "finish": "null"}),
    "null-content": Behaviour(content.choices, {"how": "content-null"}),
    # broken answers
    "empty-choices": Behaviour(content.choices, {"how": "empty"}),
    "null-choices": Behaviour(content.choices, {"how": "null"}),
    "no-choices": Behaviour(content.choices, {"how": "missing"}),
    "null-message": Behaviour(content.choices, {"how": "message-null"}),
    "malformed": Behaviour(content.malformed),
    "html": Behaviour(content.raw, {"type": "text/html", "body": "<html><h1>Please log in</h1></html>"}),
    "empty-body": Behaviour(content.raw, {"body": ""}),
    "not-an-object": Behaviour(content.raw, {"body": "[1, 2]"}),
    "raw": Behaviour(content.raw),
    "big": Behaviour(content.big, {"mb": 50}),
    "error-in-stream": Behaviour(content.error_in_stream),
    "status": Behaviour(content.status, {"code": 500}),
    # broken deliveries
    "truncated": Behaviour(content.ok, {"cut": 3, "inside": 1, "end": "fin"}),
    "truncated-clean": Behaviour(content.ok, {"cut": 3, "end": "clean"}),
    "truncated-reset": Behaviour(content.ok, {"cut": 3, "end": "rst"}),
    "slow-first-byte": Behaviour(content.ok, {"delay": 60}),
    "slow-body": Behaviour(content.ok, {"body_delay": 60}),
    "hang": Behaviour(content.ok, {"delay": FOREVER}),
    "stall": Behaviour(content.ok, {"stall": 3}),
    "slowloris": Behaviour(content.ok, {"trickle_ms": 50}),
    "reset": Behaviour(content.ok, {"drop": "rst"}),
    "no-answer": Behaviour(content.ok, {"drop": "fin"}),
    "stale": Behaviour(content.ok, {"after": "fin"}),
    "stale-reused": Behaviour(content.ok, {"reuse": "fin"}),
}
