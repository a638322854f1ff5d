"""The codec server: decodes for whoever has its key, and shows nobody else anything."""

from __future__ import annotations

import httpx
import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")
pytest.importorskip("cryptography", reason="it is an extra")
pytest.importorskip("starlette", reason="it is an extra")

from google.protobuf.json_format import MessageToJson, Parse
from temporalio.api.common.v1 import Payloads
from temporalio.converter import DataConverter, WorkflowSerializationContext
from typer.testing import CliRunner

from lightagent.adapters.engines.temporal.codec import EncryptingCodec, PayloadCipher
from lightagent.adapters.engines.temporal.codec_server import MOST_BODY, codec_server
from lightagent.adapters.engines.temporal.payload_keys import payload_keys
from lightagent.adapters.engines.temporal.payload_references import converter
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.app import app

KEY = "codec-server-key-4711"
ORIGIN = "https://temporal.example"
CANARY = "the code is 4711"


def codec(secret: str = "spring" * 8) -> EncryptingCodec:
    return EncryptingCodec(PayloadCipher(payload_keys({"spring": secret})), takes_plain=True)


@pytest.fixture
def browser() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(codec_server(codec(), key=KEY, origins=[ORIGIN]))
    return httpx.AsyncClient(transport=transport, base_url="http://codec")


def shown(key: str = KEY, origin: str = ORIGIN) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Origin": origin, "X-Namespace": "default"}


async def kept(tenant: str = "acme") -> Payloads:
    """What the server has of a tenant's run: one payload that is encrypted, and one from before."""
    of_run = converter(codec()).with_context(WorkflowSerializationContext("default", f"{tenant}/ann/r"))
    return Payloads(payloads=[*await of_run.encode([CANARY]), *await DataConverter.default.encode(["before"])])


async def test_whoever_has_the_key_reads_the_payloads_of_all_tenants(browser: httpx.AsyncClient) -> None:
    for tenant in ("acme", "globex"):
        body = MessageToJson(await kept(tenant))
        assert CANARY not in body
        answer = await browser.post("/decode", content=body, headers=shown())
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        found = Parse(answer.content, Payloads())
        assert await DataConverter.default.decode(list(found.payloads)) == [CANARY, "before"]


async def test_what_is_encoded_is_decoded(browser: httpx.AsyncClient) -> None:
    plain = Payloads(payloads=await DataConverter.default.encode([CANARY]))
    encoded = await browser.post("/encode", content=MessageToJson(plain), headers=shown())
    assert CANARY not in str(Parse(encoded.content, Payloads()))
    decoded = await browser.post("/decode", content=encoded.content, headers=shown())
    assert Parse(decoded.content, Payloads()) == plain


@pytest.mark.parametrize("key", ["", "codec-server-key-4712", KEY + " ", "schlüssel"])
async def test_nobody_else_is_shown_anything(browser: httpx.AsyncClient, key: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in shown(key).items()]
    answer = await browser.post("/decode", content=MessageToJson(await kept()), headers=headers)
    assert answer.status_code == 401
    assert CANARY not in answer.text


async def test_pages_of_other_origins_may_not_ask(browser: httpx.AsyncClient) -> None:
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-namespace"}
    allowed = await browser.options("/decode", headers={"Origin": ORIGIN, **wanted})
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    refused = await browser.options("/decode", headers={"Origin": "https://evil.example", **wanted})
    assert "access-control-allow-origin" not in refused.headers
    assert refused.status_code == 400


async def test_what_cannot_be_decoded_is_told_without_content(browser: httpx.AsyncClient) -> None:
    for body in (b"", b"no json", b'{"payloads": 3}', b'{"payloads": [{"data": "\xff"}]}', b"[" * 100_000):
        answer = await browser.post("/decode", content=body, headers=shown())
        assert answer.status_code == 400, body[:20]
    other = httpx.ASGITransport(codec_server(codec("autumn" * 8), key=KEY))
    async with httpx.AsyncClient(transport=other, base_url="http://codec") as asking:
        answer = await asking.post("/decode", content=MessageToJson(await kept()), headers=shown())
        assert (answer.status_code, "'spring', which has another secret here" in answer.text) == (400, True)
        assert (await asking.post("/decode", content=b" " * (MOST_BODY + 1), headers=shown())).status_code == 413


def test_a_codec_server_without_a_key_is_not_started(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ConfigurationError, match="fewer than 16"):
        codec_server(codec(), key="short")
    config = tmp_path_factory.mktemp("config") / "lightagent.toml"
    told = {"": "encryption is not configured", 'encryption = { keys = { a = { env = "A" } } }': "server_key: required"}
    for line, text in told.items():
        config.write_text(f'[default.flow.engine]\nkind = "temporal"\n{line}\n')
        typed = CliRunner().invoke(app, ["flow", "codec-server", "--config", str(config)], env={"A": "a" * 32})
        assert typed.exit_code == 2
        assert text in " ".join(typed.output.split())
