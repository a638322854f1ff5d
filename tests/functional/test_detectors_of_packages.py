"""Detectors that bring packages: they stand behind the same port as our own, alone or side by side."""

from __future__ import annotations

import socket

import pytest

from lightagent import (
    ConfigurationError,
    LightAgent,
    open_detector,
    output_redaction_guardrail,
    privacy_input_guardrail,
)
from lightagent.testing import ScriptedModel

SAID = "Call (02) 9374 4000 or 415-555-2671, pay with 4111 1111 1111 1111, write to ann@example.com."


def test_detectors_stand_side_by_side() -> None:
    both = [open_detector("validated", kinds=["card"]), open_detector("phone_numbers", regions=["AU"])]
    agent = LightAgent(model=ScriptedModel([SAID]), output_guardrails=[output_redaction_guardrail(both)])
    assert agent.run("q") == "Call [redacted] or 415-555-2671, pay with [redacted], write to ann@example.com."


def test_numbers_of_some_countries_alone() -> None:
    said = "415-555-2671, 01 42 68 53 00, 536-90-4399, 046 454 286, 82.05.12-123.87, +1 415 555 2671, me@example.com"
    french = output_redaction_guardrail(open_detector("validated", countries=["FR"]), "#")
    assert french(said, {}).value == "415-555-2671, #, 536-90-4399, 046 454 286, 82.05.12-123.87, #, #"


def test_presidio_reads_what_goes_in_and_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a model, and without the network."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("a detector must not use the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    detector = open_detector("presidio", entities=["CREDIT_CARD", "EMAIL_ADDRESS"])
    agent = LightAgent(
        model=ScriptedModel([SAID]),
        input_guardrails=[privacy_input_guardrail(detector)],
        output_guardrails=[output_redaction_guardrail(detector)],
    )
    expected = "Call (02) 9374 4000 or 415-555-2671, pay with [redacted], write to [redacted]."
    assert agent.run("What does she say?") == expected
    blocked = agent.run("I am ann@example.com", result_format="object")
    assert blocked.error is not None
    assert blocked.error.code == "LA-GUARDRAIL"


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("phone_numbers", {"regions": ["XX"]}, "'XX' is not a country"),
        ("presidio", {"entities": ["NONSENSE"]}, "finds no 'NONSENSE'"),
        ("presidio", {"language": "xq"}, "no language 'xq'"),
        ("presidio", {"pipeline": "en_core_web_nothing"}, "is not installed"),
        ("presidio", {"score": 2}, "score"),
        ("validated", {"kinds": ["nonsense"]}, "unknown kind"),
        ("validated", {"countries": ["XX"]}, "unknown country 'XX'"),
        ("nonsense", {}, "no detectors adapter"),
    ],
)
def test_options_are_checked(kind: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_detector(kind, **options)
