"""The environment chooses the version of the conventions, and with it every name that they have given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import ContentCapture, ContentMode
from lightagent.adapters.telemetry.otel import attribute_names
from lightagent.adapters.telemetry.otel.attribute_names import OPT_IN, Names
from tests.support.recorded_spans import RecordedSpans
from tests.support.walked_features import FEATURES, Scene

NEXT = "next."
SCHEMA = "https://opentelemetry.io/schemas/9.0.0"
OTHER = Names(**{one.name: f"{NEXT}{one.default}" for one in fields(Names)} | {"schema_url": SCHEMA})
"""A version in which every name is another one."""

OURS = ("lightagent.", NEXT)


def told(seen: RecordedSpans) -> set[str]:
    """The names of all attributes, events and measurements."""
    found: list[Iterable[str]] = []
    for span in seen.ended:
        found += [span.attributes or {}, *((event.name, *(event.attributes or {})) for event in span.events)]
    for record in seen.emitted:
        found.append([record.event_name or "", *(record.attributes or {})])
    for metric in seen.metrics:
        found += [[metric.name], *(point.attributes or {} for point in seen.points(metric.name))]
    return {name for some in found for name in some}


@pytest.mark.parametrize("entry", ["next_version", " database/dup , next_version"])
async def test_every_name_of_the_conventions_is_of_the_version_that_the_environment_asks_for(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attribute_names, "_BY_ENTRY", {"next_version": OTHER})
    monkeypatch.setenv(OPT_IN, entry)
    for place, name in enumerate(FEATURES):
        (folder := tmp_path / str(place)).mkdir()
        seen = RecordedSpans(content=ContentCapture(ContentMode.SPAN_AND_EVENT))
        await FEATURES[name](Scene([seen.sink], folder, "?"))
        found = told(seen)
        assert f"{NEXT}gen_ai.operation.name" in found
        assert not {one for one in found if not one.startswith(OURS)}, name
        scopes = {span.instrumentation_scope.schema_url for span in seen.ended if span.instrumentation_scope}
        assert scopes == {SCHEMA}


async def test_without_it_they_are_of_1_41_1(tmp_path: Path) -> None:
    seen = RecordedSpans(content=ContentCapture(ContentMode.SPAN_AND_EVENT, names=OTHER))
    await FEATURES["an_answer"](Scene([seen.sink], tmp_path, "?"))
    assert {"gen_ai.input.messages", "gen_ai.client.inference.operation.details"} <= told(seen)
