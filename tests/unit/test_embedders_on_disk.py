"""Embedders over files: a folder with a model, and a file in which vectors are kept."""

import asyncio
import json
import logging
import os
import sqlite3
from array import array
from pathlib import Path

import pytest

from lightagent.adapters.embedding.cached import CachedEmbedder
from lightagent.adapters.embedding.onnx import OnnxEmbedder
from lightagent.adapters.embedding.onnx.folder import Pooling
from lightagent.adapters.embedding.scripted import ScriptedEmbedder
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.text.vectors import TextRole, Vector
from tests.support.tiny_onnx import DIMENSION, tiny_model

TEXTS = ("one text", "and another one")


def embedded(embedder: OnnxEmbedder | CachedEmbedder, role: TextRole = "document") -> list[Vector]:
    return list(asyncio.run(_embedded(embedder, role)))


async def _embedded(embedder: OnnxEmbedder | CachedEmbedder, role: TextRole) -> list[Vector]:
    return [*await embedder.embed(TEXTS, role)]


def test_a_folder_says_how_its_model_pools(tmp_path: Path) -> None:
    mean, cls = tiny_model(tmp_path / "mean"), tiny_model(tmp_path / "cls", pooling="cls")
    assert embedded(OnnxEmbedder(mean)) != embedded(OnnxEmbedder(cls))
    assert embedded(OnnxEmbedder(mean, pooling="cls")) == embedded(OnnxEmbedder(cls))
    assert OnnxEmbedder(mean).dimension is None
    assert len(embedded(OnnxEmbedder(mean))[0]) == DIMENSION


def test_what_the_folder_or_the_options_say_names_the_space(tmp_path: Path) -> None:
    folder, same = tiny_model(tmp_path / "a"), tiny_model(tmp_path / "b")
    names = {
        OnnxEmbedder(folder).name,
        OnnxEmbedder(folder, pooling="cls").name,
        OnnxEmbedder(folder, max_tokens=16).name,
        OnnxEmbedder(folder, query_prefix="q: ").name,
    }
    assert len(names) == 4
    assert OnnxEmbedder(same).name == OnnxEmbedder(folder).name
    model = same / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1] + b"\0")
    assert OnnxEmbedder(same).name not in names


def test_prefixes_are_those_that_the_folder_notes(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "a")
    plain = embedded(OnnxEmbedder(folder))
    noted = {"prompts": {"query": "Find: ", "passage": "Text: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(noted))
    embedder = OnnxEmbedder(folder)
    assert embedded(embedder, "query") != embedded(embedder) != plain
    assert embedded(OnnxEmbedder(folder, query_prefix="", document_prefix="")) == plain


@pytest.mark.parametrize(
    ("file", "noted", "most"),
    [
        ("sentence_bert_config.json", {"max_seq_length": 8}, 8),
        ("tokenizer_config.json", {"model_max_length": 9}, 9),
        ("tokenizer_config.json", {"model_max_length": 10**30}, 128),
        ("config.json", {}, 512),
    ],
)
def test_tokens_are_as_many_as_the_folder_says(tmp_path: Path, file: str, noted: object, most: int) -> None:
    folder = tiny_model(tmp_path / "a")
    (folder / file).write_text(json.dumps(noted))
    told = OnnxEmbedder(folder)
    assert told.name == OnnxEmbedder(folder, max_tokens=most).name


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("model.onnx", None, "there is no model in"),
        ("tokenizer.json", None, "there is no tokenizer in"),
        ("1_Pooling/config.json", None, "does not say how its vectors are pooled"),
        ("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}', "pools by 'pooling_mode_max_tokens'"),
        ("1_Pooling/config.json", "[]", "is no JSON object"),
        ("config.json", "{", "is no JSON object"),
        ("config.json", "x" * 2_000_000, "is no JSON object"),
    ],
)
def test_a_folder_that_lacks_something_is_refused_at_once(
    tmp_path: Path, file: str, content: str | None, told: str
) -> None:
    folder = tiny_model(tmp_path / "a")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(ConfigurationError) as raised:
        open_adapter("embedding", "onnx", {"path": str(folder)})
    assert told in str(raised.value)


def test_of_several_models_one_has_to_be_named(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "a")
    (folder / "model.onnx").rename(folder / "first.onnx")
    assert embedded(OnnxEmbedder(folder))
    (folder / "second.onnx").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"2 files that could be the model .* Name one by model="):
        OnnxEmbedder(folder)
    assert embedded(OnnxEmbedder(folder, model="first.onnx"))
    with pytest.raises(ConfigurationError, match=r"model: the file 'third.onnx' does not exist"):
        OnnxEmbedder(folder, model="third.onnx")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"the folder .* does not exist"):
        OnnxEmbedder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("file", "content", "pooling", "told"),
    [
        ("model.onnx", b"no model", None, "cannot be loaded"),
        ("tokenizer.json", b"{}", None, "has a tokenizer that cannot be loaded"),
        ("config.json", b"{}", "model", "has no output with a vector for each text"),
    ],
)
def test_files_that_are_wrong_are_refused_at_the_first_call(
    tmp_path: Path, file: str, content: bytes, pooling: Pooling | None, told: str
) -> None:
    folder = tiny_model(tmp_path / "a")
    (folder / file).write_bytes(content)
    embedder = OnnxEmbedder(folder, pooling=pooling)
    with pytest.raises(ConfigurationError) as raised:
        embedded(embedder)
    assert told in str(raised.value)


def test_a_vector_is_made_once_for_all_processes(tmp_path: Path) -> None:
    file = tmp_path / "vectors.db"
    first, second = ScriptedEmbedder(), ScriptedEmbedder()
    made = embedded(CachedEmbedder(first, file))
    assert embedded(CachedEmbedder(second, file)) == made
    assert len(first.asked) == 1
    assert second.asked == ()
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_queries_are_not_kept(tmp_path: Path) -> None:
    embedder = ScriptedEmbedder()
    cached = CachedEmbedder(embedder, tmp_path / "vectors.db")
    embedded(cached, "query")
    embedded(cached, "query")
    assert len(embedder.asked) == 2
    assert not (tmp_path / "vectors.db").exists()


def test_another_space_has_its_own_vectors(tmp_path: Path) -> None:
    file = tmp_path / "vectors.db"
    folder = tiny_model(tmp_path / "a")
    mean = CachedEmbedder(OnnxEmbedder(folder), file)
    cls = CachedEmbedder(OnnxEmbedder(folder, pooling="cls"), file)
    assert embedded(mean) != embedded(cls)


def test_the_newest_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "vectors.db"
    embedder = ScriptedEmbedder()
    cached = CachedEmbedder(embedder, file, max_vectors=2)
    for text in ("one", "two", "three"):
        asyncio.run(cached.embed((text,)))
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM vectors").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize(
    "vector", [b"", b"123", array("f", [1.0]).tobytes(), array("f", [float("nan")] * 64).tobytes()]
)
def test_an_invalid_stored_vector_is_computed_again(tmp_path: Path, vector: bytes) -> None:
    file = tmp_path / "vectors.db"
    embedder = ScriptedEmbedder()
    made = embedded(CachedEmbedder(embedder, file))
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE vectors SET vector = ?", (vector,))
    connection.close()
    assert embedded(CachedEmbedder(embedder, file)) == made
    assert len(embedder.asked) == 2
    assert embedded(CachedEmbedder(embedder, file)) == made
    assert len(embedder.asked) == 2


@pytest.mark.parametrize("wrong", ["damaged", "folder", "another"])
def test_an_unusable_file_costs_only_time(tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "vectors.db"
    if wrong == "folder":
        file.mkdir()
    elif wrong == "damaged":
        file.write_bytes(b"no database " * 1_000)
    else:
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE vectors (something TEXT)")
        connection.close()
    embedder = ScriptedEmbedder()
    cached = CachedEmbedder(embedder, file)
    with caplog.at_level(logging.WARNING):
        assert embedded(cached) == embedded(cached)
    assert len(embedder.asked) == 2
    assert len([one for one in caplog.records if "Vectors cannot be stored" in one.getMessage()]) == 1


@pytest.mark.parametrize(
    ("behind", "told"),
    [
        ({}, "embedding.embedder.kind: missing"),
        ({"kind": "nothing"}, "no embedding adapter 'nothing'"),
        ({"kind": "hashing", "dimension": 1}, "embedding.embedder.dimension"),
    ],
)
def test_the_embedder_behind_is_checked(tmp_path: Path, behind: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_adapter("embedding", "cached", {"path": str(tmp_path / "x"), "embedder": behind})
    assert told in str(raised.value)
