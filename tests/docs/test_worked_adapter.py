"""The worked adapter of CONTRIBUTING.md, as a package of its own with an entry point, passes its certificate."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import ROOT, blocks


def test_it_is_certified(tmp_path: Path, environment: dict[str, str]) -> None:
    adapter, certificate = (block for block in blocks(ROOT / "CONTRIBUTING.md") if block.language == "python")
    (tmp_path / "worked_adapter.py").write_text(adapter.text, encoding="utf-8")
    (tmp_path / "test_chat_echo.py").write_text(certificate.text, encoding="utf-8")
    about = tmp_path / "worked_adapter-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: worked-adapter\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[lightagent.chat]\necho = worked_adapter:ADAPTER\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_chat_echo.py"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "src")])},
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
