"""What an editor shows: pyright knows the type of every name that lightagent exports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT


@pytest.mark.timeout(300)  # It reads the whole package, which takes minutes where the machine is busy.
def test_every_exported_type_is_known() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    # pyright looks for other packages with the first `python` of the path.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    options = ["--verifytypes", "lightagent", "--ignoreexternal", "--outputjson"]
    command = [sys.executable, "-m", "pyright", *options]
    checked = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    report = json.loads(checked.stdout)["typeCompleteness"]
    assert report["pyTypedPath"]
    assert report["symbols"]
    # Ambiguous is well: an attribute whose value says its type, such as `code = "LA-TOOL"`.
    unknown = [
        f"{symbol['name']}: {'; '.join(found['message'] for found in symbol['diagnostics'])}"
        for symbol in report["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"]
    ]
    assert not unknown, "\n".join(unknown)
