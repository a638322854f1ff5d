"""A server that speaks the REST of Qdrant, as far as a memory needs it, over the local mode of its client.

It reads each request by the models of Qdrant's own description, which refuse what they do not know, and answers as the
server does. It is no Qdrant: what a real one makes of the requests is seen where QDRANT_URL is set.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ValidationError
from qdrant_client import QdrantClient, models

from tests.servers.in_thread import serving

Body = dict[str, object]


@dataclass(eq=False)
class FakeQdrant:
    """What the server keeps and has seen.

    Attributes:
        url: where it listens.
        key: what it asks for, if anything.
        fails: the status that it answers with, whatever is asked; 0: none.
        instead: a status, headers and a body that it answers with, whatever is asked.
        indexes: the fields that are indexed, with how.
        waits: the parameter `wait` of each request that changes points.
    """

    url: str = ""
    key: str = ""
    fails: int = 0
    instead: tuple[int, Mapping[str, str], bytes] | None = None
    indexes: dict[str, object] = field(default_factory=dict)
    waits: list[str] = field(default_factory=list)
    client: QdrantClient = field(default_factory=lambda: QdrantClient(":memory:"))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, target: str, body: Body) -> object:
        """The result of a request.

        Raises:
            LookupError: there is nothing of the kind.
            ValueError: the request is wrong.
        """
        parts = urlsplit(target)
        for (wanted, pattern), deed in _DEEDS.items():
            if method == wanted and (found := re.fullmatch(pattern, parts.path)):
                if wanted == "PUT" or pattern.endswith("delete"):
                    self.waits.append(dict(parse_qsl(parts.query)).get("wait", ""))
                with self.lock:
                    return deed(self, found[1], body)
        raise LookupError(f"{method} {parts.path}")


def _create(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.CreateCollection.model_validate(body)
    if server.client.collection_exists(name):
        raise ValueError(f"Collection `{name}` already exists!")
    return server.client.create_collection(
        name,
        vectors_config=wanted.vectors or {},
        sparse_vectors_config=wanted.sparse_vectors,
        metadata=wanted.metadata,
    )


def _get(server: FakeQdrant, name: str, body: Body) -> object:
    if not server.client.collection_exists(name):
        raise LookupError(f"Collection `{name}` doesn't exist!")
    found = server.client.get_collection(name).model_dump(mode="json")
    schema = {field: {"data_type": "keyword", "points": 0} for field in server.indexes}
    return {**found, "payload_schema": schema}


def _index(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.CreateFieldIndex.model_validate(body)
    server.indexes[wanted.field_name] = body["field_schema"]
    return {"operation_id": 0, "status": "completed"}


def _add_vector(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.DenseVectorNameConfig.model_validate(body)
    collection, _, vector = name.split("/")
    return server.client.create_vector_name(collection, vector, wanted)


def _remove_vector(server: FakeQdrant, name: str, body: Body) -> object:
    collection, _, vector = name.split("/")
    return server.client.delete_vector_name(collection, vector)


def _change(server: FakeQdrant, name: str, body: Body) -> object:
    return server.client.update_collection(name, metadata=models.UpdateCollection.model_validate(body).metadata)


def _renew(server: FakeQdrant, name: str, body: Body) -> object:
    return server.client.update_vectors(name, models.UpdateVectors.model_validate(body).points)


def _upsert(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.PointsList.model_validate(body)
    return server.client.upsert(name, wanted.points, update_mode=wanted.update_mode)


def _retrieve(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.PointRequest.model_validate(body)
    return server.client.retrieve(name, wanted.ids, with_payload=wanted.with_payload or False)


def _query(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.QueryRequest.model_validate(body)
    return server.client.query_points(
        name,
        prefetch=wanted.prefetch,
        query=wanted.query,
        query_filter=wanted.filter,
        limit=wanted.limit or 10,
        with_payload=wanted.with_payload or False,
    )


def _scroll(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.ScrollRequest.model_validate(body)
    order = wanted.order_by
    assert isinstance(order, models.OrderBy)
    assert order.key in server.indexes, "points can only be put in the order of an indexed field"
    points, offset = server.client.scroll(
        name, wanted.filter, limit=wanted.limit or 10, order_by=order, with_payload=wanted.with_payload or False
    )
    return {"points": [point.model_dump(mode="json") for point in points], "next_page_offset": offset}


def _count(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.CountRequest.model_validate(body)
    return server.client.count(name, wanted.filter)


def _delete(server: FakeQdrant, name: str, body: Body) -> object:
    return server.client.delete(name, models.FilterSelector.model_validate(body))


def _selected(
    points: Sequence[models.ExtendedPointId] | None, condition: models.Filter | None
) -> models.PointIdsList | models.FilterSelector:
    """The points that a change of payloads names, or those that its filter finds."""
    if condition is None:
        return models.PointIdsList(points=[*(points or ())])
    return models.FilterSelector(filter=condition)


def _set_payload(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.SetPayload.model_validate(body)
    return server.client.set_payload(name, wanted.payload, _selected(wanted.points, wanted.filter))


def _delete_payload(server: FakeQdrant, name: str, body: Body) -> object:
    wanted = models.DeletePayload.model_validate(body)
    return server.client.delete_payload(name, wanted.keys, _selected(wanted.points, wanted.filter))


def _exists(server: FakeQdrant, name: str, body: Body) -> object:
    return {"exists": server.client.collection_exists(name)}


_PLACE: Final = "/collections/([^/]+)"
_VECTOR: Final = "/collections/([^/]+/vectors/[^/]+)"
_DEEDS: Final[Mapping[tuple[str, str], Callable[[FakeQdrant, str, Body], object]]] = {
    ("GET", f"{_PLACE}/exists"): _exists,
    ("GET", _PLACE): _get,
    ("PUT", _PLACE): _create,
    ("PATCH", _PLACE): _change,
    ("PUT", _VECTOR): _add_vector,
    ("DELETE", _VECTOR): _remove_vector,
    ("PUT", f"{_PLACE}/index"): _index,
    ("PUT", f"{_PLACE}/points/vectors"): _renew,
    ("PUT", f"{_PLACE}/points"): _upsert,
    ("POST", f"{_PLACE}/points"): _retrieve,
    ("POST", f"{_PLACE}/points/query"): _query,
    ("POST", f"{_PLACE}/points/scroll"): _scroll,
    ("POST", f"{_PLACE}/points/count"): _count,
    ("POST", f"{_PLACE}/points/payload"): _set_payload,
    ("POST", f"{_PLACE}/points/payload/delete"): _delete_payload,
    ("POST", f"{_PLACE}/points/delete"): _delete,
}


class _Handler(BaseHTTPRequestHandler):
    fake: FakeQdrant
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.fake.instead is not None:
            return self._send(*self.fake.instead)
        status, result = self._answer(json.loads(content) if content else {})
        told = {"result": result, "status": "ok", "time": 0.0}
        sent = json.dumps(told if status == 200 else {"status": {"error": result}, "time": 0.0}).encode()
        return self._send(status, {"Content-Type": "application/json"}, sent)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, body: Body) -> tuple[int, object]:
        if self.fake.fails:
            return self.fake.fails, f"it fails, says {self.headers.get('api-key', 'nobody')}"
        if self.fake.key and self.headers.get("api-key") != self.fake.key:
            return 401, "Must provide an API key or an Authorization bearer token"
        try:
            result = self.fake.answer(self.command, self.path, body)
        except LookupError as exc:
            return 404, f"Not found: {exc}"
        except ValidationError as exc:
            return 400, f"Format error in JSON body: {exc}"
        except ValueError as exc:
            return (409 if "already exists" in str(exc) else 400), f"Wrong input: {exc}"
        return 200, _plain(result)

    def do_GET(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said."""


@contextmanager
def fake_qdrant(key: str = "") -> Iterator[FakeQdrant]:
    """The server, as long as the block lasts.

    Args:
        key: what it asks for.
    """
    server = FakeQdrant(key=key)

    handler = type("Handler", (_Handler,), {"fake": server})
    with serving(handler) as place:
        server.url = f"http://{place}"
        try:
            yield server
        finally:
            server.client.close()


def _plain(result: object) -> object:
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, list):
        return [_plain(one) for one in result]
    return result
