"""``lightagent mcp login``: at a server that wants it, as a person does it with a browser."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from typer.testing import CliRunner, Result
from typing_extensions import override

from lightagent.entrypoints.cli.app import app
from tests.functional.test_cli import MODULE, environment
from tests.servers.in_thread import serving
from tests.servers.mcp.faulty import Faulty
from tests.servers.mcp.http_server import Handler

TOKEN = "token-of-this-login"


class LoginHandler(Handler):
    """The faulty server behind a login; it is its own authorization server."""

    faulty = Faulty(
        Namespace(
            **dict.fromkeys(("hang", "modern", "stay"), False),
            **dict.fromkeys(("effects", "description", "helper"), ""),
            unknown="refuse",
            pages=1,
            json=True,
            tokens=0,
            port=0,
        )
    )

    @override
    def do_GET(self) -> None:
        base = f"http://{self.headers['host']}"
        path = urlsplit(self.path)
        if path.path.startswith("/.well-known/oauth-protected-resource"):
            self.answer(200, {"resource": f"{base}/mcp", "authorization_servers": [base]})
        elif path.path.startswith("/.well-known/"):
            ends = {f"{name}_endpoint": f"{base}/{name}" for name in ("authorization", "token", "registration")}
            methods = {"code_challenge_methods_supported": ["S256"], "response_types_supported": ["code"]}
            self.answer(200, {"issuer": base, **ends, **methods})
        elif path.path == "/authorization":
            asked = {name: values[0] for name, values in parse_qs(path.query).items()}
            self.send_response(302)
            back = urlencode({"code": "c", "state": asked["state"]})
            self.send_header("location", f"{asked['redirect_uri']}?{back}")
            self.send_header("content-length", "0")
            self.end_headers()
        else:
            super().do_GET()

    @override
    def do_POST(self) -> None:
        if self.path not in ("/token", "/registration"):
            super().do_POST()
            return
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/token":
            self.answer(200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})
        else:
            self.answer(201, {**json.loads(body), "client_id": "client"})

    def is_let_in(self) -> bool:
        return self.headers.get("authorization") == f"Bearer {TOKEN}"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A repository whose settings name the server."""
    with serving(LoginHandler) as host:
        (tmp_path / ".git").mkdir()
        url = f"http://{host}/mcp"
        (tmp_path / "lightagent.toml").write_text(
            f'[default.model]\nkind = "offline"\n[default.mcp.web]\nurl = "{url}"\n'
            f'[default.mcp.keyed]\nurl = "{url}"\nheaders = {{ Authorization = {{ env = "KEY" }} }}\ndisabled = true\n'
        )
        yield tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    variables = environment(LIGHTAGENT_TRUST_CONFIG="1", XDG_STATE_HOME=str(folder / "state"), KEY="Bearer x")
    return subprocess.Popen(
        [*MODULE, *arguments],
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def invoke(folder: Path, *arguments: str) -> Result:
    """A command that needs no browser, in this process."""
    variables = {"LIGHTAGENT_TRUST_CONFIG": "1", "XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "300"}
    at = ["--config", str(folder / "lightagent.toml")]
    return CliRunner().invoke(app, [*arguments, *at], env={**variables, "KEY": "Bearer x"})


@pytest.mark.timeout(200)
def test_a_person_logs_in_once_and_later_commands_use_it(folder: Path) -> None:
    listed = invoke(folder, "mcp", "list")
    assert listed.exit_code == 1
    assert "it requires a login; type: lightagent mcp login web" in listed.stdout
    assert "Traceback" not in listed.output
    with start(folder, "mcp", "login", "web") as login:
        assert login.stderr is not None
        address = next((line.strip() for line in login.stderr if line.startswith("http")), "")
        with urllib.request.urlopen(address, timeout=30) as page:
            assert "close this page" in page.read().decode()
        code, said, told = finish(login)
    assert code == 0, said + told
    assert "✓ web" in said
    kept = [*(folder / "state/lightagent/mcp-logins").iterdir()]
    assert TOKEN in kept[0].read_text()
    assert kept[0].stat().st_mode & 0o77 == 0
    called = invoke(folder, "tools", "call", "web/echo", '{"text": "hello"}')
    assert called.exit_code == 0, called.output
    assert "hello" in called.stdout
    assert TOKEN not in called.output


def test_a_server_that_takes_no_login_says_so(folder: Path) -> None:
    file = folder / "lightagent.toml"
    file.write_text(file.read_text().replace("disabled = true\n", ""))
    done = invoke(folder, "mcp", "login", "keyed")

    assert done.exit_code == 2
    assert "does not support logins" in done.stderr
