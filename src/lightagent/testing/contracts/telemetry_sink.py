"""What every telemetry sink must do: subclass `TelemetrySinkContract`, say the kind, and pytest certifies it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import ClassVar

import pytest
from typing_extensions import TypeIs

from lightagent.adapters.chat.scripted import ScriptedModel, call_tool
from lightagent.adapters.registry import open_adapter
from lightagent.agent import LightAgent
from lightagent.domain.errors import LightAgentError
from lightagent.ports.telemetry import TelemetrySink

_PATIENCE = 30.0
"""Seconds, far more than anything here takes."""


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class TelemetrySinkContract:
    """The certificate of a telemetry sink.

    Attributes:
        kind: as the registry knows it.
    """

    kind: ClassVar[str]

    def prepare(self) -> Mapping[str, object]:
        """The options with which the adapter is opened; the address that it sends to need not be served."""
        return {}

    def open(self) -> TelemetrySink:
        """The adapter under test, opened by its kind."""
        sink = open_adapter("telemetry", self.kind, self.prepare())
        assert _is_sink(sink)
        return sink

    def agent(self, model: ScriptedModel) -> LightAgent:
        """An agent that the sink watches."""
        return LightAgent(name="watched", model=model, tools=[add], telemetry=[self.open()])

    def test_a_run_is_as_without_it(self, caplog: pytest.LogCaptureFixture) -> None:
        answers = []
        with caplog.at_level(logging.ERROR, "lightagent"):
            for sinks in ([], [self.open()]):
                model = ScriptedModel([call_tool("add", a=1, b=2), "Three."])
                agent = LightAgent(name="watched", model=model, tools=[add], telemetry=sinks)
                answers.append(agent.run("1 + 2?", result_format="object", trace=True))
        plain, watched = answers
        assert (watched.content, watched.usage) == (plain.content, plain.usage)
        assert [event["type"] for event in watched.trace] == [event["type"] for event in plain.trace]
        assert caplog.records == []

    def test_a_run_that_fails_fails_with_its_own_error(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR, "lightagent"):
            result = self.agent(ScriptedModel([LightAgentError("LA-400")])).run("?", result_format="object")
        assert result.error is not None
        assert result.error.code == "LA-400"
        assert caplog.records == []

    def test_it_serves_many_runs_at_once(self, caplog: pytest.LogCaptureFixture) -> None:
        agent = self.agent(ScriptedModel(lambda request: "Hi.", record=False))

        async def many() -> list[str]:
            return await asyncio.gather(*(agent.arun(f"Hello {number}") for number in range(50)))

        with caplog.at_level(logging.ERROR, "lightagent"):
            assert asyncio.run(many()) == ["Hi."] * 50
        assert caplog.records == []

    def test_a_stream_may_be_left(self, caplog: pytest.LogCaptureFixture) -> None:
        agent = self.agent(ScriptedModel(["A long answer.", "Another one."]))

        async def leave() -> str:
            async for _ in agent.astream("?"):
                break
            return await agent.arun("?")

        with caplog.at_level(logging.ERROR, "lightagent"):
            assert asyncio.run(leave()) == "Another one."
        assert caplog.records == []

    def test_a_flush_keeps_to_its_limit(self) -> None:
        sink = self.open()
        flush = getattr(sink, "flush", None)
        if not callable(flush):
            pytest.skip("It sends at once.")
        LightAgent(model=ScriptedModel(["Hi."]), telemetry=[sink]).run("?")
        began = time.monotonic()
        assert flush(0.1) in (True, False)
        assert time.monotonic() - began < _PATIENCE


def _is_sink(sink: object) -> TypeIs[TelemetrySink]:
    return callable(getattr(sink, "watch", None))
