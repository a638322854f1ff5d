"""Threads that own something: those that wait for a job are told how it ended, in every case."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import pytest

from lightagent.aiokits.job_thread import JobThread

WATCHDOG = 10.0


class Panic(BaseException):
    """What an extension in Rust raises where it has panicked: no `Exception`."""


def panics(owned: object) -> object:
    raise Panic("at the disk")


async def test_a_job_that_raises_no_exception_fails_alone() -> None:
    thread = JobThread("test", lambda: 1, lambda owned: None, lambda owned: nullcontext())
    with pytest.raises(Panic):
        await asyncio.wait_for(thread.run(panics), WATCHDOG)
    assert await asyncio.wait_for(thread.run(lambda owned: owned + 1), WATCHDOG) == 2
    await asyncio.wait_for(thread.aclose(), WATCHDOG)


async def test_a_thread_that_cannot_open_or_close_what_it_owns_leaves_no_caller_waiting() -> None:
    works = False

    def open_() -> int:
        if not works:
            raise Panic("at the start")
        return 1

    thread = JobThread("test", open_, panics, lambda owned: nullcontext())
    with pytest.raises(Panic):
        await asyncio.wait_for(thread.run(lambda owned: owned), WATCHDOG)
    works = True
    assert await asyncio.wait_for(thread.run(lambda owned: owned), WATCHDOG) == 1
    await asyncio.wait_for(thread.aclose(), WATCHDOG)
    assert await asyncio.wait_for(thread.run(lambda owned: owned), WATCHDOG) == 1
    await asyncio.wait_for(thread.aclose(), WATCHDOG)
