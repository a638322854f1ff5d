"""Reads the folder of a model, with the files that sentence-transformers and transformers write."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.text.vectors import TextRole

Pooling: TypeAlias = Literal["mean", "cls", "model"]
"""How the vectors of a text's tokens become one: their mean, the first one, or an output of the model."""

MOST_TOKENS: Final = 512
"""The tokens of a text that are read if neither the folder nor an option sets a limit."""

_MODELS: Final = ("model.onnx", "onnx/model.onnx", "model_quantized.onnx", "onnx/model_quantized.onnx")
_TOKENIZERS: Final = ("tokenizer.json", "onnx/tokenizer.json")
_MOST_JSON: Final = 1024 * 1024
_SAMPLE: Final = 1024 * 1024
"""Bytes at the beginning and the end of a model's file that go into its fingerprint."""

_GUIDANCE: Final = "Pass a folder with model.onnx and tokenizer.json, as `optimum-cli export onnx` writes it."


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model, ready to be loaded.

    Attributes:
        model, tokenizer: its files.
        pooling: how the vectors of tokens become one.
        most_tokens: tokens of a text that are read.
        prefixes: what stands before a text, by what it is for.
        fingerprint: what its files say, hashed; what the vectors depend on.
    """

    model: Path
    tokenizer: Path
    pooling: Pooling
    most_tokens: int
    prefixes: Mapping[TextRole, str]
    fingerprint: str


def read_folder(
    path: Path,
    *,
    model: str | None = None,
    tokenizer: str | None = None,
    pooling: Pooling | None = None,
    max_tokens: int | None = None,
    query_prefix: str | None = None,
    document_prefix: str | None = None,
) -> ModelFolder:
    """Find the model in a folder; arguments take precedence over what its files say.

    Raises:
        ConfigurationError: the folder does not exist, lacks a model or tokenizer, or does not say how to pool.
    """
    if not path.is_dir():
        raise ConfigurationError(f"path: the folder {str(path)!r:.200} does not exist.", guidance=_GUIDANCE)
    model_file = _file(path, "model", model, _MODELS, "*.onnx")
    tokenizer_file = _file(path, "tokenizer", tokenizer, _TOKENIZERS, "*tokenizer.json")
    chosen = pooling or _pooling(path)
    if chosen is None:
        raise ConfigurationError(
            f"pooling: {path.name!r:.100} does not say how its vectors are pooled; it has no 1_Pooling/config.json.",
            guidance="Pass pooling = 'cls' (such as bge) or 'mean' (such as MiniLM, e5, gte), as its model card says, "
            "or 'model' where the model has an output of its own for it.",
        )
    prompts = _prompts(path)
    prefixes: dict[TextRole, str] = {
        "query": prompts.get("query", "") if query_prefix is None else query_prefix,
        "document": prompts.get("document", "") if document_prefix is None else document_prefix,
    }
    tokens = max_tokens or _most_tokens(path)
    options = f"{chosen}:{tokens}:{prefixes['query']!r}:{prefixes['document']!r}"
    return ModelFolder(
        model_file, tokenizer_file, chosen, tokens, prefixes, _fingerprint(model_file, tokenizer_file, options)
    )


def _file(folder: Path, option: str, given: str | None, usual: tuple[str, ...], pattern: str) -> Path:
    if given is not None:
        if (folder / given).is_file():
            return folder / given
        raise ConfigurationError(
            f"{option}: the file {given!r:.100} does not exist in {str(folder)!r:.200}.", guidance=_GUIDANCE
        )
    for name in usual:
        if (folder / name).is_file():
            return folder / name
    found = sorted(folder.glob(pattern))
    if len(found) == 1:
        return found[0]
    several = f"{len(found)} files that could be the {option}" if found else f"no {option}"
    raise ConfigurationError(
        f"path: there is {several} in {str(folder)!r:.200}.",
        guidance=f"Name one by {option}=." if found else _GUIDANCE,
    )


def _pooling(folder: Path) -> Pooling | None:
    """Return the pooling that sentence-transformers has written into the folder, or None."""
    config = _read(folder / "1_Pooling/config.json")
    if config.get("pooling_mode_cls_token") is True:
        return "cls"
    if config.get("pooling_mode_mean_tokens") is True:
        return "mean"
    if config:
        other = next(
            (name for name, value in config.items() if name.startswith("pooling_mode_") and value is True), "none"
        )
        raise ConfigurationError(
            f"pooling: {folder.name!r:.100} pools by {other!r:.60}, which is not supported.",
            guidance="Pass pooling = 'mean' or 'cls' if the model does well with it, or choose another model.",
        )
    return None


def _prompts(folder: Path) -> dict[str, str]:
    config = _read(folder / "config_sentence_transformers.json").get("prompts")
    if not isinstance(config, dict):
        return {}
    known = {name: text for name, text in config.items() if isinstance(text, str)}
    # Some models call documents passages.
    return known if "document" in known else known | {"document": known.get("passage", "")}


def _most_tokens(folder: Path) -> int:
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
        ("config.json", "max_position_embeddings"),
    ):
        config = _read(folder / name).get(key)
        # transformers writes a number of thirty digits for "no limit".
        if type(config) is int and 0 < config <= 1_000_000:
            return config
    return MOST_TOKENS


def _read(file: Path) -> Mapping[str, object]:
    """Read a JSON object; empty if the file does not exist.

    Raises:
        ConfigurationError: the file exists and does not hold a JSON object.
    """
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > _MOST_JSON:
            raise ValueError("too large")
        read: object = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        read = None
    if isinstance(read, dict):
        return read
    raise ConfigurationError(f"path: {file.name} of {file.parent.name!r:.100} is no JSON object.", guidance=_GUIDANCE)


def _fingerprint(model: Path, tokenizer: Path, options: str) -> str:
    """Hash what the vectors depend on, but only parts of large files: different weights differ everywhere."""
    hashed = hashlib.sha256(options.encode("utf-8", "replace"))
    # Large models have their weights in further files whose names begin with that of the model.
    for file in (tokenizer, *sorted(model.parent.glob(f"{model.name}*"))):
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            hashed.update(f"{file.name}:{size}:".encode("utf-8", "replace"))
            hashed.update(opened.read(_SAMPLE))
            opened.seek(max(size - _SAMPLE, 0))
            hashed.update(opened.read(_SAMPLE))
    return hashed.hexdigest()[:16]
