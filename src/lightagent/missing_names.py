"""What is said of a name that the package does not have: what it is called now, or that it does not exist yet."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from inspect import currentframe
from types import FrameType

_PACKAGE = "lightagent"


def missing_name(module: str, name: str, known: Iterable[str]) -> AttributeError | ImportError:
    """The exception for a name that a module does not have.

    ``from module import name`` would replace the text of an `AttributeError` by one of its own, so it gets an
    `ImportError`, of names that we know something about; attribute access and `hasattr` get an `AttributeError`.

    Args:
        module: as the program calls it.
        known: the names that it has.
    """
    told = _suggestion(name, known)
    if told and _is_imported() and (module != _PACKAGE or find_spec(f"{_PACKAGE}.{name}") is None):
        return ImportError(f"cannot import name {name!r} from {module!r}. {told}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}{told and f'. {told}'}", name=name)


def _suggestion(name: str, known: Iterable[str]) -> str:
    if name.startswith("_"):
        return ""
    from difflib import get_close_matches

    from lightagent.domain.absent_names import ABSENT_NAMES

    if (what := ABSENT_NAMES.get(name)) is not None:
        return what
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else ""


def _is_imported() -> bool:
    """Whether the import system asks, for a ``from`` import."""
    frame: FrameType | None = currentframe()
    while frame is not None and str(frame.f_globals.get("__name__")).split(".")[0].lower() == _PACKAGE:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name == "_handle_fromlist"
