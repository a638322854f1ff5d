"""Settings: layers, profiles, the environment on top, and where each value comes from."""

import tomllib
from pathlib import Path

import pytest

from lightagent.domain.errors import ConfigurationError
from lightagent.settings import AgentSettings, Backend, Settings, load_settings
from lightagent.settings.settings_file import find_file
from lightagent.settings.toml_lines import key_lines

TRUSTED = {"LIGHTAGENT_TRUST_CONFIG": "1"}

FILE = """\
[default.agent]
name = "helper"
max_retry = 3

[default.model]
kind = "openai"
model = "small"
timeout = 30
params = { temperature = 0.5, top_p = 1 }

[dev.model]
kind = "offline"

[prod.model]
model = "large"
api_key = { env = "PROD_KEY" }

[prod.model.params]
temperature = 0.1

[prod.logging]
level = "INFO"
file = "agent.log"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository that is the current folder."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "lightagent.toml"
    path.write_text(FILE)
    return path


def test_without_a_profile_the_default_tables_hold(file: Path) -> None:
    settings = load_settings(environ=TRUSTED)
    assert settings.agent == AgentSettings(name="helper", max_retry=3)
    assert settings.model.kind == "openai"
    assert settings.model.options["params"] == {"temperature": 0.5, "top_p": 1}
    assert settings.provenance.file == file


def test_a_profile_merges_deeply_over_the_default(file: Path) -> None:
    settings = load_settings(profile="prod", environ=TRUSTED)
    assert settings.model.options == {
        "model": "large",
        "timeout": 30,
        "params": {"temperature": 0.1, "top_p": 1},
        "api_key": {"env": "PROD_KEY"},
    }
    assert settings.agent.name == "helper"
    assert settings.logging.file == Path("agent.log")


def test_another_kind_replaces_the_options_of_the_backend(file: Path) -> None:
    assert load_settings(profile="dev", environ=TRUSTED).model == Backend(kind="offline")
    assert load_settings(environ=TRUSTED | {"LIGHTAGENT__MODEL__KIND": "offline"}).model == Backend(kind="offline")


def test_the_same_kind_keeps_them(file: Path) -> None:
    assert load_settings(environ=TRUSTED | {"LIGHTAGENT__MODEL__KIND": "openai"}).model.options["timeout"] == 30


def test_the_environment_chooses_the_profile_and_the_call_overrules_it(file: Path) -> None:
    assert load_settings(environ=TRUSTED | {"LIGHTAGENT_PROFILE": "dev"}).provenance.profile == "dev"
    assert load_settings(profile="prod", environ=TRUSTED | {"LIGHTAGENT_PROFILE": "dev"}).provenance.profile == "prod"
    assert load_settings(environ=TRUSTED | {"LIGHTAGENT_PROFILE": ""}).provenance.profile == "default"


def test_the_environment_goes_over_the_file(file: Path) -> None:
    environ = {
        "LIGHTAGENT__AGENT__MAX_RETRY": "7",
        "LIGHTAGENT__AGENT__TIMEOUT": "2.5",
        "LIGHTAGENT__AGENT__CAPTURE_CONTENT": "true",
        "LIGHTAGENT__AGENT__ROLE": "5",
        "LIGHTAGENT__MODEL__TIMEOUT": "5.5",
        "LIGHTAGENT__MODEL__PARAMS__TEMPERATURE": "0.9",
        "LIGHTAGENT__MODEL__PARAMS__STOP": '["a", "b"]',
        "LIGHTAGENT__MODEL__MODEL": "123",
    }
    settings = load_settings(environ=TRUSTED | environ)
    agent = settings.agent
    assert (agent.max_retry, agent.timeout, agent.capture_content, agent.role) == (7, 2.5, True, "5")
    # An option of the first level stays text: its adapter knows its type, and "123" may be a name.
    assert settings.model.options["timeout"] == "5.5"
    assert settings.model.options["model"] == "123"
    assert settings.model.options["params"] == {"temperature": 0.9, "top_p": 1, "stop": ["a", "b"]}


def test_the_environment_may_set_a_whole_section_and_a_part_goes_over_it(folder: Path) -> None:
    environ = {"LIGHTAGENT__AGENT": '{"name": "a", "role": "b"}', "LIGHTAGENT__AGENT__NAME": "c"}
    assert load_settings(environ=TRUSTED | environ).agent == AgentSettings(name="c", role="b")


def test_each_value_knows_where_it_comes_from(file: Path) -> None:
    provenance = load_settings(profile="prod", environ=TRUSTED | {"LIGHTAGENT__AGENT__NAME": "x"}).provenance
    told = {name: provenance.origin(tuple(name.split("."))).describe() for name in ("model.timeout", "model.params")}
    assert told == {"model.timeout": "[default] lightagent.toml:8", "model.params": "[default] lightagent.toml:9"}
    assert provenance.origin(("model", "params", "temperature")).line == 19
    assert provenance.origin(("agent", "name")).describe() == "$LIGHTAGENT__AGENT__NAME"
    assert provenance.origin(("agent", "role")).describe() == "built-in"


def test_without_any_file_the_offline_model_answers(folder: Path) -> None:
    assert load_settings(environ=TRUSTED) == Settings()
    assert load_settings(environ=TRUSTED).model.kind == "offline"


@pytest.mark.parametrize(
    ("environ", "options"),
    [
        ({"OPENAI_API_KEY": "sk"}, {"model": "gpt-4.1", "api_key": {"env": "OPENAI_API_KEY"}}),
        (
            {"OPENAI_BASE_URL": "http://here/v1", "OPENAI_MODEL": "mine"},
            {"model": "mine", "base_url": {"env": "OPENAI_BASE_URL"}},
        ),
    ],
)
def test_without_a_chosen_model_the_openai_environment_counts(
    folder: Path, environ: dict[str, str], options: dict[str, object]
) -> None:
    assert load_settings(environ=TRUSTED | environ).model == Backend.model_validate(
        {"kind": "openai", "options": options}
    )


def test_the_openai_environment_stays_out_of_a_configured_backend(file: Path) -> None:
    assert "api_key" not in load_settings(environ=TRUSTED | {"OPENAI_API_KEY": "sk"}).model.options


def test_the_file_is_found_above_up_to_the_repository(file: Path) -> None:
    below = file.parent / "a/b"
    below.mkdir(parents=True)
    assert find_file(below) == file
    (below.parent / ".git").mkdir()
    assert find_file(below) is None


def test_outside_of_repository_and_home_only_the_current_folder_counts(tmp_path: Path) -> None:
    """What lies in /tmp may be anybody's, and settings say where keys are sent."""
    (tmp_path / "lightagent.toml").write_text(FILE)
    (tmp_path / "below").mkdir()
    assert find_file(tmp_path) == tmp_path / "lightagent.toml"
    assert find_file(tmp_path / "below") is None


def test_a_file_can_be_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "my.toml"
    elsewhere.write_bytes(b"\xef\xbb\xbf[default.agent]\nname = 'far'\n")
    assert load_settings(elsewhere, environ=TRUSTED).agent.name == "far"
    assert load_settings(environ=TRUSTED | {"LIGHTAGENT_CONFIG": str(elsewhere)}).agent.name == "far"


def test_settings_cannot_be_changed_and_are_made_in_code_too() -> None:
    settings = Settings(model=Backend(kind="scripted", options={"replies": ["hello"]}))
    with pytest.raises(ValueError, match="frozen"):
        settings.model = Backend(kind="offline")
    assert settings.provenance.place(("model", "kind")) == "model.kind"


def test_lines_of_keys() -> None:
    text = "[a.'b c']\nx = 1\ny.z = 2\nt = '''\nfake = 1\n[fake]\n'''\n\"q\" = 1\n[[list]]\nw = 1\n"
    assert key_lines(text) == {
        ("a", "b c"): 1,
        ("a", "b c", "x"): 2,
        ("a", "b c", "y", "z"): 3,
        ("a", "b c", "t"): 4,
        ("a", "b c", "q"): 8,
        ("list",): 9,
        ("list", "0"): 9,
        ("list", "0", "w"): 10,
    }


def test_every_problem_is_told_at_once(folder: Path) -> None:
    (folder / "lightagent.toml").write_text(
        '[default.agent]\nnmae = "x"\nmax_retry = 0\n[default.logging]\nlevel = "LOUD"\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ=TRUSTED)
    problems = caught.value.details["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 3
    assert all(str(problem) in str(caught.value) for problem in problems)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# no string begins here: '''\n[a]\nx = 1\n", 3),
        ('# nor here: """\n[a]\nx = 1\n', 3),
        ("[a] # '''\ny = 0 # \"\"\"\nx = 1\n", 3),
        ("[a]\ny = '# no comment'\nx = 1 # 'a comment\n", 3),
        ("[a]\ny = \"# no comment '''\"\nx = 1\n", 3),
        ("[a]\ny = 'C:\\'\nx = 1\n", 3),
        ("[a]\ny = \"a \\\" # '''\"\nx = 1\n", 3),
        ('[a]\ny = """ one line """\nx = 1\n', 3),
        ('[a]\ny = """\nx = 5\n"""\nx = 1\n', 5),
        ('[a]\ny = """\nx = 5\n\'\'\'\n"""\nx = 1\n', 6),
        ("[a]\ny = '''\nx = 5\n\"\"\" # \n'''\nx = 1\n", 6),
        ('[a]\ny = """\n\\"""\nx = 5\n"""\nx = 1\n', 6),
        ('[a]\ny = """\nquoted: "x = 5""""\nx = 1\n', 4),
        ("[a]\ny = [\n  '[a]',  # ]\n  'x',\n]\nx = 1\n", 6),
        ("[a]\ny = [\n  {x = 5},\n  [\n    1]]\nx = 1\n", 6),
        ("[a]\ny = [\n{ x = 5 }, # '''\n]\nx = 1\n", 5),
        ("[a]\ny = '\u2028'\nx = 1\n", 3),
        ("[a]\r\ny = 0\r\nx = 1\r\n", 3),
        ('[ "a" ]\n  "x"   = 1\n', 2),
        ('["\\u0061"]\n"x" = 1\n', 2),
        ("a.x = 1\n", 1),
        ("x.y = ['''\n[a]\nx = 1\n''', '''\n''', \"\"\"x\"\"\"] # '''\n[a]\nx = 1\n", 7),
    ],
)
def test_the_line_of_a_key_is_where_it_stands(text: str, line: int) -> None:
    assert tomllib.loads(text)["a"]["x"] == 1
    assert key_lines(text)["a", "x"] == line


def test_a_problem_is_told_with_its_line_after_quotes_in_a_comment(folder: Path) -> None:
    (folder / "lightagent.toml").write_text("# it's '''quoted\n[default.agent]\nmax_retry = 0\n")
    with pytest.raises(ConfigurationError, match=r"default\.agent\.max_retry \(lightagent\.toml:3\)"):
        load_settings(environ=TRUSTED)
