"""The old import name: `from LightAgent import LightAgent` keeps working, on every file system.

So do the modules that programs of the 0.9 line import from, such as ``from LightAgent.tools import ToolRegistry``.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import lightagent
from lightagent import *  # noqa: F403
from lightagent import __all__, __version__
from lightagent.missing_names import missing_name

__all__ = [*__all__, "__version__"]

# An import of a name asks the module itself before it fails only where the module is a package. None of its modules is
# looked for on disk: where a file system ignores case, that would find the new package.
__path__: list[str] = []

_MODULES = (
    "builtin_tools",
    "builtin_tools.nos",
    "builtin_tools.python_executor",
    "connectors",
    "core",
    "errors",
    "evaluation",
    "flow",
    "guardrails",
    "hooks",
    "litellm_client",
    "logger",
    "mcp_client_manager",
    "protocol",
    "result",
    "review",
    "shared_memory",
    "skill_tools",
    "skills",
    "tools",
    "tracing",
    "version",
)


class _Former(ModuleType):
    """A module of the 0.9 line; it has the names of the package."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "A module of the 0.9 line, whose names are those of `lightagent`.")
        self.__path__ = []

    def __getattr__(self, name: str) -> object:
        if name in __all__:
            return getattr(lightagent, name)
        raise missing_name(self.__name__, name, __all__)


if not TYPE_CHECKING:  # To a type checker every misspelt name would be an object.

    def __getattr__(name: str) -> object:
        raise missing_name(__name__, name, __all__)


def _add_modules() -> None:
    for path in _MODULES:
        module = _Former(f"{__name__}.{path}")
        sys.modules[module.__name__] = module
        around, _, name = module.__name__.rpartition(".")
        setattr(sys.modules[around], name, module)


_add_modules()
