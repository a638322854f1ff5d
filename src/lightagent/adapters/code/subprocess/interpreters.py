"""The programs that run programs, and what of the machine each of them needs to see."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightagent.domain.code.programs import Language
from lightagent.domain.errors import ConfigurationError

NIX_STORE: Final = "/nix/store"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What runs a language.

    Attributes:
        command: what comes before the program's path.
        needs: folders and files that it needs besides those of the system, to be read only.
    """

    command: tuple[str, ...]
    needs: tuple[str, ...] = ()


def own_python() -> Interpreter:
    """The Python that runs this program; of a virtual environment the one that it was made from."""
    version = sys.version_info
    beside = Path(sys.base_prefix, "bin", f"python{version.major}.{version.minor}")
    path = beside if beside.is_file() else Path(sys.executable).resolve()
    return Interpreter((str(path),), _needs(path))


def find_interpreters(python: str | None) -> dict[Language, Interpreter]:
    """All that there are on this machine.

    Args:
        python: the interpreter for Python, such as that of a virtual environment; by default that of this program.

    Raises:
        ConfigurationError: `python` is not an executable file.
    """
    chosen = own_python() if python is None else _named_python(python)
    # No compiled copies; output as it comes; and UTF-8, whatever the locale.
    found: dict[Language, Interpreter] = {
        "python": Interpreter((*chosen.command, "-B", "-u", "-X", "utf8"), chosen.needs)
    }
    shell = shutil.which("bash", path=os.defpath) or shutil.which("sh", path=os.defpath)
    if shell:
        found["shell"] = Interpreter((shell,))
    if node := shutil.which("node"):
        path = Path(node).resolve()
        found["javascript"] = Interpreter((str(path),), _needs(path))
    return found


def _named_python(name: str) -> Interpreter:
    path = Path(name).absolute()
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise ConfigurationError(
            f"python: {name!r:.200} is not an executable file.",
            guidance="Name an interpreter by its path, such as /srv/tools/.venv/bin/python.",
        )
    prefix = path.parent.parent
    settings = prefix / "pyvenv.cfg"
    if not settings.is_file():
        path = path.resolve()
        return Interpreter((str(path),), _needs(path))
    lines = (line.partition("=") for line in settings.read_text().splitlines())
    home = next((value.strip() for key, _, value in lines if key.strip() == "home"), str(path.resolve().parent))
    base = _needs(Path(home) / path.name)
    return Interpreter((str(path),), (str(settings), *_needs(path), *base, *_needs(path.resolve())))


def _needs(path: Path) -> tuple[str, ...]:
    """What an interpreter of a usual layout needs: ``PREFIX/bin`` and ``PREFIX/lib``, but nothing else of PREFIX."""
    return tuple(dict.fromkeys(_folders(path)))


def _folders(path: Path) -> Iterator[str]:
    if path.is_relative_to(NIX_STORE):
        yield NIX_STORE
        return
    prefix = path.parent.parent
    if prefix == Path.home():  # Whose bin and lib are not an interpreter's alone.
        yield str(path)
        return
    for name in ("bin", "lib", "lib64"):
        if (prefix / name).is_dir():
            yield str(prefix / name)
