"""``lightagent tools from-openapi``, as a person types it; and the APIs that settings name."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.entrypoints.cli.app import app
from tests.support.odd_operations import OF_3_0, document

SEEN: list[tuple[str, str]] = []


class Shop(BaseHTTPRequestHandler):
    """Answers every call."""

    def do_GET(self) -> None:
        SEEN.append((self.path, self.headers.get("X-Key", "")))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"id": 7}')

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    """Host and port."""
    SEEN.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "api.json").write_text(json.dumps(document("3.0.3", OF_3_0, "https://api.example")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, ["tools", *arguments], env={"COLUMNS": "200", **variables})


@pytest.mark.usefixtures("folder")
def test_operations_are_listed_and_checked() -> None:
    shown = invoke("from-openapi", "api.json", "--path", "/form")
    assert (shown.exit_code, shown.stdout) == (0, "get_form · GET /form\n")
    assert "1 tools, 0 left out" in shown.stderr
    (tool,) = json.loads(invoke("from-openapi", "api.json", "--path", "/form", "--json").stdout)
    assert tool["function"]["parameters"]["properties"] == {"x": {"type": "array", "items": {"type": "integer"}}}
    checked = invoke("from-openapi", "api.json", "--method", "*", "--check")
    assert checked.exit_code == 1
    assert "TRACE /trace · The operation trace_trace is left out: its method is TRACE" in checked.stdout
    assert invoke("from-openapi", "api.json", "--path", "/form", "--check").exit_code == 0


def test_a_document_that_names_no_server_is_listed_and_not_called(folder: Path) -> None:
    (folder / "bare.json").write_text('{"openapi": "3.1.0", "paths": {"/a": {"get": {"operationId": "a"}}}}')
    assert invoke("from-openapi", "bare.json").stdout == "a · GET /a\n"
    called = invoke("from-openapi", "bare.json", "--call", "a")
    assert (called.exit_code, "no tool 'a'" in called.stderr) == (1, True)
    assert "pass server=" in called.stderr
    assert "must be selected with --method or --operation" in called.stderr


@pytest.mark.usefixtures("folder")
def test_one_is_called(shop: str) -> None:
    call = (
        "from-openapi",
        "api.json",
        "--call",
        "get_form",
        "--arguments",
        '{"x": [1, 2]}',
        "--server",
        f"http://{shop}",
    )
    refused = invoke(*call)
    assert (refused.exit_code, SEEN) == (1, [])
    assert "127.0.0.1 is this machine itself" in refused.stderr
    done = invoke(*call, "--private-host", shop, "--header", "X-Key=MY_KEY", MY_KEY="secret-1")
    assert (done.exit_code, done.stdout) == (0, '{"id": 7}\n')
    assert SEEN == [("/form?x=1&x=2", "secret-1")]
    wrong = invoke(*call[:-4], "--arguments", '{"y": 1}')
    assert (wrong.exit_code, len(SEEN)) == (1, 1)
    assert "do not fit" in wrong.stderr


@pytest.mark.usefixtures("folder")
def test_what_is_typed_wrong() -> None:
    unset = invoke("from-openapi", "api.json", "--auth", "key=sk-written-out").stderr
    assert "environment variable is not set" in unset
    assert "sk-written-out" not in unset
    assert invoke("from-openapi", "nothing.json").exit_code == 2
    assert invoke("from-openapi", "http://127.0.0.1:9/api.json").exit_code == 2


def test_apis_of_the_settings_are_listed_and_called(folder: Path, shop: str) -> None:
    (folder / "lightagent.toml").write_text(
        f'[default.openapi.shop]\ndocument = "api.json"\nserver = "http://{shop}"\nprivate_hosts = ["{shop}"]\n'
        'paths = ["/form"]\nprefix = "shop_"\n'
    )
    assert invoke("list", "--config", "lightagent.toml").stdout == "shop_get_form · GET /form\n"
    called = invoke("call", "shop_get_form", '{"x": [3]}', "--config", "lightagent.toml")
    assert (called.exit_code, called.stdout) == (0, '{"id": 7}\n')
    assert [path for path, _ in SEEN] == ["/form?x=3"]


def test_the_doctor_reads_the_documents(folder: Path) -> None:
    table = '[default.model]\nkind = "offline"\n[default.openapi.shop]\ndocument = "api.json"\n'
    (folder / "lightagent.toml").write_text(table)
    seen = CliRunner().invoke(app, ["doctor", "--config", "lightagent.toml"], env={"COLUMNS": "200"})
    assert (seen.exit_code, "✓ openapi · shop · " in seen.stdout) == (0, True), seen.stdout
    (folder / "api.json").write_text("{}")
    seen = CliRunner().invoke(app, ["doctor", "--config", "lightagent.toml"], env={"COLUMNS": "200"})
    assert (seen.exit_code, "✗ openapi · shop" in seen.stdout) == (1, True), seen.stdout
