"""The models that mem0 uses: where their requests go, and that no text is lost where they fail.

mem0 sends texts to OpenRouter where the environment holds a key for it, whatever endpoint it was told. And it goes on
without what a model did not do: where the answer cannot be read, or no vector comes, it reports that all is well.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Final, Protocol

import openai

from lightagent.domain.errors import StoreError
from lightagent.domain.json_types import JsonValue

_RETRIES: Final = 1


class _Model(Protocol):
    client: openai.OpenAI


class _Facts(_Model, Protocol):
    generate_response: Callable[..., object]


class _Vectors(_Model, Protocol):
    embed: Callable[..., object]


class _Shelf(Protocol):
    insert: Callable[..., object]


class _Memory(Protocol):
    llm: _Facts
    embedding_model: _Vectors
    vector_store: _Shelf
    add: Callable[..., object]
    delete: Callable[..., object]


def aim(memory: _Memory, *, api_key: str, base_url: str, timeout: float) -> None:
    """Have both models ask this endpoint, whatever the environment says."""
    for part in (memory.llm, memory.embedding_model):
        part.client.close()
        part.client = openai.OpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=_RETRIES)


def lose_nothing(memory: _Memory, before_keeping: Callable[[], None]) -> None:
    """Have `add` fail where a model failed, and keep nothing of that text then.

    Args:
        before_keeping: is called when there is a vector, and it is about to be kept.
    """
    failures: list[Exception] = []
    memory.llm.generate_response = _noted(_readable(memory.llm.generate_response), failures)
    memory.embedding_model.embed = _noted(memory.embedding_model.embed, failures)
    insert = _after(before_keeping, memory.vector_store.insert)
    memory.vector_store.insert = _noted(insert, failures, where=_is_single)
    memory.add = _whole(memory.add, memory.delete, failures)


def _after(begin: Callable[[], None], call: Callable[..., object]) -> Callable[..., object]:
    def begun(*arguments: object, **named: object) -> object:
        begin()
        return call(*arguments, **named)

    return begun


def _noted(
    call: Callable[..., object], failures: list[Exception], where: Callable[..., bool] = lambda **_: True
) -> Callable[..., object]:
    def noted(*arguments: object, **named: object) -> object:
        try:
            return call(*arguments, **named)
        except Exception as error:
            if where(**named):
                failures.append(error)
            raise

    return noted


def _is_single(ids: object = (), **_: object) -> bool:
    """What mem0 could not insert together it tries one by one."""
    return isinstance(ids, list) and len(ids) == 1


def _whole(
    add: Callable[..., object], delete: Callable[..., object], failures: list[Exception]
) -> Callable[..., object]:
    def whole(*arguments: object, **named: object) -> object:
        failures.clear()
        try:
            answer = add(*arguments, **named)
        except Exception as error:
            ours = next((one for one in failures if isinstance(one, StoreError)), None)
            raise ours or error from error
        if failures:
            for kept in _ids(answer):
                delete(kept)
            raise failures[0]
        return answer

    return whole


def _ids(answer: object) -> list[str]:
    results = answer.get("results") if isinstance(answer, dict) else None
    found = [one.get("id") for one in results if isinstance(one, dict)] if isinstance(results, list) else []
    return [one for one in found if isinstance(one, str)]


def _readable(generate: Callable[..., object]) -> Callable[..., object]:
    """Give the model's answer on only where it tells facts, or that there are none."""

    def readable(*arguments: object, **named: object) -> object:
        answer = generate(*arguments, **named)
        try:
            facts = _facts(answer)
        except (ValueError, TypeError, AttributeError):
            raise StoreError(
                "The model of mem0 gave no facts that can be read, so nothing was remembered.",
                guidance="Use a model that answers in JSON, or infer = false.",
                retryable=True,
            ) from None
        return json.dumps({"memory": facts})

    return readable


def _facts(answer: object) -> list[dict[str, JsonValue]]:
    """What a model says that there is to remember.

    Raises:
        ValueError, TypeError, AttributeError: it cannot be read.
    """
    utils = importlib.import_module("mem0.memory.utils")
    whole: JsonValue = json.loads(utils.extract_json(utils.remove_code_blocks(answer)), strict=False)
    facts = whole.get("memory", []) if isinstance(whole, dict) else None
    if facts is None or not isinstance(facts, list):
        raise ValueError("It is not a list of facts.")
    read: list[dict[str, JsonValue]] = []
    for fact in facts:
        text = fact.get("text") if isinstance(fact, dict) else None
        if not isinstance(fact, dict) or not isinstance(text, str):
            raise ValueError("A fact has no text.")
        read.append({**fact, "text": text.encode("utf-8", "replace").decode()})
    return read
