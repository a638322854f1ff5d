"""The tables ``[default.openapi.NAME]``: what becomes of them, and what is said of those that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lightagent import ConfigurationError, load_settings, open_app
from lightagent.application.openapi.service import OpenApiService
from lightagent.settings.openapi_services import OpenApiReading, read_openapi

SECRET = "tok-secret-123456"
DOCUMENT = {"openapi": "3.1.0", "info": {}, "paths": {"/a": {"get": {"operationId": "read_a", "responses": {}}}}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder: Path, text: str, **environ: str) -> OpenApiReading:
    (folder / "lightagent.toml").write_text(text)
    return read_openapi(load_settings(folder / "lightagent.toml", environ=environ), environ)


def one(reading: OpenApiReading) -> OpenApiService:
    assert (reading.problems, reading.unset) == ((), ())
    (service,) = reading.services
    return service


def test_all_that_can_be_set(folder: Path) -> None:
    text = (
        '[default.openapi.shop]\ndocument = "docs/api.yaml"\nserver = "https://shop.example/v1"\n'
        'headers = { X-Team = "blue" }\nauth = { bearer = { env = "TOKEN" } }\ntags = ["orders"]\n'
        'methods = ["get", "POST"]\npaths = ["/orders/*"]\noperations = ["read_*"]\nprefix = "shop_"\n'
        'timeout = 5.0\nmax_bytes = 2048\nprivate_hosts = ["10.0.0.5"]\nother_servers = ["https://files.example"]\n'
        '[default.openapi.off]\ndocument = "x.json"\ndisabled = true\n'
    )
    service = one(read(folder, text, TOKEN=SECRET))
    assert (service.name, service.document) == ("shop", str(folder / "docs/api.yaml"))
    assert (service.server, dict(service.headers), dict(service.auth)) == (
        "https://shop.example/v1",
        {"X-Team": "blue"},
        {"bearer": SECRET},
    )
    assert (service.choice.methods, service.choice.paths) == (("get", "post"), ("/orders/*",))
    assert (service.prefix, service.timeout, service.max_bytes) == ("shop_", 5.0, 2048)
    assert (service.private_hosts, service.other_servers) == (("10.0.0.5",), ("https://files.example",))
    assert SECRET not in repr(service)


def test_an_address_stays_one(folder: Path) -> None:
    written = '[default.openapi.a]\ndocument = "https://x.example/openapi.json"\n'
    assert one(read(folder, written)).document == "https://x.example/openapi.json"


def test_a_variable_that_is_missing_is_named(folder: Path) -> None:
    text = (
        '[default.openapi.a]\ndocument = "a.json"\nserver = "https://x.example"\nauth = { key = { env = "TOKEN" } }\n'
    )
    reading = read(folder, text)
    assert (reading.services, reading.problems) == ((), ())
    (problem,) = reading.unset
    assert "openapi.a.auth" in problem.place
    assert "TOKEN is not set" in problem.message


WRONG = {
    "credentials without a server": ('headers = { X-Team = "blue" }', "no server that they are for"),
    "a server that is none": ('server = "shop.example"', "address of a server cannot be used"),
    "a user in the server": ('server = "https://u@shop.example"', "address of a server cannot be used"),
    "a method that is none": ('methods = ["fetch"]', "'fetch' is not a method"),
    "a prefix that is none": ('prefix = "a b"', "cannot begin the names of tools"),
    "a header of two lines": ('server = "https://x.example"\nheaders = { X = "a\\nb" }', "cannot be sent"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_place(case: str, folder: Path) -> None:
    written, told = WRONG[case]
    (problem,) = read(folder, f'[default.openapi.a]\ndocument = "a.json"\n{written}\n').problems
    assert "openapi.a" in problem.place
    assert told in problem.message


REFUSED = {
    "a credential that is written out": 'auth = { key = "tok-secret-123456" }',
    "a secret header that is written out": 'headers = { Authorization = "Bearer tok-secret-123456" }',
    "no document": "",
    "a key that there is not": 'documents = "x"',
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_table_cannot_hold(case: str, folder: Path) -> None:
    document = "" if case == "no document" else 'document = "a.json"\n'
    with pytest.raises(ConfigurationError) as refused:
        read(folder, f'[default.openapi.a]\n{document}server = "https://x.example"\n{REFUSED[case]}\n')
    assert SECRET not in str(refused.value)


async def test_an_app_offers_its_operations(folder: Path) -> None:
    (folder / "api.json").write_text(json.dumps(DOCUMENT))
    (folder / "lightagent.toml").write_text(
        '[default.openapi.a]\ndocument = "api.json"\nserver = "https://x.example"\nprefix = "a_"\n'
    )
    async with open_app(load_settings(folder / "lightagent.toml", environ={}), environ={}) as app:
        toolset = await app.agent().means.catalogue.toolset()
    assert [*toolset.tools] == ["a_read_a"]
