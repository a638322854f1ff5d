"""Tools from a Python file that the user names on the command line. Naming it is the consent to run it."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from lightagent.application.tools.decorator import DeclaredTool
from lightagent.application.tools.tool_file import place_in_file
from lightagent.domain.errors import ConfigurationError
from lightagent.settings.origins import suggest

ToolFunction: TypeAlias = Callable[..., object]


def load_tools(specs: Sequence[str] | None) -> list[ToolFunction]:
    """The tools of all files that the user named.

    Raises:
        ConfigurationError: no such file or function, or one does not run.
    """
    return [tool for spec in specs or () for tool in load_tool_file(spec)]


def load_tool_file(spec: str) -> list[ToolFunction]:
    """The tools that ``FILE.py`` or ``FILE.py:name,name`` names.

    Without names these are the file's `TOOLS`, or else all public functions defined in it that have annotations or
    `tool_info`.

    Raises:
        ConfigurationError: no such file or function, or the file does not run.
    """
    matched = re.fullmatch(r"(.+?\.py)(?::([\w, ]+))?", spec)
    if matched is None:
        raise ConfigurationError(
            f"--tools {spec}: This is no Python file.", guidance="Write --tools FILE.py, or --tools FILE.py:name,name."
        )
    path = Path(matched[1])
    module = _execute(path)
    names = [name.strip() for name in (matched[2] or "").split(",") if name.strip()]
    tools = [_named(module, path, name) for name in names] if names else _declared(module, path)
    if not tools:
        raise ConfigurationError(
            f"--tools {path}: The file defines no tools.",
            guidance="Define public functions with type annotations, or a list TOOLS.",
        )
    return tools


def _execute(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigurationError(f"--tools {path}: There is no such file.", guidance="Check the path.")
    # As `python FILE.py` does, so that the file can import its neighbours.
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = f"lightagent_tools_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    spec = importlib.util.spec_from_file_location(name, path.absolute())
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"--tools {path}: Python cannot load this file.", guidance="Check the path.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as exc:
        del sys.modules[name]
        raise ConfigurationError(
            f"--tools {place_in_file(exc, path)}: {type(exc).__name__}: {exc}.",
            guidance="Run it with `python` to see more, and correct it.",
        ) from exc
    return module


def _named(module: ModuleType, path: Path, name: str) -> ToolFunction:
    tool = vars(module).get(name)
    if callable(tool):
        found: ToolFunction = tool
        return found
    known = [each.__name__ for each in _functions(module)]
    raise ConfigurationError(
        f"--tools {path}: There is no function {name!r}.", guidance=suggest(name, known, "Functions there are")
    )


def _declared(module: ModuleType, path: Path) -> list[ToolFunction]:
    listed: object = vars(module).get("TOOLS")
    if listed is None:
        return [each for each in _functions(module) if inspect.get_annotations(each) or hasattr(each, "tool_info")]
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not all(callable(each) for each in listed):
        raise ConfigurationError(f"--tools {path}: TOOLS is no list of functions.", guidance="Write TOOLS = [my_tool].")
    return list(listed)


def _functions(module: ModuleType) -> list[ToolFunction]:
    """The public functions defined in the file; what it imports from elsewhere is not offered to a model."""
    return [
        each
        for name, each in vars(module).items()
        if (inspect.isfunction(each) or isinstance(each, DeclaredTool))
        and each.__module__ == module.__name__
        and not name.startswith("_")
    ]
