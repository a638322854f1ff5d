"""Two embedding models that are really used, quantised for onnxruntime: their certificates, and what they are for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from lightagent import LightAgent, ToolSelection
from lightagent.adapters.embedding.cached import CachedEmbedder
from lightagent.adapters.embedding.onnx import OnnxEmbedder
from lightagent.domain.text.vectors import similarities
from lightagent.domain.tools.selection import ToolsSelected
from lightagent.testing import ScriptedModel
from lightagent.testing.contracts.embedder import EmbedderContract
from tests.support.many_tools import many_tools, offered

# Its tests say what they need; Maven, so that CI installs it before the models are fetched.
pytestmark = pytest.mark.needs("maven", "embedding_models")

MODELS = Path(__file__).parents[2] / ".tools/embedding-models"
BGE, MINILM = MODELS / "bge-small-en-v15-q", MODELS / "all-minilm-l6-v2-q"
# No tool shares a word with them.
ASKED = {
    "I would like my cash returned to me": "refund",
    "Put my holidays in July": "vacation",
    "The wages of my staff": "salary",
    "Pull in the customers' goods that are on their way by truck": "shipment",
}


class TestBge(EmbedderContract):
    kind = "onnx"
    near = ("a way to stop a purchase", "Cancels an order of a customer.", "Tells how warm it will be tomorrow.")

    def prepare(self) -> Mapping[str, object]:
        return {"path": str(BGE), "pooling": "cls"}


class TestMiniLM(TestBge):
    kind = "onnx"

    def prepare(self) -> Mapping[str, object]:
        return {"path": str(MINILM), "pooling": "mean"}


@pytest.mark.parametrize(
    ("folder", "pooling", "alike", "other"),
    [(MINILM, "mean", (0.45, 0.75), (-0.1, 0.15)), (BGE, "cls", (0.7, 1), (0, 0.6))],
)
def test_vectors_are_those_of_the_published_models(
    folder: Path, pooling: str, alike: tuple[float, float], other: tuple[float, float]
) -> None:
    """Wrong pooling, a missing prefix or a broken mask would move them."""
    embedder = OnnxEmbedder(folder, pooling="cls" if pooling == "cls" else "mean")
    texts = ("How do I cancel my order?", "Stop a purchase that was made", "The weather is nice")
    query, near, far = asyncio.run(embedder.embed(texts))
    found = similarities(query, (near, far))
    assert alike[0] < found[0] < alike[1]
    assert other[0] < found[1] < other[1]


def test_tools_are_found_in_other_words(tmp_path: Path) -> None:
    embedder = CachedEmbedder(OnnxEmbedder(MINILM, pooling="mean"), tmp_path / "vectors.db")
    asyncio.run(embedder.embed(["warm up"]))
    found = {}
    for words_alone in (True, False):
        for query, thing in ASKED.items():
            model = ScriptedModel(["Done."])
            agent = LightAgent(
                model=model,
                tools=many_tools(),
                tool_selection=ToolSelection(tokens=800),
                embedder=None if words_alone else embedder,
            )
            result = agent.run(query, result_format="object")
            (event,) = (event for event in result.journal.events if isinstance(event, ToolsSelected))
            assert event.errors == ()
            found[words_alone, query] = any(name.endswith(thing) for name in offered(model.requests[0]))
    assert sum(found[True, query] for query in ASKED) <= 1
    assert sum(found[False, query] for query in ASKED) >= 3
