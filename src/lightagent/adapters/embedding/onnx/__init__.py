"""Embedder `onnx`: a model on this machine, by onnxruntime and tokenizers, from a folder of the user's.

Read in this order: `folder` (what the files in it say), `embedder`, `model` (the runtime).
"""

from __future__ import annotations

from lightagent.adapters.embedding.onnx.embedder import OnnxEmbedder
from lightagent.adapters.embedding.onnx.options import ADAPTER, OnnxOptions

__all__ = ["ADAPTER", "OnnxEmbedder", "OnnxOptions"]
