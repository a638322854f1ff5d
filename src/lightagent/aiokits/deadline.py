"""A deadline for code that hands items to a consumer: the time that the consumer takes does not count."""

from __future__ import annotations

import asyncio
import math
from types import TracebackType

from lightagent.aiokits.timers import SharedTimer, shared_timer


class Deadline:
    """Interrupts the block that it guards after so many seconds, and raises `TimeoutError` from it.

    It cancels the task that is in the block and takes that back, as `asyncio.timeout` does. Beyond that it can be
    paused, and the block may be driven by one task after another, as a generator's may.

    Args:
        seconds: the time limit, counted from entering the block; `inf` for none.
        outer: a deadline around this one, paused and resumed along with it.
    """

    __slots__ = (
        "_cancelled",
        "_cancelling",
        "_loop",
        "_paused_at",
        "_task",
        "_timer",
        "expired",
        "moment",
        "outer",
        "seconds",
    )

    def __init__(self, seconds: float, outer: Deadline | None = None) -> None:
        self.seconds: float = seconds
        # An infinite deadline need not be paused; the outer one takes its place.
        self.outer: Deadline | None = outer.outer if outer is not None and outer.seconds == math.inf else outer
        self.expired: bool = False
        self.moment: float = math.inf
        self._cancelled = False
        self._cancelling = 0
        self._paused_at: float | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: SharedTimer | asyncio.TimerHandle | None = None

    def remaining(self) -> float:
        """Seconds left, of the outer deadline if that is nearer; negative after the deadline."""
        left = self.moment - self._loop.time()
        return left if self.outer is None else min(left, self.outer.remaining())

    def spent(self) -> float:
        """Seconds since the block was entered, without pauses; only for a finite deadline, ignoring the outer one."""
        return self.seconds - (self.moment - self._loop.time())

    def check(self) -> None:
        """Raise `TimeoutError` once the time is over; for a block that never awaits, which no timer can interrupt."""
        if self.moment != math.inf and self._loop.time() >= self.moment:
            self.expired = True
            raise TimeoutError
        if self.outer is not None:
            self.outer.check()

    def pause(self) -> None:
        """Stop the clock."""
        if self.moment != math.inf:
            self._paused_at = self._loop.time()
            self._task = None
        if self.outer is not None:
            self.outer.pause()

    def resume(self) -> None:
        """Restart the clock, and make the current task the one that is interrupted."""
        if self._paused_at is not None:
            self.moment += self._loop.time() - self._paused_at
            self._paused_at = None
            self._enter_task()
            if self._timer is None:
                self._timer = self._loop.call_at(self.moment, self.ring)
        if self.outer is not None:
            self.outer.resume()

    def cut(self) -> None:
        """Let the deadline expire now, or on `resume` while it is paused. Call this in the loop of the block."""
        now = self._loop.time() if self._paused_at is None else self._paused_at
        if self.moment == math.inf or (self._task is None and self._paused_at is None):
            return
        self.moment = min(self.moment, now)
        timer, self._timer = self._timer, None
        if isinstance(timer, SharedTimer):
            timer.discard(self)
        elif timer is not None:
            timer.cancel()
        if self._task is not None and asyncio.current_task(self._loop) is self._task:
            # A running task notices a cancellation only when it awaits, possibly after the block; `check` raises here.
            self._timer = self._loop.call_at(self.moment, self.ring)
        else:
            self.ring()

    def ring(self) -> None:
        """Called when the timer fires; if the block is or was paused, there is time left."""
        self._timer = None
        if self._paused_at is not None:
            return  # `resume` sets another timer.
        if self.moment > self._loop.time():
            self._timer = self._loop.call_at(self.moment, self.ring)
        elif self._task is not None:
            self.expired = True
            self._cancelled = self._task.cancel()

    def _enter_task(self) -> None:
        self._task = asyncio.current_task(self._loop)
        self._cancelling = 0 if self._task is None else self._task.cancelling()

    def __enter__(self) -> Deadline:
        self._loop = asyncio.get_running_loop()
        if self.seconds != math.inf:
            self.moment = self._loop.time() + self.seconds
            self._enter_task()
            self._timer = timer = shared_timer(self._loop, self.seconds)
            timer.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        timer, self._timer = self._timer, None
        if isinstance(timer, SharedTimer):
            timer.discard(self)
        elif timer is not None:
            timer.cancel()
        if not self._cancelled or task is None:
            return
        self._cancelled = False
        # Uncancel in every case, or the task would count as cancelled for ever.
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
