"""Load tools from a Python file that the user names on the command line; naming it is the consent to run it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from lightagent.application.tools.decorator import DeclaredTool
from lightagent.domain.errors import ConfigurationError
from lightagent.entrypoints.cli.python_files import run_file
from lightagent.settings.problems import suggest

ToolFunction: TypeAlias = Callable[..., object]


def load_tools(specs: Sequence[str] | None) -> list[ToolFunction]:
    """Load the tools of all files that the user named.

    Raises:
        ConfigurationError: a file or function does not exist, or a file raises when it is run.
    """
    return [tool for spec in specs or () for tool in load_tool_file(spec)]


def load_tool_file(spec: str) -> list[ToolFunction]:
    """Load the tools that ``FILE.py`` or ``FILE.py:name,name`` names.

    Without names these are the file's `TOOLS`, or else all public functions defined in it that have annotations or
    `tool_info`.

    Raises:
        ConfigurationError: the file or a function does not exist, the file raises when it is run, or it defines no
            tools.
    """
    matched = re.fullmatch(r"(.+?\.py)(?::([\w, ]+))?", spec)
    if matched is None:
        raise ConfigurationError(
            f"--tools {spec}: must be a Python file.", guidance="Write --tools FILE.py, or --tools FILE.py:name,name."
        )
    path = Path(matched[1])
    module = run_file(path, "tools")
    names = [name.strip() for name in (matched[2] or "").split(",") if name.strip()]
    tools = [_named(module, path, name) for name in names] if names else _declared(module, path)
    if not tools:
        untyped = [each.__name__ for each in _functions(module)]
        raise ConfigurationError(
            f"--tools {path}: The file defines no tools.",
            guidance=f"Annotate the parameters of {', '.join(untyped)}, such as text: str, or give them tool_info."
            if untyped
            else "Define public functions with type annotations, or a list TOOLS.",
        )
    return tools


def _named(module: ModuleType, path: Path, name: str) -> ToolFunction:
    tool = vars(module).get(name)
    if callable(tool):
        found: ToolFunction = tool
        return found
    known = [each.__name__ for each in _functions(module)]
    raise ConfigurationError(
        f"--tools {path}: the function {name!r} does not exist.", guidance=suggest(name, known, "Known functions")
    )


def _declared(module: ModuleType, path: Path) -> list[ToolFunction]:
    listed: object = vars(module).get("TOOLS")
    if listed is None:
        return [each for each in _functions(module) if inspect.get_annotations(each) or hasattr(each, "tool_info")]
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not all(callable(each) for each in listed):
        raise ConfigurationError(
            f"--tools {path}: TOOLS must be a list of functions.", guidance="Write TOOLS = [my_tool]."
        )
    return list(listed)


def _functions(module: ModuleType) -> list[ToolFunction]:
    """Return the public functions defined in the file, without imported ones."""
    return [
        each
        for name, each in vars(module).items()
        if (inspect.isfunction(each) or isinstance(each, DeclaredTool))
        and each.__module__ == module.__name__
        and not name.startswith("_")
    ]
