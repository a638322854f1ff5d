"""What a settings file that was found, not named, may set before its user has trusted it.

A `lightagent.toml` in a cloned repository was written by others. It could send a key of the environment to a host of
its choice, so its keys that need trust are refused until the finder says `lightagent config trust`. That is remembered
by the file's real path and its content: a file that is changed or moved has to be trusted again.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace

from lightagent.domain.errors import ConfigurationError
from lightagent.settings.environment import TRUST_VARIABLE
from lightagent.settings.origins import Leaves, Problem, printable, short_path
from lightagent.settings.schema import TABLES, needs_trust
from lightagent.settings.toml_file import ConfigFile
from lightagent.settings.trust_store import TrustStore


def judged(file: ConfigFile, environ: Mapping[str, str], *, trust: bool = False) -> ConfigFile:
    """Return a found file with the reason for distrust, if any.

    Args:
        trust: whether the user trusts any found file, this time only.

    Raises:
        ConfigurationError: LIGHTAGENT_TRUST_CONFIG is not a yes, a no or a SHA-256.
    """
    if trust or _is_trusted_by_variable(file, environ.get(TRUST_VARIABLE, "")):
        return file
    kept = TrustStore(environ).find(file.path)
    if kept is not None and kept.digest == file.digest:
        return file
    changed = "it was found here, and has changed since it was trusted"
    return replace(file, distrust=changed if kept else "it was found here, and has not been trusted")


def withheld(file: ConfigFile | None, leaves: Leaves) -> list[Problem]:
    """Return one problem that refuses an untrusted file with settings that need trust; none if all values are safe.

    Args:
        leaves: the effective values, from all layers.
    """
    if file is None or not file.distrust:
        return []
    keys: dict[str, int | None] = {}
    for path, leaf in leaves.items():
        if leaf.origin.layer == "file" and needs_trust(path):
            keys.setdefault(printable(".".join(path[: 3 if path[0] in TABLES else 2])), leaf.origin.line)
    if not keys:
        return []
    place = printable(shlex.quote(str(file.path)))
    listed = ", ".join(f"{key} (line {line})" if line else key for key, line in keys.items())
    return [
        Problem(
            printable(short_path(file.path)),
            f"{file.distrust[0].upper()}{file.distrust[1:]}{_owner(file)}. Only a trusted file may set: {listed}. "
            "Nothing of it was used, and nothing was sent.",
            f"Read it. If you agree, type: lightagent config trust {place}; or name the file yourself, "
            "with --config, LIGHTAGENT_CONFIG or load_settings(path).",
        )
    ]


def owned_by_another(file: ConfigFile) -> bool:
    """Whether the file belongs to another user of this machine."""
    return os.name == "posix" and file.owner is not None and file.owner != os.getuid()


def _owner(file: ConfigFile) -> str:
    return f"; it belongs to another user of this machine (number {file.owner})" if owned_by_another(file) else ""


def _is_trusted_by_variable(file: ConfigFile, said: str) -> bool:
    answer = said.strip().lower()
    if re.fullmatch("[0-9a-f]{64}", answer):
        return answer == file.digest
    if answer not in ("", "0", "false", "no", "1", "true", "yes"):
        raise ConfigurationError(
            f"{TRUST_VARIABLE}: {printable(said)!r:.80} is not an answer.",
            guidance="Write 1 to trust any file that is found, or the SHA-256 of the one file to trust.",
        )
    return answer in ("1", "true", "yes")
