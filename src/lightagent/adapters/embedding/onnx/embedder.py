"""The embedder over a folder: loads the model in a thread at the first call, and asks it in threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lightagent.adapters.embedding.onnx.folder import ModelFolder, Pooling, read_folder
from lightagent.adapters.embedding.onnx.model import OnnxModel
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.ports.embedding import Embedder

MAX_BATCH: Final = 64
_AT_ONCE: Final = 16
"""Texts in one run of the model: more would not be faster, and would delay the cancellation of a call."""


class OnnxEmbedder(Embedder):
    """Runs an embedding model on this machine. Nothing is downloaded.

    Args:
        path: a folder with the model and its tokenizer, such as `optimum-cli export onnx` or a download of it gives.
        model, tokenizer: their files in it, where they have other names than usual.
        pooling: how the vectors of tokens become one; without it, as the folder says (`1_Pooling/config.json`).
        max_tokens: tokens of a text that are read; without it, as the folder says.
        query_prefix, document_prefix: what the model wants before a text that is searched for, or that is found;
            without it, as the folder says (`config_sentence_transformers.json`).
        threads: threads in which the runtime computes.

    Raises:
        ConfigurationError: the folder does not exist, holds no model, or does not say how to pool. Errors in the
            files themselves show at the first call.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        model: str | None = None,
        tokenizer: str | None = None,
        pooling: Pooling | None = None,
        max_tokens: int | None = None,
        query_prefix: str | None = None,
        document_prefix: str | None = None,
        threads: int = 1,
    ) -> None:
        self._folder: Final[ModelFolder] = read_folder(
            Path(path).expanduser().absolute(),
            model=model,
            tokenizer=tokenizer,
            pooling=pooling,
            max_tokens=max_tokens,
            query_prefix=query_prefix,
            document_prefix=document_prefix,
        )
        self._threads = threads
        self._model: OnnxModel | None = None
        self._dimension: int | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """A hash of the model's files, so that the same model elsewhere has the same name."""
        return f"onnx:{self._folder.fingerprint}"

    @property
    def dimension(self) -> int | None:
        return self._dimension

    @property
    def max_batch(self) -> int:
        return MAX_BATCH

    def __repr__(self) -> str:
        return f"OnnxEmbedder({str(self._folder.model)!r}, pooling={self._folder.pooling!r})"

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        prefix = self._folder.prefixes[role]
        # Texts of similar length run together, since each costs as much as the longest of its batch.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors: dict[int, Vector] = {}
        for start in range(0, len(order), _AT_ONCE):
            places = order[start : start + _AT_ONCE]
            made = await run_in_thread(self._embed, [prefix + texts[place] for place in places])
            vectors.update(zip(places, made, strict=True))
        return [vectors[place] for place in range(len(texts))]

    async def aclose(self) -> None:
        """Release the model, which takes as much memory as its file. A later call loads it again."""
        with self._lock:
            self._model = None

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        made = self._loaded().embed(texts)
        self._dimension = len(made[0])
        return made

    def _loaded(self) -> OnnxModel:
        with self._lock:
            if self._model is None:
                self._model = OnnxModel(self._folder, self._threads)
            return self._model
