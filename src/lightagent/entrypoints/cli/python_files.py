"""Run a Python file that the user names on the command line; naming it is the consent to run it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from lightagent.application.tools.tool_file import place_in_file
from lightagent.domain.errors import ConfigurationError, LightAgentError


def written(option: str) -> str:
    """Return an option or argument as it is written on the command line."""
    return option if option.isupper() else f"--{option}"


def run_file(path: Path, option: str) -> ModuleType:
    """Run the file and return its module.

    Args:
        option: the option that names the file, such as ``tools``, or the argument, such as ``FLOW``; errors begin with
            it.

    Raises:
        ConfigurationError: the file does not exist, or raises when it is run.
    """
    at = f"{written(option)} {path}"
    if not path.is_file():
        raise ConfigurationError(f"{at}: There is no such file.", guidance="Check the path.")
    # As with `python FILE.py`, the file can import modules in its directory.
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = f"lightagent_{option}_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}"
    spec = importlib.util.spec_from_file_location(name, path.absolute())
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{at}: Python cannot load this file.", guidance="Check the path.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as exc:
        del sys.modules[name]
        what, guidance = f"{type(exc).__name__}: {exc}.", "Run it with `python` to see more, and correct it."
        if isinstance(exc, LightAgentError):  # The error has guidance of its own.
            what, guidance = exc.message, exc.guidance or guidance
        raise ConfigurationError(f"{written(option)} {place_in_file(exc, path)}: {what}", guidance=guidance) from exc
    return module
