"""Tells others who trace calls of models that a call is traced already, so that one call is one chat span.

Each listens to a key of its own in OpenTelemetry's context, and only to that one. The keys stand there from the
beginning of a call until its first answer, and only where the other one has been imported: what a tool does is not
concerned. The key of OpenInference is heard by instrumentations of HTTP clients as well, so that beside it their spans
below a call are missing; without it they stay.
"""

from __future__ import annotations

import sys
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context, set_value

from lightagent.adapters.telemetry.otel.attribute_names import CHAT, EMBEDDINGS

_OPENINFERENCE: Final = "openinference.instrumentation.openai"
_SUPPRESSES: Final = "_SUPPRESS_INSTRUMENTATION_KEY"
"""The name of the key, which the API makes anew in each process and names nowhere in public."""

_GENAI: Final = "opentelemetry.util.genai.invocation"
"""What OpenTelemetry's own instrumentations of models are made with."""

_GENAI_NAMES: Final = {
    CHAT: ("CLIENT_INFERENCE_CONTEXT_KEY", "InferenceData"),
    EMBEDDINGS: ("CLIENT_EMBEDDING_CONTEXT_KEY", "EmbeddingData"),
}


def suppress_other_tracers(context: Context, operation: str) -> Context:
    """The context in which a model is asked, for ``chat`` or ``embeddings``, with what keeps others from tracing it."""
    if _GENAI in sys.modules and (names := _GENAI_NAMES.get(operation)) is not None:
        key, data = (getattr(sys.modules[_GENAI], name, None) for name in names)
        if isinstance(key, str) and callable(data):
            context = set_value(key, data(), context)  # They keep what they know of the call in it.
    if _OPENINFERENCE in sys.modules and isinstance(key := getattr(otel_context, _SUPPRESSES, None), str):
        context = set_value(key, True, context)
    return context
