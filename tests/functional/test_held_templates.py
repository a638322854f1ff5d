"""Many texts, a byte at a time: a stream shows what a plain run gives, and what was taken out is nowhere."""

from __future__ import annotations

import json
import logging
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lightagent import LightAgent, ProviderError, RunResult, output_redaction_guardrail, privacy_input_guardrail
from lightagent.adapters.detectors.validated import ValidatedDetector
from lightagent.application.policies.text_guardrails import DetectorGuardrail
from lightagent.domain.conversation.deltas import Delta, ReasoningDelta, ReplyEnd, TextDelta
from lightagent.domain.outcomes import Blocked, Completed
from lightagent.domain.policy.findings import Finding, merged, normalized
from lightagent.domain.runs.events import ModelFailed
from lightagent.domain.usage import Usage
from lightagent.testing import ManualClock, ScriptedModel, SequentialIds
from tests.support.private_texts import texts

GENERATED = int(os.environ.get("TEST_GENERATED_RUNS", "0"))
COUNT = 500 if GENERATED else 100
EVERYWHERE = GENERATED or 12
"""How many of the texts are also cut in two at each of their characters; `make soak` cuts all, and has more texts."""

TEXTS = [*texts(COUNT // 2, 260, longest=80), *texts(COUNT // 2, 90, longest=80)]
"""Longer than what waits of a stream, and shorter."""

END = ReplyEnd("stop", Usage(1, 1, 2))


def private(text: str) -> list[str]:
    """What of the text is private, as it is written."""
    normal = normalized(text)
    return [text[one.start : one.end] for one in merged(map(normal.written, ValidatedDetector().find(normal.text)))]


@dataclass(frozen=True)
class Seen:
    """A run, and all that callers, traces and journals show of it."""

    result: RunResult[str]
    shown: dict[str, str]
    everything: str


async def run(guardrail: DetectorGuardrail, deltas: list[Delta | Exception], *, stream: bool) -> Seen:
    agent = LightAgent(
        name="held",
        model=ScriptedModel([deltas]),
        output_guardrails=[guardrail],
        capture_content=True,
        clock=ManualClock(),
        ids=SequentialIds(),
    )
    shown: dict[str, str] = {}
    if stream:
        events = agent.astream("q", result_format="event", trace=True)
        async for event in events:
            if "text" in event.data:
                shown[event.type] = shown.get(event.type, "") + str(event.data.get("text"))
        result = events.result
    else:
        result = await agent.arun("q", result_format="object", trace=True)
    reported = json.dumps([shown, result.to_dict(), result.trace], ensure_ascii=False)
    return Seen(result, shown, reported + json.dumps(json.loads(result.journal.to_json()), ensure_ascii=False))


def bytewise(text: str, number: int) -> list[Delta | Exception]:
    """The reply in pieces of one character; in every fourth the text is what the model thinks."""
    if number % 4 == 0:
        return [*map(ReasoningDelta, text), TextDelta("Done."), END]
    return [*map(TextDelta, text), END]


def escaped(secret: str) -> str:
    return json.dumps(secret, ensure_ascii=False)[1:-1]


async def test_what_is_private_is_taken_out_of_a_stream_as_of_a_plain_reply(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    guardrail, changed = output_redaction_guardrail(), 0
    for number, text in enumerate(TEXTS):
        plain, streamed = [await run(guardrail, bytewise(text, number), stream=stream) for stream in (False, True)]
        assert plain.result.journal == streamed.result.journal, text
        assert isinstance(streamed.result.outcome, Completed)
        assert guardrail.review(text, structured=False) in streamed.shown.values(), text
        for secret in private(text):
            changed += 1
            assert escaped(secret) not in plain.everything + streamed.everything, text
            assert secret not in caplog.text
        caplog.clear()
    assert changed > COUNT / 2


async def test_what_is_forbidden_ends_a_stream_as_a_plain_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    guardrail, blocked = privacy_input_guardrail(), 0
    for number, text in enumerate(TEXTS):
        plain, streamed = [await run(guardrail, bytewise(text, number), stream=stream) for stream in (False, True)]
        assert plain.result.journal == streamed.result.journal, text
        secrets = private(text)
        assert isinstance(streamed.result.outcome, Blocked if secrets else Completed), text
        blocked += bool(secrets)
        for secret in secrets:
            assert escaped(secret) not in plain.everything + streamed.everything, text
            assert secret not in caplog.text
        if secrets:
            assert "".join(streamed.shown.values()) in text.partition(secrets[0])[0]
        caplog.clear()
    assert blocked > COUNT / 3


async def test_a_stream_that_breaks_leaves_no_part_of_what_is_private() -> None:
    """Wherever it breaks: what is kept of the reply is what the guardrail would have let pass of it."""
    guardrail, chance = output_redaction_guardrail(), random.Random(9)
    for text in TEXTS[::4]:
        at = chance.randrange(1, len(text) + 1)
        deltas: list[Delta | Exception] = [*map(TextDelta, text[:at]), ProviderError("The line broke.", code="LA-400")]
        for stream in (False, True):
            seen = await run(guardrail, deltas, stream=stream)
            failed = next(event for event in seen.result.journal.events if isinstance(event, ModelFailed))
            kept = str(guardrail.review(text, structured=False))
            assert kept.startswith(failed.partial or ""), (at, text)
            for secret in private(text):
                assert escaped(secret) not in seen.everything, (at, text)


def test_a_text_cut_in_two_at_any_place_is_decided_alike() -> None:
    for guardrail in (output_redaction_guardrail(), privacy_input_guardrail()):
        for text in TEXTS[:: max(COUNT // EVERYWHERE, 1)]:
            whole = guardrail.review(text, structured=False)
            for at in range(len(text)):
                passed = list(held(guardrail, text[:at], text[at:]))
                if isinstance(whole, Finding):
                    assert passed[-1] is None, (at, text)
                    assert text.startswith("".join(filter(None, passed))), (at, text)
                else:
                    assert "".join(map(str, passed)) == whole, (at, text)


def held(guardrail: DetectorGuardrail, *pieces: str) -> Iterator[str | None]:
    """What comes out of a stream of these pieces; None where it is forbidden."""
    hold = guardrail.hold("text")
    assert hold is not None
    for release in (*((hold.feed, piece) for piece in pieces), None):
        released = hold.end() if release is None else release[0](release[1])
        yield None if isinstance(released, Finding) else released
        if isinstance(released, Finding):
            return
