"""A directory of tools: the file NAME.py holds the function NAME. A broken file affects only its own tool."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Final, TypeAlias

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.tools.foreign_tool import BrokenTool, declared
from lightagent.application.tools.function_tool import as_tool
from lightagent.application.tools.signature import check_names, source_function
from lightagent.application.tools.tool_file import NOT_APPROVED, read_tool_file, run_tool_file, tool_file_path
from lightagent.application.tools.tool_info import ToolProblem
from lightagent.application.tools.toolset import tool_name
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.tools import Tool, ToolList, ToolSource

_LOGGER: Final = logging.getLogger("lightagent")
_NOT_APPROVED: Final = NOT_APPROVED.encode()

ToolFunction: TypeAlias = Callable[..., object]
"""What a tool file holds under its own name; with ``@tool`` it is a tool as well as a function."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    path: Path
    given: ToolFunction
    tool: Tool[object]


class ToolLoader(ToolSource[object]):
    """Loads tools by name from a directory, and is a source of all of them for an agent: ``tools=[ToolLoader()]``.

    Each file is executed once, when it is first needed, so name only a directory whose files you would run yourself.
    Nothing outside the directory is loaded: names cannot contain paths, and symbolic links are refused. Files whose
    names begin with an underscore are not listed, but can be loaded by name.

    As a source it lists every tool that can be loaded. What is wrong with the other files is in `problems` and in the
    log.

    Args:
        tools_directory: the directory; it need not exist before the first tool is loaded.
        names: as a source, list only these; one that cannot be loaded is then an error.
    """

    def __init__(
        self, tools_directory: str | os.PathLike[str] = "tools", *, names: Iterable[str] | None = None
    ) -> None:
        self._given = Path(tools_directory)
        self._directory = self._given.absolute()  # Stays the same if the working directory changes.
        self._names = None if names is None else tuple(check_names(names))
        self._loaded: dict[str, _Loaded] = {}
        self._problems: tuple[ToolProblem, ...] = ()
        self._version = 0
        # Executing a file may take a while, and only one thread may execute it.
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._given)!r})"

    @property
    def name(self) -> str:
        """The directory as it was given."""
        return str(self._given)

    @property
    def version(self) -> int:
        """A number that changes with each `reload`."""
        return self._version

    @property
    def loaded_tools(self) -> dict[str, ToolFunction]:
        """The tools loaded so far, by the names of their files; a copy."""
        with self._lock:
            return {name: loaded.given for name, loaded in self._loaded.items()}

    @property
    def problems(self) -> tuple[ToolProblem, ...]:
        """The problems found when the whole directory was last listed, each with file and line."""
        return self._problems

    def load_tool(self, tool_name: str) -> ToolFunction:
        """Return the function `tool_name` from the file of that name; the same object on every call.

        Raises:
            ConfigurationError: the file or function does not exist or cannot be loaded; the message names the file and,
                if known, the line.
        """
        with self._lock:
            return self._load(tool_name).given

    def load_tools(self, tool_names: Iterable[str] | None = None) -> dict[str, ToolFunction]:
        """Load several tools by the names of their files. Without names, load all that can be loaded; see `problems`.

        Raises:
            ConfigurationError: a named tool cannot be loaded; the others are still tried, and the message names each
                failure.
        """
        with self._lock:
            if tool_names is None:
                return {name: loaded.given for name, loaded in self._load_all().items()}
            return {name: loaded.given for name, loaded in self._load_named(tool_names).items()}

    def reload(self) -> None:
        """Forget the loaded tools: files are read and executed again when next needed, also in agents."""
        with self._lock:
            self._loaded = {}
            self._version += 1

    async def tools(self) -> ToolList[object]:
        """Return every tool that can be loaded, by its name for the model. Files are executed in a worker thread.

        Raises:
            ConfigurationError: the directory does not exist, or two files hold tools of the same name.
        """
        return ToolList(await run_in_thread(self._list))

    async def aclose(self) -> None:
        """Do nothing: a loader holds no resources."""

    def _list(self) -> dict[str, Tool[object]]:
        with self._lock:
            found = self._load_all() if self._names is None else self._load_named(self._names)
        listed: dict[str, _Loaded] = {}
        for loaded in found.values():
            first = listed.setdefault(tool_name(loaded.tool), loaded)
            if first is not loaded:
                raise ConfigurationError(
                    f"tools: {tool_name(loaded.tool)!r} is the name of a tool in {first.path} and in {loaded.path}.",
                    guidance="Change the tool_name of one of them.",
                )
        return {name: loaded.tool for name, loaded in listed.items()}

    def _load_all(self) -> dict[str, _Loaded]:
        try:
            stems = sorted(path.stem for path in self._directory.iterdir() if path.suffix == ".py")
        except OSError as exc:
            raise ConfigurationError(
                f"{self._directory}: The tools directory cannot be read ({exc.strerror}).",
                guidance="Name an existing directory: ToolLoader(tools_directory).",
            ) from exc
        found, failed = self._try((stem for stem in stems if not stem.startswith("_")), all_of_them=True)
        self._problems = tuple(
            ToolProblem(tool=name, level="error", field="file", message=error.message) for name, error in failed
        )
        for problem in self._problems:
            _LOGGER.warning("A tool was left out: %s", problem["message"])
        return found

    def _load_named(self, names: Iterable[str]) -> dict[str, _Loaded]:
        found, failed = self._try(check_names(names))
        if len(failed) > 1:
            listed = "\n".join(f"{error.message} {error.guidance}" for _, error in failed)
            raise ConfigurationError(f"{len(failed)} tools cannot be loaded:\n{listed}", guidance="")
        for _, error in failed:
            raise error
        return found

    def _try(
        self, names: Iterable[str], *, all_of_them: bool = False
    ) -> tuple[dict[str, _Loaded], list[tuple[str, ConfigurationError]]]:
        found: dict[str, _Loaded] = {}
        failed: list[tuple[str, ConfigurationError]] = []
        for name in names:
            try:
                found[name] = self._load(name, asked_for=not all_of_them)
            except ConfigurationError as error:
                failed.append((name, error))
        return found, failed

    def _load(self, name: str, *, asked_for: bool = True) -> _Loaded:
        path = tool_file_path(self._directory, name)
        known = self._loaded.get(name)
        if known is None:
            content = read_tool_file(path)
            if not asked_for and content.startswith(_NOT_APPROVED):
                raise ConfigurationError(
                    f"{path}: A model wrote it, and it is not approved yet.",
                    guidance="Read it; then delete its first line, or load it by its name.",
                )
            known = self._loaded[name] = _tool_in(run_tool_file(path, content), path)
        return known


def _tool_in(module: ModuleType, path: Path) -> _Loaded:
    """Return the tool that the file holds under its own name."""
    given: object = vars(module).get(path.stem)
    if not callable(given):
        raise ConfigurationError(
            f"{path}: The file holds no function {path.stem!r}.", guidance="A tool has the name of its file."
        )
    found: ToolFunction = given
    try:
        tool = as_tool(found)
        declared(tool, path.stem)
    except (ConfigurationError, BrokenTool) as exc:
        raise ConfigurationError(f"{_place(found, path)}: {exc.message}", guidance=exc.guidance) from exc
    return _Loaded(path, found, tool)


def _place(given: ToolFunction, path: Path) -> str:
    """Return ``FILE:LINE`` of a function; only the file if the line is in another file."""
    function = source_function(given)
    if isinstance(function, FunctionType) and Path(function.__code__.co_filename) == path.resolve():
        return f"{path}:{function.__code__.co_firstlineno}"
    return str(path)
