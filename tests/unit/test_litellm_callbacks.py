"""A call is kept from the callbacks of LiteLLM only where OpenTelemetry alone listens, which knows of it already."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from lightagent.adapters._endpoints.litellm_library import only_opentelemetry_listens


class OpenTelemetry:
    """As LiteLLM calls its own."""


class LangfuseOtelLogger(OpenTelemetry):
    """Tells a product, which may be another place than the application's."""


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({}, False),
        ({"callbacks": [], "success_callback": []}, False),
        ({"callbacks": ["otel"]}, True),
        ({"callbacks": ["otel"], "_async_success_callback": [OpenTelemetry()]}, True),
        ({"callbacks": ["otel", "langfuse"]}, False),
        ({"callbacks": ["otel"], "success_callback": [print]}, False),
        ({"callbacks": [LangfuseOtelLogger()]}, False),
        ({"callbacks": None}, False),
    ],
)
def test_only_opentelemetry_listens(lists: dict[str, object], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litellm", SimpleNamespace(**lists))
    assert only_opentelemetry_listens() is expected


def test_a_package_that_is_not_loaded_has_no_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "litellm", raising=False)
    assert not only_opentelemetry_listens()
