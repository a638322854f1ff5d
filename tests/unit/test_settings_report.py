"""Settings as people are shown them read as TOML again, whatever their keys are called."""

from __future__ import annotations

import tomllib
from pathlib import Path

from lightagent.settings.load import load_settings
from lightagent.settings.report import differences, rows

FILE = """
[default.telemetry]
endpoint = "http://localhost:4318"
resource = { "deployment.environment.name" = "production", "a \\"b\\"" = 1, plain-name_1 = "x" }

[default.mcp."my.server"]
command = "serve"

[other.mcp."my.server"]
command = "other"
"""


def test_keys_with_dots_stand_in_quotation_marks(tmp_path: Path) -> None:
    (tmp_path / "lightagent.toml").write_text(FILE, encoding="utf-8")
    settings = load_settings(tmp_path / "lightagent.toml", environ={})
    shown = {row.path: row.value for row in rows(settings)}
    resource = shown["telemetry.resource"]
    assert resource.startswith('{ "deployment.environment.name" = "production", ')
    assert tomllib.loads(f"resource = {resource}") == {
        "resource": {"deployment.environment.name": "production", 'a "b"': 1, "plain-name_1": "x"}
    }
    assert shown['mcp."my.server".command'] == '"serve"'


def test_differences_name_keys_in_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "lightagent.toml").write_text(FILE, encoding="utf-8")
    ours, theirs = (load_settings(tmp_path / "lightagent.toml", name, environ={}) for name in (None, "other"))
    assert [one.path for one in differences(ours, theirs)] == ['mcp."my.server".command']
