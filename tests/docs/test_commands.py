"""The commands and settings that the documentation shows.

In a `console` block, `lightagent …` is called in this process, and `python …` and `cat …` run, in a folder that holds
the last toml block of the page as `lightagent.toml`; `make demo` runs the program behind it; `export` counts for the
rest of the page. Other targets of make, and the extras of `pip install`, must exist. Nothing tells readers to install
`lightagent` from the public index: that name is another product's there.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

from lightagent.entrypoints.cli.app import app
from lightagent.settings import load_settings
from tests.docs.blocks import ROOT, Block, blocks, page_name, pages
from tests.docs.test_programs import same_output
from tests.support.command_line import call_lightagent

SETTINGS = [block for page in pages() for block in blocks(page) if block.language == "toml"]
SHELL = [block for page in pages() for block in blocks(page) if block.language == "sh"]
COMMAND = typer.main.get_command(app)
WITH_COMMANDS = [page for page in pages() if any(block.language == "console" for block in blocks(page))]


def place(block: Block) -> str:
    return block.place


@pytest.mark.parametrize("block", SETTINGS, ids=place)
def test_settings_load(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "lightagent.toml"
    file.write_text(block.text, encoding="utf-8")
    for profile in {"default", *tomllib.loads(block.text)}:
        assert load_settings(file, profile, environ={}).provenance.profile == profile


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=page_name)
def test_the_commands_of_a_page_run(page: Path, folder: Path, environment: dict[str, str]) -> None:
    for block in blocks(page):
        if block.language == "toml":
            (folder / "lightagent.toml").write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command, promised in _commands(block):
                said = _execute(command, folder, environment, block.place)
                if said is not None and promised:
                    assert same_output(promised, said), f"{block.place}: {command} printed\n{said}"


@pytest.mark.parametrize("block", SHELL, ids=place)
def test_shell_lines_name_what_there_is(block: Block) -> None:
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if "lightagent" in words:
            arguments = words[words.index("lightagent") + 1 :]
            until = next((at for at, word in enumerate(arguments) if word in (">", "|")), len(arguments))
            parse(arguments[:until])


def parse(arguments: list[str]) -> None:
    """Fails where the command line has no such command or option; runs nothing."""
    command, context = COMMAND, None
    while True:
        context = command.make_context(command.name or "", list(arguments), parent=context)
        if not isinstance(command, typer.core.TyperGroup):
            return
        _, found, arguments = command.resolve_command(context, arguments)
        assert found is not None, arguments
        command = found


def test_the_command_is_installed(folder: Path, environment: dict[str, str]) -> None:
    assert "First steps" in _run(["lightagent", "--help"], folder, environment)


def test_a_wrong_option_is_seen() -> None:
    parse(["config", "diff", "dev", "prod"])
    with pytest.raises(Exception, match="--nothing"):
        parse(["run", "hello", "--nothing"])


@pytest.mark.parametrize("folder_of_texts", ["src", "docs", "README.md", "CONTRIBUTING.md", "examples"])
def test_nobody_is_told_to_install_the_other_product(folder_of_texts: str) -> None:
    top = ROOT / folder_of_texts
    texts = [top] if top.is_file() else [path for kind in ("*.py", "*.md") for path in sorted(top.rglob(kind))]
    assert texts
    install = re.compile(r"(?:pip|uv|poetry|pdm) (?:pip )?(?:install|add)[^\n`]* ['\"]?lightagent\b")
    assert not [str(path) for path in texts if install.search(path.read_text(encoding="utf-8"))]


def _commands(block: Block) -> list[tuple[str, str]]:
    """Each command with the output that the block shows for it."""
    pieces = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not pieces[0].strip(), f"{block.place}: a console block begins with a command"
    parted = (piece.partition("\n") for piece in pieces[1:])
    return [(command, output) for command, _, output in parted]


def _execute(command: str, folder: Path, environment: dict[str, str], at: str) -> str | None:
    """What it printed, or None where it was only looked at."""
    words = shlex.split(command, comments=True)
    match words:
        case ["make", "demo"]:
            return _run([sys.executable, "examples/repository_agent.py"], ROOT, environment)
        case ["make", *targets]:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            named = [target for target in targets if "=" not in target]
            assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named), at
        case ["pip", "install", "dist/lightagent-*.whl"]:
            return None
        case ["pip", "install", wanted] if extras := re.fullmatch(r"\.(?:\[(.+)\])?", wanted):
            known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            assert set((extras[1] or "cli").split(",")) <= set(known["optional-dependencies"]), at
        case ["export", assignment]:
            name, _, value = assignment.partition("=")
            environment[name] = value
        case ["lightagent", *arguments]:
            return call_lightagent(*arguments, folder=folder, variables=environment, together=True).stdout
        case ["python" | "cat", *_]:
            return _run(words, folder, environment)
        case ["git" | "cd", *_]:
            return None
        case _:
            pytest.fail(f"{at}: {command!r} is neither run nor known; mark the block text or sh")
    return None


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=55,
        check=False,
    )
    return done.stdout
