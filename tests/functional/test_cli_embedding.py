"""An embedder of the settings, as a person meets it on the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.entrypoints.cli.app import app


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LIGHTAGENT_PROFILE", "LIGHTAGENT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "lightagent.toml"


def told(settings: Path, table: str, *command: str) -> Result:
    settings.write_text(f"[default.embedding]\n{table}\n")
    return CliRunner().invoke(app, [*command, "--config", str(settings)], env={"COLUMNS": "200"})


def test_the_doctor_asks_the_embedder(settings: Path) -> None:
    sound = told(settings, 'kind = "hashing"', "doctor")
    assert sound.exit_code == 0, sound.stderr
    assert "✓ embedding · hashing" in sound.stdout
    assert "a vector of 512 numbers" in sound.stdout
    down = told(settings, 'kind = "openai"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"', "doctor")
    assert down.exit_code == 1
    assert "✗ embedding · openai" in down.stdout
    assert "The connection to 127.0.0.1 failed" in down.stderr


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('kind = "openai"\nmodel = "m"', "There is no API key for api.openai.com"),
        ('kind = "onnx"\npath = "nowhere"', "nowhere' does not exist"),
        ('kind = "hashing"\ndimension = 3', "embedding.dimension"),
        ('kind = "hasing"', "Did you mean 'hashing'"),
    ],
)
def test_the_settings_are_checked_before_anything_is_asked(settings: Path, table: str, problem: str) -> None:
    checked = told(settings, table, "config", "check")
    assert checked.exit_code != 0
    assert problem in (checked.stdout + checked.stderr).replace("\n", " ")
