"""MCP servers in settings: their tables, files of other clients, and what is refused before anything is started."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.mcp.servers import HttpServer, McpServer, StdioServer
from lightagent.settings import load_settings
from lightagent.settings.mcp_servers import McpReading, read_mcp, read_mcp_file
from lightagent.settings.report import rows

ENVIRON = {"LIGHTAGENT_TRUST_CONFIG": "1", "PATH": str(Path(sys.executable).parent), "TOKEN": "t0ken-of-the-user"}
PYTHON = Path(sys.executable).name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(folder: Path, text: str, **variables: str) -> McpReading:
    environ = ENVIRON | variables
    (folder / "lightagent.toml").write_text(text)
    return read_mcp(load_settings(environ=environ), environ)


def one(reading: McpReading) -> McpServer:
    assert not reading.problems, reading.problems
    assert not reading.unset, reading.unset
    (server,) = reading.servers
    return server


def problems(reading: McpReading) -> str:
    return "\n".join(map(str, (*reading.problems, *reading.unset)))


def test_a_command_has_its_arguments_and_the_environment_that_is_named(folder: Path) -> None:
    server = one(
        read(
            folder,
            f'[default.mcp.time]\ncommand = "{PYTHON}"\nargs = ["-m", "server", {{ env = "TOKEN" }}]\ncwd = "sub"\n'
            'inherit = ["PATH"]\nenv = { MODE = "x", API_TOKEN = { env = "TOKEN" } }\ntools = ["now"]\n'
            'required = false\nscope = "run"\ncall_timeout = 5\nopen_timeout = 2.5\nmax_bytes = 5000\n',
        )
    )

    child = StdioServer(
        str(Path(sys.executable).parent / PYTHON),
        ("-m", "server", ENVIRON["TOKEN"]),
        {"PATH": ENVIRON["PATH"], "MODE": "x", "API_TOKEN": ENVIRON["TOKEN"]},
        str(folder / "sub"),
    )
    assert server == McpServer("time", child, ("now",), False, "run", 2.5, 5, 5_000)


@pytest.mark.parametrize(("written", "approval"), [("true", True), ('["buy"]', ("buy",)), ("false", False)])
def test_a_table_declares_the_tools_of_its_server_and_which_wait_for_approval(
    folder: Path, written: str, approval: object
) -> None:
    table = f'[default.mcp.shop]\ncommand = "{PYTHON}"\ncapabilities = ["write", "network"]\nrisk = "high"\n'
    server = one(read(folder, f"{table}approval = {written}\n"))
    assert (server.capabilities, server.risk, server.approval) == (("write", "network"), "high", approval)


@pytest.mark.parametrize("command", ["./server.sh", "tools/../server.sh"])
def test_a_path_is_relative_to_the_file_and_not_to_where_the_program_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (folder / "tools").mkdir()
    program = folder / "server.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(folder / "tools")
    server = one(read(folder, f'[default.mcp.own]\ncommand = "{command}"\n'))
    assert isinstance(server.connection, StdioServer)
    assert Path(server.connection.command).is_absolute()
    assert Path(server.connection.command).samefile(program)


@pytest.mark.parametrize(
    ("written", "transport"),
    [
        ('url = "https://example.org/sse"', "sse"),
        ('url = "https://example.org/anything"', "sse"),
        ('url = "https://example.org/mcp/?a=b"', "streamable-http"),
        ('url = "https://example.org/x"\ntransport = "streamable-http"', "streamable-http"),
        ('url = "https://example.org/mcp"\ntransport = "sse"', "sse"),
    ],
)
def test_a_url_has_the_transport_that_is_set_or_that_it_speaks_of(folder: Path, written: str, transport: str) -> None:
    connection = one(read(folder, f"[default.mcp.web]\n{written}\n")).connection

    assert isinstance(connection, HttpServer)
    assert connection.transport == transport


def test_headers_and_urls_may_be_references(folder: Path) -> None:
    text = '[default.mcp.web]\nurl = { env = "WHERE" }\nheaders = { Authorization = { env = "TOKEN" } }\n'
    server = one(read(folder, text, WHERE="https://example.org/x"))

    assert server.connection == HttpServer("https://example.org/x", "sse", {"Authorization": ENVIRON["TOKEN"]})


def test_a_profile_goes_over_the_default_and_a_server_may_be_disabled(folder: Path) -> None:
    text = f'[default.mcp.a]\ncommand = "{PYTHON}"\n[default.mcp.b]\ncommand = "{PYTHON}"\n'
    text += "[dev.mcp.b]\ndisabled = true\n"
    reading = read(folder, text, LIGHTAGENT_PROFILE="dev", LIGHTAGENT__MCP__A__CALL_TIMEOUT="3")

    assert [server.name for server in reading.servers] == ["a"]
    assert reading.servers[0].call_timeout == 3
    assert reading.disabled == ("b",)


def test_a_server_may_be_called_like_a_secret(folder: Path) -> None:
    text = f'[default.mcp.secrets]\ncommand = "{PYTHON}"\nenv = {{ MODE = "x" }}\n'
    text += f'[default.mcp.token]\ncommand = "{PYTHON}"\nenv = {{ env = "production" }}\n'
    secrets, token = read(folder, text).servers

    assert isinstance(secrets.connection, StdioServer)
    assert isinstance(token.connection, StdioServer)
    assert secrets.connection.env == {"MODE": "x"}
    assert token.connection.env == {"env": "production"}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "A server has either a command or a url"),
        ('command = "x"\nurl = "https://x"', "A server has either a command or a url"),
        ('command = "x"\nheaders = { A = "b" }', "headers does not apply to a server with a command"),
        ('url = "https://x"\nargs = ["b"]', "args does not apply to a server with a url"),
        ('url = "https://x"\ntransport = "stdio"', "The transport stdio does not go with a url"),
        ('comand = "x"', "Unknown option 'comand'. Did you mean 'command'?"),
        ('command = "x"\nargs = "a b"', "Input should be a valid list. It is: Its arguments."),
        ('command = "x"\ncall_timeout = 0', "greater than 0"),
        ('command = "x"\nargs = [{ evn = "A" }]', 'A text is expected, or { env = "NAME" }'),
        ('command = "x"\nenv = { API_TOKEN = "written out" }', "A secret is written out here."),
        ('url = "https://x"\nheaders = { Authorization = "Bearer abc" }', "A secret is written out here."),
        ('url = "https://user:password@x/mcp"', "A secret is written out here."),
    ],
)
def test_a_wrong_table_names_the_place_and_the_remedy(folder: Path, written: str, told: str) -> None:
    (folder / "lightagent.toml").write_text(f"[default.mcp.web]\n{written}\nscope = 'app'\n")
    with pytest.raises(ConfigurationError) as raised:
        load_settings(environ=ENVIRON)

    assert told in str(raised.value)
    assert "default.mcp.web" in str(raised.value)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('command = "no-such-program"', "(lightagent.toml:2): The program 'no-such-program' was not found. Install it"),
        ('command = "python -m server"', 'The command is not split into words: write command = "program"'),
        ('command = "./server"', "The program './server' was not found."),
        (f'command = "{PYTHON}"\ninherit = ["NOT_HERE"]', "The environment variable NOT_HERE is not set."),
        (f'command = "{PYTHON}"\nenv = {{ A = {{ env = "NOT_HERE" }} }}', "NOT_HERE is not set. Type: export"),
        ('url = "ftp://example.org"', "This is not the address of a server. Write https://host/path."),
        ('url = "https://x"\nheaders = { A = "b\\nC: d" }', "A header must be one line of text."),
        (f'command = "{PYTHON}"\nenv = {{ "A=B" = "c" }}', "Invalid name or value of an environment variable."),
        (f'command = "{PYTHON}"\nargs = ["a\\u0000"]', "An argument of a program must not contain a NUL."),
    ],
)
def test_what_could_not_be_started_is_told_beforehand(folder: Path, written: str, told: str) -> None:
    reading = read(folder, f"[default.mcp.web]\n{written}\n")

    assert told in problems(reading)
    assert reading.servers == ()


def test_a_value_that_was_looked_up_is_in_no_problem(folder: Path) -> None:
    text = '[default.mcp.web]\nurl = { env = "TOKEN" }\n'

    assert "not the address" in problems(read(folder, text))
    assert ENVIRON["TOKEN"] not in problems(read(folder, text))


def test_only_the_programs_that_are_listed_may_be_servers(folder: Path) -> None:
    tools = '[default.tools]\nmcp_commands = ["npx", "uvx"]\n'
    other = problems(read(folder, f'{tools}[default.mcp.a]\ncommand = "{PYTHON}"\n'))
    lookalike = problems(read(folder, f'{tools}[default.mcp.a]\ncommand = "./npx"\n'))
    allowed = read(folder, f'[default.tools]\nmcp_commands = ["{PYTHON}"]\n[default.mcp.a]\ncommand = "{PYTHON}"\n')

    assert f"The program '{PYTHON}' is not allowed for MCP servers. Allowed are: 'npx', 'uvx'." in other
    assert "The program './npx' is not allowed" in lookalike
    assert [server.name for server in allowed.servers] == ["a"]


def test_settings_show_what_is_set_of_a_server_and_no_secret(folder: Path) -> None:
    text = '[default.mcp.web]\nurl = "https://x/mcp"\nheaders = { X-Corp = "abc", Authorization = { env = "TOKEN" } }\n'
    (folder / "lightagent.toml").write_text(text)
    settings = load_settings(environ=ENVIRON)
    shown = {row.path: (row.value, row.origin) for row in rows(settings)}

    assert shown["mcp.web.url"] == ('"https://x/mcp"', "[default] lightagent.toml:2")
    assert "abc" not in str(shown)
    assert '{ env = "TOKEN" }' in shown["mcp.web.headers"][0]
    assert "abc" not in repr(settings)


CLIENT = {
    "mcpServers": {
        "files": {"command": PYTHON, "args": ["-y", 8080, "${HOME_DIR}/x"], "env": {"A": "b", "N": 1, "C": "${NO:-d}"}},
        "gone": {"command": "no-such-program", "disabled": True},
        "http": {"type": "http", "url": "https://example.org/a", "headers": {"Authorization": "Bearer ${env:TOKEN}"}},
        "stream": {"transport": "streamable_http", "url": "https://example.org/a", "alwaysAllow": ["x"], "args": []},
        "cline": {"type": "streamableHttp", "url": "https://example.org/a", "timeout": 60, "tools": ["only"]},
        "windsurf": {"serverUrl": "https://example.org/sse"},
        "gemini": {"httpUrl": "https://example.org/a"},
        "plain": {"url": "https://example.org/a", "command": "", "env": {}},
    }
}


def test_a_file_of_another_client_is_read_as_it_is(folder: Path) -> None:
    (folder / ".mcp.json").write_text(json.dumps(CLIENT))
    reading = read(folder, '[default.tools]\nmcp_file = ".mcp.json"\n', HOME_DIR="/folders/mine")
    found = {server.name: server for server in reading.servers}

    assert not problems(reading)
    files = found["files"].connection
    assert isinstance(files, StdioServer)
    assert files.args == ("-y", "8080", "/folders/mine/x")
    assert files.env == {"A": "b", "N": "1", "C": "d"}
    kinds = {name: one.connection.transport for name, one in found.items() if isinstance(one.connection, HttpServer)}
    http, sse = "streamable-http", "sse"
    assert kinds == {"http": http, "stream": http, "cline": http, "windsurf": sse, "gemini": http, "plain": sse}
    web = found["http"].connection
    assert isinstance(web, HttpServer)
    assert web.headers == {"Authorization": f"Bearer {ENVIRON['TOKEN']}"}
    assert found["cline"].tools == ("only",)
    assert reading.disabled == ("gone",)
    assert reading.ignored == ("stream.alwaysAllow", "cline.timeout")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "a.json: MCP servers cannot be read from it: Expecting property name"),
        ("[1]", "a.json: The object mcpServers is missing."),
        ('{"mcpServers": {"a": 1}}', "a.json: mcpServers.a: A server must be an object."),
        ('{"mcpServers": {"a": {}}}', "a.json: mcpServers.a: A server has either a command or a url"),
        ('{"mcpServers": {"a": {"command": ["x"]}}}', "mcpServers.a.command: Input should be a valid string"),
        (
            '{"mcpServers": {"a": {"command": "nothing"}}}',
            "mcpServers.a.command: The program 'nothing'",
        ),
        ('{"mcpServers": {"a": {"url": "${GONE}"}}}', "The environment variable GONE is not set."),
        ('{"mcpServers": {"a": {"url": "https://x/${input:key}"}}}', "${input:key} is not supported"),
        ("[" * 100_000, "a.json: MCP servers cannot be read from it"),
    ],
)
def test_what_is_wrong_with_a_file_of_another_client_is_told(folder: Path, content: str, told: str) -> None:
    path = folder / "a.json"
    path.write_text(content)

    assert told in problems(read_mcp_file(path, ENVIRON))


def test_a_file_that_is_missing_or_too_large_is_told(folder: Path) -> None:
    assert "No such file" in problems(read_mcp_file(folder / "a.json", ENVIRON))
    (folder / "a.json").write_text(" " * 1_000_001)
    assert "larger than 1,000,000 bytes" in problems(read_mcp_file(folder / "a.json", ENVIRON))


def test_one_bad_server_of_a_file_leaves_the_others(folder: Path) -> None:
    (folder / "a.json").write_text(json.dumps({"mcpServers": {"bad": {}, "good": {"url": "https://example.org"}}}))
    reading = read_mcp_file(folder / "a.json", ENVIRON)

    assert [server.name for server in reading.servers] == ["good"]
    assert len(reading.problems) == 1


def test_a_name_in_settings_and_file_is_an_error_that_names_both(folder: Path) -> None:
    (folder / "a.json").write_text('{"mcpServers": {"web": {"url": "https://example.org"}}}')
    text = '[default.tools]\nmcp_file = "a.json"\n[default.mcp.web]\nurl = "https://example.org/mcp"\n'

    told = problems(read(folder, text))
    assert "default.mcp.web (lightagent.toml:4): a.json has a server of this name, too." in told
