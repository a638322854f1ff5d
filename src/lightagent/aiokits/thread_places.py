"""Counts worker threads, and decides whether another one may be started.

Kept apart from the threads themselves, so that the rule can be read and tested without them. Not thread-safe:
`WorkerThreads` holds its lock.
"""

from __future__ import annotations


class Call:
    """The state of a call that decides how its thread is counted.

    Args:
        parent: the call that this one was made in, if any: a call in the same threads, whose function made it directly
            or through an event loop.
    """

    __slots__ = ("abandoned", "children", "parent", "waits")

    def __init__(self, parent: Call | None = None) -> None:
        self.parent: Call | None = parent
        self.children: set[Call] = set()
        self.waits: int = 0
        self.abandoned: bool = False

    @property
    def stands_aside(self) -> bool:
        """Whether its thread is not counted as at work."""
        return self.abandoned or self.waits > 0


class Places:
    """The threads, counted by what their calls are doing.

    A thread is *at work* unless its call waits for other work or was abandoned; one that rests counts as at work.
    There are at most `most` threads at work, and at most twice as many together with the abandoned ones. So the first
    `most` abandoned calls take no place away from others, every further one takes one, and twice as many take all.
    A call that waits for other work counts in neither sum: that work must find a place, however deeply calls nest.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: set[Call] = set()
        self._aside = 0
        self.threads = 0
        self.abandoned: int = 0

    @property
    def has_room(self) -> bool:
        """Whether one more thread may be started."""
        at_work = self.threads - self._aside
        return at_work < self._most and at_work + self.abandoned < 2 * self._most

    @property
    def is_crowded(self) -> bool:
        """Whether there are more threads than allowed, because calls that waited have resumed meanwhile."""
        at_work = self.threads - self._aside
        return at_work > self._most or at_work + self.abandoned > 2 * self._most

    @property
    def is_stuck(self) -> bool:
        """Whether abandoned calls hold every place, so that no thread is expected to become free."""
        return self.threads == self._aside and not self.has_room

    def begin(self, call: Call) -> None:
        """Record that a thread starts the call. If its parent was abandoned, the call is abandoned too."""
        self._running.add(call)
        if call.parent is None or call.parent not in self._running:
            call.parent = None
            return
        call.parent.children.add(call)
        if call.parent.abandoned:
            self._mark(call, abandoned=True)

    def end(self, call: Call) -> bool:
        """Record that the call has ended, and its thread is at work again. False for an unknown call, after a fork."""
        if call not in self._running:
            return False
        if call.stands_aside:
            self._mark(call, waits=-call.waits, abandoned=False)
        self._running.discard(call)
        if call.parent is not None:
            call.parent.children.discard(call)
            call.parent = None  # else a chain of calls that each begin the next would be kept for ever
        return True

    def wait(self, call: Call, change: int) -> None:
        """Record that the call starts (1) or stops (-1) waiting for other work; it may wait several times at once."""
        if call in self._running:
            self._mark(call, waits=change)

    def abandon(self, call: Call) -> None:
        """Mark a call whose result is not awaited any more, along with all calls that were made in it."""
        calls = [call] if call in self._running else []
        while calls:
            one = calls.pop()
            self._mark(one, abandoned=True)
            calls += one.children

    def _mark(self, call: Call, *, waits: int = 0, abandoned: bool | None = None) -> None:
        before, call.waits = call.stands_aside, call.waits + waits
        if abandoned is not None and abandoned is not call.abandoned:
            call.abandoned = abandoned
            self.abandoned += 1 if abandoned else -1
        self._aside += call.stands_aside - before
