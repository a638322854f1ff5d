"""The options of the adapter `onnx`, as settings and `open_adapter` give them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.embedding.onnx.embedder import OnnxEmbedder
from lightagent.adapters.embedding.onnx.folder import Pooling
from lightagent.adapters.registry import Adapter


class OnnxOptions(BaseModel):
    """A model on this machine."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1, description="The folder with the model and its tokenizer.")
    model: str | None = Field(None, description="The model's file in it; by default model.onnx, or the only one.")
    tokenizer: str | None = Field(None, description="The tokenizer's file; by default tokenizer.json, or the only one.")
    pooling: Pooling | None = Field(
        None, description="mean, cls, or model where the model pools; by default as the folder says."
    )
    max_tokens: int | None = Field(None, ge=8, description="Tokens of a text that are read; as the folder says.")
    query_prefix: str | None = Field(None, description="What the model wants before a text that is searched for.")
    document_prefix: str | None = Field(None, description="What the model wants before a text that is found.")
    threads: int = Field(1, ge=1, le=64, description="Threads in which the runtime computes.")


def _open(options: OnnxOptions) -> OnnxEmbedder:
    return OnnxEmbedder(
        options.path,
        model=options.model,
        tokenizer=options.tokenizer,
        pooling=options.pooling,
        max_tokens=options.max_tokens,
        query_prefix=options.query_prefix,
        document_prefix=options.document_prefix,
        threads=options.threads,
    )


ADAPTER = Adapter(OnnxOptions, _open, requires=("onnxruntime", "tokenizers"), extra="onnx")
