"""Counts tokens with tiktoken, the tokenizer of OpenAI's models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.registry import Adapter
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.token_counter import TokenCounter

if TYPE_CHECKING:
    from tiktoken import Encoding

NEWEST: Final = "o200k_base"
"""The encoding of the models since GPT-4o."""

_AT_ONCE: Final = 20_000
"""Up to so many characters are counted in the event loop, which takes a few milliseconds; more in a thread."""


class TiktokenCounter(TokenCounter):
    """Counts as OpenAI's models do; for other models it is an estimate.

    tiktoken downloads the file of an encoding when it is first used, unless it is in the folder that the environment
    variable TIKTOKEN_CACHE_DIR names. If it can be neither found nor downloaded, runs continue with an estimate.

    Args:
        encoding: its name, such as ``o200k_base``; by default that of `model`.
        model: the model's name, such as ``gpt-4.1``; if tiktoken does not know it, the newest encoding is used.

    Raises:
        ConfigurationError: tiktoken does not know the encoding.
    """

    def __init__(self, encoding: str | None = None, *, model: str | None = None) -> None:
        self._encoding = _known(encoding) if encoding is not None else _encoding_of(model)
        self._is_loaded = False

    @property
    def name(self) -> str:
        return f"tiktoken:{self._encoding}"

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        if self._is_loaded and sum(map(len, texts)) <= _AT_ONCE:
            return self._count(texts)
        return await run_in_thread(self._count, texts)

    def _count(self, texts: Sequence[str]) -> list[int]:
        encoding = _loaded(self._encoding)
        self._is_loaded = True
        # A text may contain the name of a special token, which is counted as ordinary text.
        return [len(encoding.encode_ordinary(text)) for text in texts]


@cache
def _loaded(name: str) -> Encoding:
    import tiktoken

    return tiktoken.get_encoding(name)


def _known(name: str) -> str:
    import tiktoken

    known = tiktoken.list_encoding_names()
    if name not in known:
        raise ConfigurationError(
            f"tiktoken does not know the encoding {name!r:.80}.", guidance=f"Use one of: {', '.join(known)}."
        )
    return name


def _encoding_of(model: str | None) -> str:
    import tiktoken

    try:
        return NEWEST if model is None else tiktoken.encoding_name_for_model(model)
    except KeyError:
        return NEWEST


class TiktokenOptions(BaseModel):
    """Options of the kind `tiktoken`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    encoding: str | None = Field(default=None, description="the encoding; by default that of the model")
    model: str | None = Field(default=None, description="the model's name, from which the encoding follows")


def _open(options: TiktokenOptions) -> TiktokenCounter:
    return TiktokenCounter(options.encoding, model=options.model)


ADAPTER = Adapter(TiktokenOptions, _open, requires=("tiktoken",), extra="tokens")
