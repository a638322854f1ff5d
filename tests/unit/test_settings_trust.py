"""Trust: what a settings file that was merely found may do, and how its finder agrees to more."""

import hashlib
import os
import stat
from pathlib import Path

import pytest
from pydantic import BaseModel

from lightagent.bootstrap import open_app
from lightagent.domain.errors import ConfigurationError
from lightagent.settings import Settings, load_settings, open_file
from lightagent.settings.origins import printable
from lightagent.settings.schema import BACKENDS, SECTIONS, TABLES
from lightagent.settings.sections.base import NEEDS_TRUST, SAFE, Backend
from lightagent.settings.trust import TrustStore, needs_trust

SAFE_TEXT = '[default.agent]\nname = "Ada"\nmax_retry = 2\n'
HOST = '[default.model]\nkind = "openai"\nmodel = "m"\nbase_url = "https://example.org/v1"\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is found in the current folder, a repository."""
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder / "lightagent.toml"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def trust(path: Path, environ: dict[str, str]) -> None:
    read = open_file(path, environ)
    assert read is not None
    TrustStore(environ).add(read)


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ=environ)
    return str(caught.value)


def test_every_key_is_classed() -> None:
    for section in SECTIONS:
        table = Backend if section in BACKENDS else TABLES.get(section, Settings.model_fields[section].annotation)
        assert isinstance(table, type)
        assert issubclass(table, BaseModel)
        for name, field in table.model_fields.items():
            assert (SAFE in field.metadata) != (NEEDS_TRUST in field.metadata), f"{section}.{name} has no class"


def test_whatever_is_in_a_backend_needs_trust() -> None:
    assert all(needs_trust((section, option)) for section in BACKENDS for option in ("kind", "base_url", "anything"))


def test_the_safe_keys_of_a_found_file_are_used(file: Path, environ: dict[str, str]) -> None:
    file.write_text(SAFE_TEXT)
    assert load_settings(environ=environ).agent.name == "Ada"


def test_the_refusal_lists_the_keys_and_the_command(file: Path, environ: dict[str, str]) -> None:
    file.write_text(SAFE_TEXT + 'instructions = "x"\n' + HOST)
    told = refusal(environ)
    assert "agent.instructions (line 4), model.kind (line 6), model.model (line 7), model.base_url (line 8)" in told
    assert f"lightagent config trust {file}" in told
    assert "nothing was sent" in told
    assert "agent.name" not in told


def test_a_program_that_finds_a_file_is_told_to_name_it(file: Path, environ: dict[str, str]) -> None:
    file.write_text(HOST)
    with pytest.raises(ConfigurationError, match=r"load_settings\(path\)"):
        open_app(environ=environ)
    with open_app(load_settings(file, environ=environ), environ=environ | {"OPENAI_API_KEY": "k"}) as app:
        assert app.model.name == "m"


def test_trust_ends_when_a_byte_changes_and_comes_back_with_it(file: Path, environ: dict[str, str]) -> None:
    file.write_text(HOST)
    trust(file, environ)
    assert load_settings(environ=environ).model.kind == "openai"
    file.write_text(HOST + " ")
    assert "has changed since it was trusted" in refusal(environ)
    file.write_text(HOST)
    assert load_settings(environ=environ).model.kind == "openai"


def test_trust_does_not_move_with_the_file(
    file: Path, tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(HOST)
    trust(file, environ)
    (tmp_path / "other").mkdir()
    file.rename(tmp_path / "other/lightagent.toml")
    monkeypatch.chdir(tmp_path / "other")
    assert "has not been trusted" in refusal(environ)


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights elsewhere")
def test_a_link_is_as_trusted_as_what_it_leads_to(file: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    target, other = tmp_path / "target.toml", tmp_path / "other.toml"
    target.write_text(HOST)
    other.write_text(HOST)
    file.symlink_to(target)
    trust(target, environ)
    assert load_settings(environ=environ).model.kind == "openai"
    file.unlink()
    file.symlink_to(other)
    assert "has not been trusted" in refusal(environ)


def test_what_was_read_is_what_was_compared(file: Path, environ: dict[str, str]) -> None:
    file.write_text(SAFE_TEXT)
    read = open_file(file, environ)
    file.write_text(HOST)  # Replaced before it is trusted: what was seen is trusted, what is there now is not.
    assert read is not None
    TrustStore(environ).add(read)
    assert "has changed" in refusal(environ)


@pytest.mark.parametrize(
    ("said", "trusted"), [("1", True), ("yes", True), ("0", False), ("", False), ("f" * 64, False)]
)
def test_a_variable_trusts_for_once(file: Path, environ: dict[str, str], said: str, trusted: bool) -> None:
    file.write_text(HOST)
    variables = environ | {"LIGHTAGENT_TRUST_CONFIG": said}
    if trusted:
        assert load_settings(environ=variables).model.kind == "openai"
    else:
        assert "has not been trusted" in refusal(variables)
    assert "has not been trusted" in refusal(environ)


def test_a_variable_may_name_the_one_content(file: Path, environ: dict[str, str]) -> None:
    file.write_text(HOST)
    variables = environ | {"LIGHTAGENT_TRUST_CONFIG": hashlib.sha256(HOST.encode()).hexdigest()}
    assert load_settings(environ=variables).model.kind == "openai"
    file.write_text(HOST + "\n")
    assert "has not been trusted" in refusal(variables)
    assert "invalid value 'maybe'" in refusal(environ | {"LIGHTAGENT_TRUST_CONFIG": "maybe"})


def test_what_the_user_replaces_needs_no_trust(file: Path, environ: dict[str, str]) -> None:
    file.write_text('[default.model]\nkind = "openai"\nbase_url = "https://example.org"\n')
    assert load_settings(environ=environ | {"LIGHTAGENT__MODEL__KIND": "offline"}).model == Backend(kind="offline")
    assert "model.base_url" in refusal(environ | {"LIGHTAGENT__MODEL__KIND": "openai"})


def test_a_named_file_is_the_users_own(file: Path, environ: dict[str, str]) -> None:
    file.write_text(HOST)
    assert load_settings(environ=environ | {"LIGHTAGENT_CONFIG": str(file)}).model.kind == "openai"
    assert load_settings(file, environ=environ).model.kind == "openai"


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_the_records_are_private_and_a_broken_one_counts_as_none(file: Path, environ: dict[str, str]) -> None:
    file.write_text(HOST)
    trust(file, environ)
    store = TrustStore(environ)
    (record,) = store.folder.iterdir()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert [known.path for known in store] == [file.resolve()]
    record.write_text("[")
    assert not list(store)
    assert "has not been trusted" in refusal(environ)


@pytest.mark.skipif(os.name != "posix", reason="owners of POSIX")
def test_a_file_of_another_user_is_pointed_out(
    file: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(HOST)
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    assert "belongs to another user" in refusal(environ)


def test_names_from_the_file_cannot_take_the_terminal_over(file: Path, environ: dict[str, str]) -> None:
    file.write_text('[default.model]\n"\\u001b[2J" = 1\n')
    assert "model.\\x1b[2J" in refusal(environ)
    assert printable("a\x1b\u202eb") == "a\\x1b\\u202eb"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LIGHTAGENT_PROFLE", "'LIGHTAGENT_PROFILE'"),
        ("LIGHTAGENT_CONFG", "'LIGHTAGENT_CONFIG'"),
        ("LIGHTAGENT_TRUST", "'LIGHTAGENT_TRUST_CONFIG'"),
        ("LIGHTAGENT_MODEL__KIND", "'LIGHTAGENT__MODEL__KIND'"),
        ("LIGHTAGENT_AGENT_MAX_RETRY", "'LIGHTAGENT__AGENT__MAX_RETRY'"),
        ("LightAgent_Profile", "'LIGHTAGENT_PROFILE'"),
        ("LIGHTAGENT_XYZ", "Settings are LIGHTAGENT__SECTION__OPTION"),
    ],
)
@pytest.mark.usefixtures("file")
def test_a_misspelt_variable_is_refused(environ: dict[str, str], name: str, meant: str) -> None:
    told = refusal(environ | {name: "x"})
    assert f"environment variable {name}" in told
    assert meant in told
