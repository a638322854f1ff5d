"""A model in memory: from texts to vectors, in the calling thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from lightagent.adapters.embedding.onnx.folder import ModelFolder, Pooling
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.text.vectors import Vector, unit_vector

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

_CHARS_A_TOKEN: Final = 32
"""Characters that are tokenized for each token that the model reads; common texts need fewer."""


class _Node(Protocol):
    """An input or an output of a model."""

    name: str
    shape: Sequence[object]


class _Session(Protocol):
    """The used part of `onnxruntime.InferenceSession`, which has no types."""

    def get_inputs(self) -> Sequence[_Node]: ...

    def get_outputs(self) -> Sequence[_Node]: ...

    def run(self, outputs: Sequence[str], feed: Mapping[str, NDArray[numpy.int64]], /) -> Sequence[object]: ...


_INPUTS: Final = frozenset({"input_ids", "attention_mask", "token_type_ids", "position_ids"})


class OnnxModel:
    """A loaded model. Any number of threads may use it at once.

    Raises:
        ConfigurationError: the files cannot be loaded, or the model wants or gives what no embedding model does.
    """

    def __init__(self, folder: ModelFolder, threads: int) -> None:
        self._most_tokens = folder.most_tokens
        self._pooling: Pooling = folder.pooling
        self._tokenizer = _load_tokenizer(folder)
        self._session = _load_session(folder, threads)
        self._inputs = {one.name for one in self._session.get_inputs()}
        if "input_ids" not in self._inputs or not self._inputs <= _INPUTS:
            raise _refused(folder, f"wants the inputs {', '.join(sorted(self._inputs))[:200]}")
        self._output = _output(self._session, folder)

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return the vectors of texts, all in one run of the model."""
        import numpy

        # Tokenizers reject lone surrogates; and text beyond what the model can read need not be tokenized.
        most = self._most_tokens * _CHARS_A_TOKEN
        encoded = [self._tokenizer.encode(text[:most].encode("utf-8", "replace").decode()) for text in texts]
        longest = max(1, *(len(one.ids) for one in encoded))
        ids = numpy.zeros((len(texts), longest), dtype=numpy.int64)
        mask = numpy.zeros((len(texts), longest), dtype=numpy.int64)
        types = numpy.zeros((len(texts), longest), dtype=numpy.int64)
        for row, one in enumerate(encoded):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
            types[row, : len(one.ids)] = one.type_ids
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        given["position_ids"] = numpy.broadcast_to(numpy.arange(longest, dtype=numpy.int64), ids.shape)
        feed = {name: value for name, value in given.items() if name in self._inputs}
        result = numpy.asarray(self._session.run([self._output], feed)[0], dtype=numpy.float32)
        return [unit_vector(row) for row in self._pooled(result, mask).tolist()]

    def _pooled(self, result: NDArray[numpy.float32], mask: NDArray[numpy.int64]) -> NDArray[numpy.float32]:
        if self._pooling == "model":
            return result
        if self._pooling == "cls":
            return result[:, 0]
        weights = mask[:, :, None].astype(result.dtype)
        pooled: NDArray[numpy.float32] = (result * weights).sum(1) / weights.sum(1).clip(min=1)
        return pooled


def _load_tokenizer(folder: ModelFolder) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder.tokenizer))
        tokenizer.no_padding()
        tokenizer.enable_truncation(folder.most_tokens)
    except Exception as exc:  # tokenizers raises nothing more precise.
        raise _refused(folder, f"has a tokenizer that cannot be loaded ({exc})") from exc
    return tokenizer


def _load_session(folder: ModelFolder, threads: int) -> _Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # Errors only; the warnings are for authors of models.
    try:
        session: _Session = onnxruntime.InferenceSession(str(folder.model), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # Its exceptions have no common class.
        raise _refused(folder, f"cannot be loaded ({exc})") from exc
    return session


def _output(session: _Session, folder: ModelFolder) -> str:
    """Return the output with a vector for each token, or for each text if the model pools."""
    rank = 2 if folder.pooling == "model" else 3
    names = [one.name for one in session.get_outputs() if len(one.shape) == rank]
    if not names:
        wanted = "a vector for each text" if rank == 2 else "a vector for each token"
        raise _refused(folder, f"has no output with {wanted}, which pooling = {folder.pooling!r} needs")
    # Some models have a second output that is pooled for another purpose.
    return next((name for name in names if name in ("sentence_embedding", "last_hidden_state")), names[0])


def _refused(folder: ModelFolder, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The model {folder.model.name!r:.100} in {folder.model.parent.name!r:.100} {why:.400}.",
        guidance="Use an embedding model with its own tokenizer.json, exported for feature extraction.",
    )
