"""Finds an adapter by its kind and opens it with options that the adapter itself checks.

A kind is looked for as a file `lightagent/adapters/<family>/<kind>.py` (or a package), then as an entry point of
the group `lightagent.<family>` of an installed distribution; where it is neither, the error lists the kinds there are.
It is a plain name, so that nothing from a file or an environment variable can name code.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from lightagent.domain.errors import ConfigurationError, MissingExtraError
from lightagent.domain.secrets.masking import shown, unless_key

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

# pydantic and the index of installed packages are loaded when an adapter is opened by name: programs that hand over a
# model object never do that, and the two cost 60 ms.
OptionsT = TypeVar("OptionsT", bound="BaseModel")
PortT = TypeVar("PortT")

_IN_PROCESS: Final = ("memory", "process", "shared")
"""The kinds of stores that live as long as their process."""


_IN_CORE: Final[Mapping[str, tuple[str, ...]]] = {"engines": ("local",)}
"""Kinds that are part of the core. They have no adapter."""


@dataclass(frozen=True, slots=True)
class Adapter(Generic[OptionsT, PortT]):
    """The description of an adapter, which its file exports as `ADAPTER`.

    Attributes:
        options: a pydantic model that forbids extra fields; its field descriptions are the adapter's documentation.
        open: makes the port's object; must not touch the network, that comes with the first use.
        requires: import names of the packages it needs beyond the core.
        extra: the extra of this distribution that brings them.
    """

    options: type[OptionsT]
    open: Callable[[OptionsT], PortT]
    requires: tuple[str, ...] = ()
    extra: str = ""


def open_adapter(family: str, kind: str, options: Mapping[str, object], *, at: str = "") -> object:
    """Open the adapter `kind` of `family`; the caller knows which port it speaks.

    Args:
        at: the dotted path of the backend in the settings, for error texts.

    Raises:
        ConfigurationError: no such kind, or options that the adapter refuses; the text names the dotted path.
        MissingExtraError: a package is missing; the text says what to install.
    """
    from pydantic import ValidationError

    adapter = find_adapter(family, kind, at=at)
    try:
        checked = adapter.options.model_validate(dict(options))
    except ValidationError as exc:
        raise ConfigurationError(_option_errors(exc, adapter.options, kind, at or family)) from None
    return adapter.open(checked)


def open_nested(family: str, backend: Mapping[str, object], *, at: str, example: str) -> object:
    """Open an adapter that is an option of another one, as a table of its kind and options.

    Args:
        at: the dotted path of that table in the settings, for error texts.
        example: a kind, for the error that says none is named.

    Raises:
        ConfigurationError: no kind is named, or as `open_adapter`.
        MissingExtraError: a package is missing; the text says what to install.
    """
    kind = backend.get("kind")
    if not isinstance(kind, str):
        raise ConfigurationError(f"{at}.kind: missing.", guidance=f'Name the adapter, such as kind = "{example}".')
    return open_adapter(family, kind, {name: value for name, value in backend.items() if name != "kind"}, at=at)


_OTHER_PROVIDERS: Final = (
    "A provider with an OpenAI-compatible endpoint is named by base_url= alone, others by provider='litellm' and "
    "model='PROVIDER/MODEL'. "
)


@cache
def find_adapter(family: str, kind: str, *, at: str = "") -> Adapter[BaseModel, object]:
    """Return the adapter `kind` of `family`, after checking that its packages are installed."""
    place = f"{at}.kind" if at else f"{family} kind"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", kind):
        raise ConfigurationError(
            f"{place}: invalid kind {shown(kind)}: a kind is a plain lower-case name, never a path to code.",
            guidance=f"Use one of: {', '.join(kinds(family))}.",
        )
    if kind not in kinds(family):
        near = get_close_matches(kind, kinds(family), n=1)
        hint = f"Did you mean {near[0]!r}? " if near else _OTHER_PROVIDERS if family == "chat" else ""
        raise ConfigurationError(
            f"{place}: no {family} adapter {shown(kind)}.", guidance=f"{hint}Use one of: {', '.join(kinds(family))}."
        )
    if kind in _IN_CORE.get(family, ()):
        raise ConfigurationError(f"{place}: {kind!r} is part of the core, and has no adapter.")
    adapter = _load(family, kind)
    missing = [name for name in adapter.requires if not _is_installed(name)]
    if missing:
        raise MissingExtraError(
            f"{place}: {kind!r} needs the package {missing[0]!r}, which is not installed.",
            guidance=f"Type: {install_command(adapter.extra, *adapter.requires)}",
        )
    return adapter


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # Its parent package is missing, too.
        return False


@cache
def kinds(family: str) -> tuple[str, ...]:
    """Return the kinds of `family`, sorted."""
    from importlib.metadata import entry_points

    package = importlib.import_module(f"lightagent.adapters.{family}")
    own = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")}
    own.update(_IN_CORE.get(family, ()))
    return tuple(sorted(own | {point.name for point in entry_points(group=f"lightagent.{family}")}))


def install_command(extra: str, *packages: str) -> str:
    """Return the command that installs the packages of an extra.

    It names the packages themselves, because the public index has another product under this distribution's name.

    Args:
        packages: what to name where this distribution has no such extra, or is not installed.
    """
    from importlib.metadata import PackageNotFoundError, requires

    try:
        declared = requires("lightagent") or []
    except PackageNotFoundError:
        declared = []
    parted = (requirement.partition(";") for requirement in declared)
    wanted = [name.strip() for name, _, marker in parted if f"extra == '{extra}'" in marker.replace('"', "'")]
    return " ".join(["pip install", *(f"'{one}'" for one in wanted or packages)])


def _load(family: str, kind: str) -> Adapter[BaseModel, object]:
    name = f"lightagent.adapters.{family}.{kind}"
    if importlib.util.find_spec(name) is not None:
        found: object = importlib.import_module(name).ADAPTER
    else:
        from importlib.metadata import entry_points

        (point,) = entry_points(group=f"lightagent.{family}", name=kind)
        found = point.load()
    if not isinstance(found, Adapter):
        raise ConfigurationError(f"{family} adapter {kind!r} does not export an Adapter.")
    return found


def _option_errors(exc: ValidationError, options: type[BaseModel], kind: str, at: str) -> str:
    lines = []
    for error in exc.errors(include_url=False, include_input=False):
        path = ".".join([at, *(unless_key(str(part)) for part in error["loc"])])
        if error["type"] == "extra_forbidden":
            name = str(error["loc"][-1])
            near = get_close_matches(name, list(options.model_fields), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes: {', '.join(options.model_fields) or 'none'}."
            lines.append(f"{path}: {kind!r} has no option {shown(name)}; {hint}")
        else:
            lines.append(f"{path}: {error['msg'].removeprefix('Value error, ').rstrip('.')}.")
    return " ".join(lines)


def outlives_process(backend: Mapping[str, object]) -> bool:
    """Whether the data of a store outlives this process.

    Args:
        backend: a kind of store with its options, which may name the store that it wraps; empty without a store.
    """
    while isinstance(behind := backend.get("store"), dict):
        backend = behind
    return backend.get("kind") not in (None, *_IN_PROCESS) and backend.get("path") != ":memory:"
