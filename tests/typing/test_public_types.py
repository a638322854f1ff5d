"""Every type that users can see is written down: pyright infers none, and no checker can infer another one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)  # A checker that reads everything anew on a busy machine.

ROOT = Path(__file__).parents[2]


def test_every_public_type_is_known() -> None:
    # pyright looks for packages with the first `python` of the path.
    first = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{first}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "pyright", "--verifytypes", "lightagent", "--ignoreexternal", "--outputjson"]
    checked = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found = json.loads(checked.stdout)["typeCompleteness"]
    unclear = {
        symbol["name"]: [told["message"] for told in symbol["diagnostics"] if told["severity"] == "error"]
        for symbol in found["symbols"]
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]
    }
    assert not unclear, "\n".join(f"{name}: {' '.join(messages)}" for name, messages in sorted(unclear.items())[:40])
    assert found["completenessScore"] == 1
    assert found["exportedSymbolCounts"]["withKnownType"] > 5_000
