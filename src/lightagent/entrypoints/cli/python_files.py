"""Run Python files that the user names on the command line, which is the consent, and load objects of them."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from lightagent.application.tools.tool_file import place_in_file
from lightagent.domain.errors import ConfigurationError, LightAgentError
from lightagent.settings.problems import suggest


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
        raise ConfigurationError(f"{at}: the file does not exist.", guidance="Check the path.")
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
        what, guidance = f"{type(exc).__name__}: {exc}.", "Run it with `python` to see the traceback."
        if isinstance(exc, LightAgentError):  # The error has guidance of its own.
            what, guidance = exc.message, exc.guidance or guidance
        raise ConfigurationError(f"{written(option)} {place_in_file(exc, path)}: {what}", guidance=guidance) from exc
    return module


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ObjectKind(Generic[T]):
    """The kind of object that an option names.

    Attributes:
        option: the option, such as ``swarm``, or the argument, such as ``FLOW``.
        kind: the class of the object, or several classes.
        word: the noun for such an object in messages, such as ``swarm``.
        names: what messages call the classes, where their own names say little.
    """

    option: str
    kind: type[T] | tuple[type[T], ...]
    word: str
    names: str = ""

    @property
    def kinds(self) -> str:
        """The names of the classes, for messages."""
        return self.names or " or ".join(
            kind.__name__ for kind in ([self.kind] if isinstance(self.kind, type) else self.kind)
        )


def load_object(spec: str, wanted: ObjectKind[T]) -> T:
    """Load the object that ``FILE.py``, ``FILE.py:NAME`` or ``MODULE:NAME`` names.

    NAME is such an object, or a function without required parameters that returns one. Without NAME the file must
    define exactly one.

    Raises:
        ConfigurationError: the file, module or name does not exist, the code raises, or the object is of another kind.
    """
    module, name = _module(spec, wanted)
    found = _named(module, spec, name, wanted) if name else _only(module, spec, wanted)
    if not isinstance(found, wanted.kind) and callable(found):
        found = _made(found, spec, wanted)
    if isinstance(found, wanted.kind):
        return found
    raise ConfigurationError(
        f"{_at(spec, wanted)}: must be a {wanted.kinds}, got {type(found).__name__}.", guidance=_advice(wanted)
    )


def _at(spec: str, wanted: ObjectKind[T]) -> str:
    return f"{written(wanted.option)} {spec}"


def _advice(wanted: ObjectKind[T]) -> str:
    return f"Name a {wanted.kinds}, or a function without parameters that returns one."


def _module(spec: str, wanted: ObjectKind[T]) -> tuple[ModuleType, str]:
    of_file = re.fullmatch(r"(.+?\.py)(?::(\w+))?", spec)
    if of_file is not None:
        return run_file(Path(of_file[1]), wanted.option), of_file[2] or ""
    of_module = re.fullmatch(r"([\w.]+):(\w+)", spec)
    if of_module is None:
        option = "" if wanted.option.isupper() else f"{written(wanted.option)} "
        raise ConfigurationError(
            f"{_at(spec, wanted)}: must be FILE.py:NAME or MODULE:NAME.",
            guidance=f"Write {option}FILE.py:NAME or {option}MODULE:NAME.",
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # Last, so that files in this directory do not shadow installed packages.
    try:
        return importlib.import_module(of_module[1]), of_module[2]
    except (Exception, SystemExit) as exc:
        raise ConfigurationError(
            f"{_at(spec, wanted)}: {type(exc).__name__}: {exc}.",
            guidance="Name a module that Python can import from here.",
        ) from exc


def _named(module: ModuleType, spec: str, name: str, wanted: ObjectKind[T]) -> object:
    if name in vars(module):
        return vars(module)[name]
    names = _names(module, wanted)
    raise ConfigurationError(
        f"{_at(spec, wanted)}: {name!r} does not exist.",
        guidance=suggest(name, names, f"{wanted.word.capitalize()}s") if names else _made_in(wanted),
    )


def _only(module: ModuleType, spec: str, wanted: ObjectKind[T]) -> object:
    objects = _objects(module, wanted)
    different = {id(one): one for one in objects.values()}
    if len(different) == 1:
        return next(iter(different.values()))
    option = "" if wanted.option.isupper() else f"{written(wanted.option)} "
    raise ConfigurationError(
        f"{_at(spec, wanted)}: The file has {len(different) or 'no'} {wanted.word}{'s' if different else ''}.",
        guidance=f"Name one: {option}{spec}:{names[0]}." if (names := _names(module, wanted)) else _made_in(wanted),
    )


def _objects(module: ModuleType, wanted: ObjectKind[T]) -> dict[str, T]:
    return {name: each for name, each in vars(module).items() if isinstance(each, wanted.kind)}


def _names(module: ModuleType, wanted: ObjectKind[T]) -> list[str]:
    """Return the names to suggest: those of the objects, or else of functions that could return one."""
    return [*_objects(module, wanted)] or [
        name
        for name, each in vars(module).items()
        if inspect.isfunction(each)
        and each.__module__ == module.__name__
        and not name.startswith("_")
        and all(one.default is not one.empty for one in inspect.signature(each).parameters.values())
    ]


def _made_in(wanted: ObjectKind[T]) -> str:
    kind = wanted.kind if isinstance(wanted.kind, type) else wanted.kind[0]
    return f"Define one at the top of the file, such as {wanted.word} = {kind.__name__}(), or name another file."


def _made(make: object, spec: str, wanted: ObjectKind[T]) -> object:
    try:
        return make() if callable(make) else make
    except LightAgentError:
        raise
    except (Exception, SystemExit) as exc:
        raise ConfigurationError(
            f"{_at(spec, wanted)}: {type(exc).__name__}: {exc}.", guidance=_advice(wanted)
        ) from exc
