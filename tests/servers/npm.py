"""Programs that try an npm client with a served agent: each runs once, and prints what the client saw."""

import json
import os
import subprocess
from pathlib import Path

from lightagent.domain.json_types import JsonObject
from tests.servers.child import ServerError
from tests.servers.node import wheel_node

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "npm_clients"
INSTALLED = ROOT / ".tools/npm-clients"
SECONDS = 50


def seen_by(program: str, **addresses: str) -> dict[str, JsonObject]:
    """What the program saw in each of its scenarios.

    Args:
        program: the name of a file in tests/servers/npm_clients.
        addresses: its environment.
    """
    # From standard input, since packages are looked for from the working directory then.
    source = "\n".join((PROGRAMS / name).read_text(encoding="utf-8") for name in ("scenarios.mjs", program))
    ended = subprocess.run(
        [wheel_node(), "--input-type=module", "-"],
        input=source,
        cwd=INSTALLED,
        env={**os.environ, **addresses},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if ended.returncode != 0:
        raise ServerError(f"{program} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    lines: list[JsonObject] = [json.loads(line) for line in ended.stdout.splitlines()]
    return {str(line["name"]): seen for line in lines if isinstance(seen := line["seen"], dict)}
