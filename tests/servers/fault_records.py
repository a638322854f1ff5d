"""What the fault server remembers of its clients: every connection and every request."""

import json
import time
from dataclasses import dataclass, field

from tests.servers.json_values import JsonObject, as_object, parse


@dataclass
class RecordedConnection:
    """A TCP connection; `closed_at` is None while it is open.

    Attributes:
        resting: the server sends nothing for seconds, or for ever.
        turns: how many pieces may be sent where every piece waits for its turn; the test counts it up.
    """

    number: int
    opened_at: float = field(default_factory=time.monotonic)
    closed_at: float | None = None
    runs: set[str] = field(default_factory=set)
    requests: int = 0
    sent: int = 0
    resting: bool = False
    turns: int = 0

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


@dataclass
class RecordedRequest:
    """A request as it came over the wire; `answered` once its whole answer was written."""

    run: str
    attempt: int
    connection: int
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: float = field(default_factory=time.monotonic)
    answered: bool = False

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> JsonObject:
        return as_object(parse(self.body)) if self.body else {}

    def __str__(self) -> str:
        outcome = "answered" if self.answered else "not answered to its end"
        asked = json.dumps(self.json())[:200] if self.body[:1] == b"{" else repr(self.body[:80])
        return f"{self.method} {self.path} (connection {self.connection}, attempt {self.attempt}, {outcome}) {asked}"
