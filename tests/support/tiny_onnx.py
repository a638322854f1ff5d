"""A tiny embedding model, made here: a vector by chance for each byte, and a tokenizer that knows bytes alone.

The file is written as ONNX's protobuf says, field by field, so that no package that makes models is needed.
"""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Final

DIMENSION: Final = 24
_FLOAT, _INT64 = 1, 7
_IR_VERSION, _OPSET = 8, 12


def tiny_model(folder: Path, *, pooling: str | None = "mean", pooled: bool = False) -> Path:
    """Writes a folder with the model, its tokenizer and how it pools.

    Args:
        pooling: what its 1_Pooling/config.json says; None: there is none.
        pooled: the model has one vector for each text, in an output that is named so.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({character: number for number, character in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(_model(len(alphabet), pooled))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 128}))
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        noted = {
            f"pooling_mode_{name}": name.startswith(pooling) for name in ("cls_token", "mean_tokens", "max_tokens")
        }
        (folder / "1_Pooling/config.json").write_text(json.dumps(noted))
    return folder


def _model(vocabulary: int, pooled: bool) -> bytes:
    chance = random.Random(7)
    values = [chance.gauss(0, 1) for _ in range(vocabulary * DIMENSION)]
    table = b"".join((_ints(1, vocabulary, DIMENSION), _int(2, _FLOAT), _text(8, "table")))
    table += _bytes(9, struct.pack(f"<{len(values)}f", *values))
    nodes = [_node("Gather", ("table", "input_ids"), "last_hidden_state")]
    outputs = [_value("last_hidden_state", _FLOAT, "batch", "sequence", DIMENSION)]
    if pooled:
        # The sum of the vectors of tokens that are not there to fill up.
        nodes += [
            _node("Cast", ("attention_mask",), "floats") + _attribute("to", _int(3, _FLOAT), 2),
            _node("Unsqueeze", ("floats",), "weights") + _attribute("axes", _ints(8, 2), 7),
            _node("Mul", ("last_hidden_state", "weights"), "weighted"),
            _node("ReduceSum", ("weighted",), "sentence_embedding")
            + _attribute("axes", _ints(8, 1), 7)
            + _attribute("keepdims", _int(3, 0), 2),
        ]
        outputs.append(_value("sentence_embedding", _FLOAT, "batch", DIMENSION))
    inputs = [_value(name, _INT64, "batch", "sequence") for name in ("input_ids", "attention_mask")]
    graph = b"".join(_bytes(1, node) for node in nodes) + _text(2, "tiny") + _bytes(5, table)
    graph += b"".join(_bytes(11, one) for one in inputs) + b"".join(_bytes(12, one) for one in outputs)
    return _int(1, _IR_VERSION) + _bytes(7, graph) + _bytes(8, _int(2, _OPSET))


def _node(kind: str, inputs: tuple[str, ...], output: str) -> bytes:
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind)


def _attribute(name: str, value: bytes, kind: int) -> bytes:
    return _bytes(5, _text(1, name) + value + _int(20, kind))


def _value(name: str, element: int, *shape: int | str) -> bytes:
    sizes = b"".join(_bytes(1, _int(1, one) if isinstance(one, int) else _text(2, one)) for one in shape)
    return _text(1, name) + _bytes(2, _bytes(1, _int(1, element) + _bytes(2, sizes)))


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes(written) + bytes([value])


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _ints(number: int, *values: int) -> bytes:
    return b"".join(_int(number, value) for value in values)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())
