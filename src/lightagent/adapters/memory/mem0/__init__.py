"""Memories in mem0 2.x: in this process, or over the hosted service.

Read in this order: `items` (records as mem0 keeps them), `shelf` (what is done with them), `library` (mem0 itself),
`models` (which mem0 asks).
One thread of the store uses mem0, one caller after another; it is imported at the first use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters.memory._space import Space
from lightagent.adapters.registry import Adapter, install_command
from lightagent.aiokits.job_thread import JobThread
from lightagent.domain.errors import MissingExtraError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.ports.memory import ALL_FEATURES, MemoryFeature, MemoryPage, MemoryStore, OwnerSelection

if TYPE_CHECKING:
    from lightagent.adapters.memory.mem0.shelf import Shelf

Mode: TypeAlias = Literal["embedded", "platform"]
T = TypeVar("T")

_EXTRA: Final = "mem0"
_REQUIRES: Final = ("mem0", "qdrant_client")


class Mem0Options(BaseModel):
    """Options of the kind `mem0`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    mode: Mode = Field(default="embedded", description="embedded: in this process; platform: the hosted service")
    path: str = Field(
        min_length=1,
        description="the folder, which is made at the first use; of the hosted service, mem0's own settings are in it",
    )
    base_url: str = Field(
        default="https://api.openai.com/v1", description="embedded: an OpenAI-compatible endpoint of both models"
    )
    api_key: SecretStr = Field(description="of the endpoint, or of the hosted service")
    model: str = Field(default="gpt-4.1-mini", description="embedded: what makes facts of texts, with infer")
    embedding_model: str = Field(default="text-embedding-3-small", description="embedded: what makes vectors of texts")
    dimension: int = Field(default=1536, ge=1, le=65_536, description="embedded: how many numbers a vector has")
    infer: bool = Field(default=False, description="keep the facts that a model finds in a text, not the text")
    host: str = Field(default="https://api.mem0.ai", description="platform: the service")
    timeout: float = Field(default=30.0, gt=0, description="seconds for a request to the endpoint or the service")


class Mem0Memory(MemoryStore):
    """Keeps memories with mem0, whose telemetry is off.

    Args:
        options: where mem0 keeps them, and which models it uses.
    """

    def __init__(self, options: Mem0Options) -> None:
        self._options = options
        self._thread = JobThread("lightagent-mem0", partial(_open, options), partial(_close, options.mode), nullcontext)

    def __repr__(self) -> str:
        return f"Mem0Memory(mode={self._options.mode!r})"

    @property
    def name(self) -> str:
        return "mem0"

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        if self._options.mode == "platform":
            return frozenset({"read", "forget"})
        return frozenset({"read", "forget", "filter"}) if self._options.infer else ALL_FEATURES

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        kept = tuple(records)
        await self._run(lambda shelf: shelf.write(kept))

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        return await self._run(lambda shelf: shelf.recall(owner, query, limit, wanted))

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        return await self._run(lambda shelf: shelf.read(selection, limit, cursor)) if limit > 0 else MemoryPage(())

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        ids = None if memory_ids is None else tuple(memory_ids)
        return await self._run(lambda shelf: shelf.forget(selection, ids))

    async def aclose(self) -> None:
        await self._thread.aclose()

    async def _run(self, work: Callable[[Shelf], T]) -> T:
        return await self._thread.run(partial(_plainly, self._options, work))


def _plainly(options: Mem0Options, work: Callable[[Shelf], T], shelf: Shelf) -> T:
    from lightagent.adapters.memory.mem0.library import translate_errors

    with translate_errors(_place(options)):
        return work(shelf)


def _open(options: Mem0Options) -> Shelf:
    try:
        from lightagent.adapters.memory.mem0 import library, shelf

        with library.translate_errors(_place(options)):
            folder = Path(options.path)
            if options.mode == "platform":
                client = library.open_platform(
                    folder,
                    api_key=options.api_key.get_secret_value(),
                    host=options.host,
                    timeout=options.timeout,
                )
                return shelf.PlatformShelf(client, options.infer)
            return _open_folder(folder, options)
    except ModuleNotFoundError as exc:
        raise MissingExtraError(
            f"mem0 needs the package {exc.name!r}, which is not installed.",
            guidance=f"Type: {install_command(_EXTRA, 'mem0ai')}",
        ) from None


def _open_folder(folder: Path, options: Mem0Options) -> Shelf:
    from lightagent.adapters.memory.mem0 import library, shelf, stamp

    known = stamp.Stamp(folder, Space(f"openai:{options.embedding_model}", options.dimension))
    memory = library.open_embedded(
        folder,
        api_key=options.api_key.get_secret_value(),
        base_url=options.base_url,
        model=options.model,
        embedding_model=options.embedding_model,
        dimension=options.dimension,
        timeout=options.timeout,
        before_keeping=known.use,
    )
    try:
        if known.is_of_another_space():
            library.make_anew(memory)
        known.set()
    except BaseException:
        library.close_embedded(memory)
        raise
    return shelf.EmbeddedShelf(memory, options.infer)


def _close(mode: Mode, shelf: Shelf) -> None:
    from lightagent.adapters.memory.mem0 import library

    (library.close_platform if mode == "platform" else library.close_embedded)(shelf.mem0)


def _place(options: Mem0Options) -> str:
    return options.host if options.mode == "platform" else options.path


ADAPTER = Adapter(Mem0Options, Mem0Memory, requires=_REQUIRES, extra=_EXTRA)
