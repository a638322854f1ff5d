"""The official conformance suite of the Model Context Protocol, run against our client."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.servers.mcp.others import PROJECT, script
from tests.servers.node import wheel_node

SUITE_SECONDS = 120.0


def run_scenario(scenario: str, version: str) -> str:
    """What the suite prints about one scenario; its last lines say whether it passed."""
    client = shlex.join([sys.executable, "-m", "tests.servers.mcp.conformance_client"])
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT / 'src'}{os.pathsep}{PROJECT}"}
    command = [wheel_node(), script("conformance"), "client", "--command", client, "--scenario", scenario]
    done = subprocess.run(
        [*command, "--spec-version", version],
        cwd=Path(PROJECT),
        env=environment,
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
        check=False,
    )
    return done.stdout + done.stderr
