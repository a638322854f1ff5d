"""The declarations of tools in a file: whole, the first one is kept, and a damaged file is an error."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from lightagent.adapters.mcp.sdk.pin_file import PinFile
from lightagent.domain.errors import StoreError
from lightagent.domain.mcp.declarations import definition_hash
from lightagent.domain.mcp.servers import McpTool

ODD = McpTool("shop", "read \u202e文件\ud83d", "Reads \ud83d.", {"default": math.inf}, "T", {"readOnlyHint": True})
PAY = McpTool("shop", "pay", "Pays.", {"type": "object"})


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_what_is_kept_comes_back_whole_for_each_server_apart(tmp_path: Path) -> None:
    path = tmp_path / "pins.json"
    assert await PinFile(path).known("shop", (PAY, ODD)) == (PAY, ODD)
    kept = {tool.name: tool for tool in await PinFile(path).known("shop", ())}
    assert {name: definition_hash(tool) for name, tool in kept.items()} == {
        tool.name: definition_hash(tool) for tool in (PAY, ODD)
    }
    assert await PinFile(path).known("other", ()) == ()
    assert path.read_text("ascii")
    assert names_in(tmp_path) == ["pins.json"]


async def test_the_first_declaration_stays_until_another_is_accepted(tmp_path: Path) -> None:
    pins, now = PinFile(tmp_path / "pins.json"), replace(PAY, description="Pays twice.")
    await pins.known("shop", (PAY,))
    assert await pins.known("shop", (now,)) == (PAY,)
    assert await pins.known("shop", ()) == (PAY,), "also while the server does not list it"
    await pins.accept("shop", now)
    assert await pins.known("shop", (PAY,)) == (now,)


async def test_programs_that_see_tools_at_the_same_time_lose_none(tmp_path: Path) -> None:
    tools = [replace(PAY, name=f"pay_{number}") for number in range(20)]
    files = [PinFile(tmp_path / "pins.json") for _ in tools]
    await asyncio.gather(*(file.known("shop", (tool,)) for file, tool in zip(files, tools, strict=True)))
    assert {tool.name for tool in await files[0].known("shop", ())} == {tool.name for tool in tools}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"format": 2}',
        b'{"servers": {"shop": {"pay": {"describtion": "x"}}}}',
        b"[" * 9_999,
    ],
)
async def test_a_damaged_file_is_an_error_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pins.json"
    path.write_bytes(content)
    for work in (PinFile(path).known("shop", (PAY,)), PinFile(path).accept("shop", PAY)):
        with pytest.raises(StoreError, match="damaged"):
            await work
    assert path.read_bytes() == content


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read or written"):
        await PinFile(tmp_path / "gone" / "pins.json").known("shop", (PAY,))


async def test_who_may_read_the_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pins.json"
    await PinFile(path).known("shop", (PAY,))
    path.chmod(0o640)
    await PinFile(path).known("shop", (ODD,))
    assert path.stat().st_mode & 0o777 == 0o640
    assert json.loads(path.read_text())["format"] == 1
