"""The table of clients in docs/serving.md: each of its cells is a test that says so.

A test says what it has seen by `@shows("npm openai", "text", "usage")`; `python -m tests.support.client_table` writes
the table, and tests/docs/test_client_table.py compares. Tests are read and not imported, since many need what a machine
may lack.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, get_args

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/serving.md"
TESTS = ROOT / "tests"
NPM = "tests/servers/npm_clients/package.json"
PYTHON = "constraints.txt"

Feature: TypeAlias = Literal["text", "reasoning", "tools", "usage", "error", "stop", "image", "approval"]
FEATURES: tuple[Feature, ...] = get_args(Feature)
TITLES: Mapping[str, str] = {"tools": "shown tools", "error": "error in mid-stream"}

Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True)
class Client:
    """One row: a client by one way of speaking.

    `pinned` is the file that pins its version, and `package` its name there. `lacks` has, for each feature that the
    client or its protocol does not have, a word or two for the cell.
    """

    name: str
    title: str
    speaks: str
    pinned: str
    package: str
    lacks: Mapping[str, str] = field(default_factory=dict)


OPENAI_2 = "constraints-openai2.txt"

CLIENTS: tuple[Client, ...] = (
    Client("npm openai", "`openai` for Node", "chat completions", NPM, "openai"),
    Client("npm openai responses", "`openai` for Node", "Responses", NPM, "openai"),
    Client("ai openai", "`ai` with `@ai-sdk/openai`", "Responses", NPM, "@ai-sdk/openai"),
    Client(
        "ai compatible", "`ai` with `@ai-sdk/openai-compatible`", "chat completions", NPM, "@ai-sdk/openai-compatible"
    ),
    Client("ai useChat", "`useChat` of `ai`", "Vercel's UI messages", NPM, "ai"),
    Client("ag-ui", "`@ag-ui/client`", "AG-UI", NPM, "@ag-ui/client"),
    Client("openai 3 chat", "`openai`", "chat completions", PYTHON, "openai"),
    Client("openai 3 responses", "`openai`", "Responses", PYTHON, "openai"),
    Client("openai 2 chat", "`openai`", "chat completions", OPENAI_2, "openai"),
    Client("openai 2 responses", "`openai`", "Responses", OPENAI_2, "openai"),
    Client(
        "langchain chat",
        "`langchain-openai`",
        "chat completions",
        PYTHON,
        "langchain-openai",
        lacks={"reasoning": "left out", "tools": "left out"},
    ),
    Client("langchain responses", "`langchain-openai`", "Responses", PYTHON, "langchain-openai"),
    Client("litellm chat", "`litellm`", "chat completions", PYTHON, "litellm"),
    Client("a2a", "`a2a-sdk`", "A2A", PYTHON, "a2a-sdk", lacks={"reasoning": "left out", "tools": "left out"}),
    Client(
        "mcp",
        "`mcp`",
        "MCP",
        PYTHON,
        "mcp",
        lacks={"reasoning": "left out", "usage": "left out", "image": "text alone", "approval": "told alone"},
    ),
    Client(
        "gradio",
        "Gradio `load_chat`",
        "chat completions",
        "constraints-gradio.txt",
        "gradio",
        lacks={"reasoning": "left out", "tools": "left out", "usage": "left out", "stop": "on the page alone"},
    ),
    Client("open webui", "Open WebUI", "chat completions", "Makefile", "OPEN_WEBUI", lacks={"usage": "not tried"}),
)


def shows(client: str, *features: Feature) -> Callable[[Test], Test]:
    """Say that a test sees these features work with a client. The arguments must be written out, as they are read."""
    assert client in {one.name for one in CLIENTS}, f"{client} has no row in tests/support/client_table.py"
    assert set(features) <= {*FEATURES}, features
    return lambda test: test


def shown() -> dict[str, set[str]]:
    """What the tests say of each client."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "client_table" in source and "@shows(" in source:
            for client, *features in _said(ast.parse(source)):
                found.setdefault(client, set()).update(features)
    return found


def _said(module: ast.Module) -> Iterator[list[str]]:
    for node in ast.walk(module):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "shows":
                    yield [str(ast.literal_eval(one)) for one in decorator.args]


def faults(clients: Iterable[Client], said: Mapping[str, set[str]]) -> list[str]:
    """What tests and rows disagree about: a cell has a test or a reason, never neither and never both."""
    found = list[str]()
    for client in clients:
        has, lacks = said.get(client.name, set()), {*client.lacks}
        found += [f"{client.name}: no test shows {one}" for one in FEATURES if one not in has | lacks]
        found += [f"{client.name}: a test shows {one}, which the row lacks" for one in sorted(has & lacks)]
    return found


def table() -> str:
    """The table as it should be."""
    said = shown()
    heads = ("client", "speaks", "version", *(TITLES.get(one, one) for one in FEATURES))
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for client in CLIENTS:
        cells = ["yes" if one in said.get(client.name, ()) else client.lacks.get(one, "no test") for one in FEATURES]
        lines.append(f"| {' | '.join((client.title, client.speaks, version(client), *cells))} |")
    return "".join(f"{line}\n" for line in lines)


def version(client: Client) -> str:
    """The version that the tests are made with."""
    text = (ROOT / client.pinned).read_text(encoding="utf-8")
    if client.pinned.endswith(".json"):
        return str(json.loads(text)["dependencies"][client.package])
    found = re.search(rf"^{re.escape(client.package)}(?:==| := )(\S+)$", text, re.MULTILINE)
    assert found, f"{client.pinned} does not pin {client.package}"
    return found[1]


def parts(page: str) -> tuple[str, str, str]:
    """What stands before the table, the table, and what stands behind it."""
    found = re.search(r"^\| client \| speaks \|.*\n(?:\|.*\n)*", page, re.MULTILINE)
    assert found, "docs/serving.md has no table of clients"
    return page[: found.start()], found[0], page[found.end() :]


if __name__ == "__main__":
    before, _, behind = parts(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(before + table() + behind, encoding="utf-8")
