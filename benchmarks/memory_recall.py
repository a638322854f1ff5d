"""How often a store of memories finds what answers a question about a long conversation.

    python benchmarks/memory_recall.py conversations.json
    python benchmarks/memory_recall.py conversations.json --embedder '{"kind": "onnx", "path": "bge-small"}'
    python benchmarks/memory_recall.py conversations.json --store '{"kind": "qdrant", "path": "{place}/qdrant"}'

The file is a list of conversations: {"memories": [{"id": …, "at": "1:56 pm on 8 May, 2023", "speaker": …, "text": …}],
"questions": [{"question": …, "evidence": [ids]}]}. Each is remembered as one user's, a memory for each turn, with the
name of its speaker before it. A question counts if the first k memories have one of its evidence.

Without --store it compares plain BM25, a store in SQLite without a model, and with --embedder also that store with its
vectors. `{place}` stands for an empty folder.
"""

import argparse
import asyncio
import json
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lightagent import ConfigurationError, JsonObject
from lightagent.adapters.registry import open_adapter
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.text.search import Bm25, TextIndex, WeightedText, weigh
from lightagent.ports.memory import MemoryStore

_WORDS = re.compile(r"\w+")
_AT_ONCE = 200


@dataclass(frozen=True)
class Conversation:
    """The memories of one user, and what is asked about them."""

    owner: MemoryOwner
    memories: Sequence[MemoryRecord]
    questions: Sequence[tuple[str, frozenset[str]]]


def read_conversations(path: Path) -> list[Conversation]:
    """The conversations of a file."""
    found: list[Conversation] = []
    for number, one in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        owner = MemoryOwner(user=f"user {number}")
        memories = [
            MemoryRecord(turn["id"], owner, f"{turn['speaker']}: {turn['text']}", {"source": "user"}, _time(turn["at"]))
            for turn in one["memories"]
        ]
        questions = [(asked["question"], frozenset(asked["evidence"])) for asked in one["questions"]]
        found.append(Conversation(owner, memories, questions))
    return found


def _time(text: str) -> float:
    return datetime.strptime(text, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC).timestamp()


def plain_words(text: str) -> list[str]:
    """The words of a text as they stand there."""
    return _WORDS.findall(text.lower())


def plain_hits(conversations: Sequence[Conversation], k: int) -> int:
    """How many questions count with BM25 as textbooks have it."""
    hits = 0
    for one in conversations:
        texts = [weigh([WeightedText(memory.text, 1.0)], plain_words) for memory in one.memories]
        index = TextIndex(texts, Bm25(1.2, 0.75))
        for question, evidence in one.questions:
            found = index.rank(plain_words(question), k)
            hits += any(one.memories[match.place].memory_id in evidence for match in found)
    return hits


async def measure(store: MemoryStore, conversations: Sequence[Conversation], k: int) -> tuple[int, float, float]:
    """How many questions count; the milliseconds of CPU of this process that writing and recalling one memory took."""
    began = time.process_time()
    for one in conversations:
        for start in range(0, len(one.memories), _AT_ONCE):
            await store.write(one.memories[start : start + _AT_ONCE])
    written = time.process_time() - began
    hits = 0
    began = time.process_time()
    for one in conversations:
        for question, evidence in one.questions:
            found = await store.recall(one.owner, question, k, RecallFilter(time.time()))
            hits += any(memory.fields.get("memory_id") in evidence for memory in found)
    recalled = time.process_time() - began
    await store.aclose()
    memories = sum(len(one.memories) for one in conversations)
    return hits, written / memories * 1000, recalled / max(1, _asked(conversations)) * 1000


def _asked(conversations: Sequence[Conversation]) -> int:
    return sum(len(one.questions) for one in conversations)


def open_store(text: str, place: str) -> MemoryStore:
    """The store of a kind and options, as JSON."""
    options: JsonObject = json.loads(text.replace("{place}", place))
    kind = options.pop("kind", None)
    store = open_adapter("memory", str(kind), options)
    if not isinstance(store, MemoryStore):
        raise ConfigurationError(f"{kind!r} is no store of memories.")
    return store


def default_stores(embedder: str | None) -> list[str]:
    """A store without a model, and one with."""
    plain: JsonObject = {"kind": "sqlite", "path": "{place}/words.db", "synchronous": "normal"}
    with_vectors = [] if embedder is None else [plain | {"path": "{place}/both.db", "embedder": json.loads(embedder)}]
    return [json.dumps(one) for one in (plain, *with_vectors)]


def shown(text: str) -> str:
    """What tells a store from others."""
    options: JsonObject = json.loads(text)
    embedder = options.get("embedder")
    model = f", {embedder['kind']} {Path(str(embedder.get('path', ''))).name}" if isinstance(embedder, dict) else ""
    return f"{options['kind']}{model.rstrip()}"


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="conversations with questions")
    parser.add_argument("--k", type=int, default=5, help="how many memories are looked at")
    parser.add_argument("--embedder", metavar="JSON", help="a kind of embedder and its options")
    parser.add_argument("--store", action="append", metavar="JSON", help="a kind of store and its options; repeatable")
    chosen = parser.parse_args()
    conversations = read_conversations(chosen.path)
    asked, memories = _asked(conversations), sum(len(one.memories) for one in conversations)
    print(f"{memories:,} memories, {asked:,} questions\n")
    print(f"| store | evidence among {chosen.k} | ms CPU to write | ms CPU to recall |\n|---|---|---|---|")
    print(f"| plain BM25 | {plain_hits(conversations, chosen.k) / asked:.3f} | | |")
    with tempfile.TemporaryDirectory() as place:
        for text in chosen.store or default_stores(chosen.embedder):
            store = open_store(text, place)
            hits, written, recalled = asyncio.run(measure(store, conversations, chosen.k))
            print(f"| {shown(text)} | {hits / asked:.3f} | {written:.2f} | {recalled:.2f} |")


if __name__ == "__main__":
    main()
