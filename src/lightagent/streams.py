"""A run that is watched: an iterator of what happens, which has the run's result once it has ended."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from lightagent.application.active_run.record import RunRecord
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.result import OutputT_co, RunResult
from lightagent.application.projections.steps import Step
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.events import Event, RunFinished

ItemT_co = TypeVar("ItemT_co", covariant=True)


class _Watched(Generic[OutputT_co]):
    def __init__(self, record: RunRecord, result: Callable[[RunRecord], RunResult[OutputT_co]]) -> None:
        self._record = record
        self._make_result = result

    @property
    def result(self) -> RunResult[OutputT_co]:
        """What came of the run: its content, usage, history, outcome and journal.

        Raises:
            ConfigurationError: the run goes on, or has not begun.
        """
        if not isinstance(self._record.events[-1], RunFinished):
            raise ConfigurationError(
                "The stream has not ended, so it has no result yet.",
                guidance="Read it to its end, or close it, which cancels the run.",
            )
        return self._make_result(self._record)


class AsyncRunStream(_Watched[OutputT_co], AsyncIterator[ItemT_co], Generic[ItemT_co, OutputT_co]):
    """What happens in a run, as it happens. Leaving it early with `aclose` cancels the run; so does ``async with``."""

    def __init__(
        self,
        items: AsyncGenerator[ItemT_co, None],
        record: RunRecord,
        result: Callable[[RunRecord], RunResult[OutputT_co]],
    ) -> None:
        super().__init__(record, result)
        self._items = items

    def __anext__(self) -> Coroutine[object, object, ItemT_co]:
        return self._items.__anext__()

    async def aclose(self) -> None:
        """End the stream; a run that goes on is cancelled, and its journal says so."""
        await self._items.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class RunStream(_Watched[OutputT_co], Iterator[ItemT_co], Generic[ItemT_co, OutputT_co]):
    """What happens in a run, as it happens. Leaving it early with `close` cancels the run; so does ``with``."""

    def __init__(
        self,
        items: Generator[ItemT_co, None, None],
        record: RunRecord,
        result: Callable[[RunRecord], RunResult[OutputT_co]],
    ) -> None:
        super().__init__(record, result)
        self._items = items

    def __next__(self) -> ItemT_co:
        return next(self._items)

    def close(self) -> None:
        """End the stream; a run that goes on is cancelled, and its journal says so."""
        self._items.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RunSteps(AsyncIterator[Step]):
    """Everything that happens in a run, for what shows it to others: events, and in a stream the deltas between them.

    Leaving it early with `aclose` cancels the run. Unlike the other streams it knows no type of the answer, so it is
    the same for every agent.
    """

    def __init__(
        self,
        steps: AsyncGenerator[Step, None],
        record: RunRecord,
        play: Callable[[], Coroutine[object, object, object]],
        known: int,
    ) -> None:
        self._steps = steps
        self._record = record
        self._play = play
        self._known = known

    @property
    def run_id(self) -> str:
        """The id of the run, known before it begins."""
        return self._record.started.run_id

    @property
    def journal(self) -> Journal:
        """The events so far."""
        return self._record.journal

    def __anext__(self) -> Coroutine[object, object, Step]:
        return self._steps.__anext__()

    async def to_end(self) -> Sequence[Event]:
        """What is on record of the rest of the run, its end last: for who wants no steps, which cost more one by one.

        In the place of taking steps, not after any was taken.
        """
        await self._play()
        return self._record.events[self._known :]

    def leave(self) -> None:
        """Have no end put on record by who cancels the run from now on, so that it can be resumed, here or elsewhere.

        It is for runs that are kept in a store. A tool that is cut off then is taken for one that a crash interrupted.
        """
        self._record.is_left = True

    async def aclose(self) -> None:
        """End it; a run that goes on is cancelled, and its journal says so."""
        await self._steps.aclose()
