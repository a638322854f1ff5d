"""The certificates of the embedders."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lightagent.testing.contracts.embedder import EmbedderContract
from tests.support.embedding_endpoint import EmbeddingServer, embedding_server
from tests.support.tiny_onnx import tiny_model


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddingServer]:
    with embedding_server() as running:
        yield running


class TestHashing(EmbedderContract):
    kind = "hashing"


class TestScripted(EmbedderContract):
    kind = "scripted"


class TestCached(EmbedderContract):
    kind = "cached"

    @pytest.fixture(autouse=True)
    def file(self, tmp_path: Path) -> None:
        self.path = str(tmp_path / "new/vectors.db")

    def prepare(self) -> Mapping[str, object]:
        return {"path": self.path, "embedder": {"kind": "hashing"}}


class TestOpenAI(EmbedderContract):
    kind = "openai"

    @pytest.fixture(autouse=True)
    def backend(self, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        self.url = server.base_url

    def prepare(self) -> Mapping[str, object]:
        return {"model": "told", "base_url": self.url}


@pytest.mark.litellm
@pytest.mark.filterwarnings("default")
class TestLiteLLM(EmbedderContract):
    kind = "litellm"

    @pytest.fixture(autouse=True)
    def backend(self, server: EmbeddingServer) -> None:
        self.url = server.base_url

    def prepare(self) -> Mapping[str, object]:
        return {"model": "openai/told", "api_key": "none", "api_base": self.url}


class TestOnnx(EmbedderContract):
    kind = "onnx"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = str(tiny_model(tmp_path / "tiny"))

    def prepare(self) -> Mapping[str, object]:
        return {"path": self.path}


class TestOnnxThatPoolsItself(TestOnnx):
    kind = "onnx"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.path = str(tiny_model(tmp_path / "tiny", pooling=None, pooled=True))

    def prepare(self) -> Mapping[str, object]:
        return {"path": self.path, "pooling": "model"}
